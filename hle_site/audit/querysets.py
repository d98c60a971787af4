"""Who may read which events of the log. The stages, which know what their objects belong to, register the readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.models import Q

_readers: list[Callable[[Any], Q]] = []
_closers: list[Callable[[Any], Q]] = []


def register_readers(rule: Callable[[Any], Q]) -> Callable[[Any], Q]:
    """Let `rule(user)` name events that the user may read beyond the own acts."""
    if rule not in _readers:
        _readers.append(rule)
    return rule


def register_closers(rule: Callable[[Any], Q]) -> Callable[[Any], Q]:
    """Let `rule(user)` name events of others whose reason stays closed to the user, who may know that they happened."""
    if rule not in _closers:
        _closers.append(rule)
    return rule


class AuditEventQuerySet(models.QuerySet["Any"]):
    """Events of the log."""

    def own(self, user: Any) -> AuditEventQuerySet:
        """Return what the user did."""
        return self.filter(actor_id=user.pk)

    def visible_to(self, user: Any) -> AuditEventQuerySet:
        """Return the own acts and what a role opens."""
        rule = Q(actor_id=user.pk)
        for reader in _readers:
            rule |= reader(user)
        return self.filter(rule)

    def with_reasons_for(self, user: Any) -> AuditEventQuerySet:
        """Return those whose reason the user may read, too, of events that they may read."""
        closed = Q()
        for closer in _closers:
            closed |= closer(user)
        return self.exclude(closed & ~Q(actor_id=user.pk)) if closed else self
