"""The audit log as pages: all that a role opens, and everybody's own acts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from hle_site.audit import log, words
from hle_site.audit.forms import EventFilterForm
from hle_site.audit.models import AuditEvent, AuditReason

PAGE_SIZE = 30


class Row(NamedTuple):
    """One event with the words around its ids and codes."""

    event: AuditEvent
    actor: str
    act: str
    kind: str
    before: str
    after: str
    reason: str
    is_intact: bool


@require_GET
def log_page(request: HttpRequest) -> HttpResponse:
    """Search the events that the reader's role opens."""
    if not request.user.has_perm("audit.view_log"):
        raise PermissionDenied("audit.view_log")
    form = EventFilterForm(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    found = _filtered(AuditEvent.objects.visible_to(request.user), wanted)
    return render(request, "audit/log.html", {"form": form, "shows_actor": True, **_page(request, found)})


@require_GET
def activity(request: HttpRequest) -> HttpResponse:
    """What the reader did."""
    found = AuditEvent.objects.own(request.user)
    return render(request, "audit/activity.html", {"shows_actor": False, **_page(request, found)})


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Recompute the whole chain."""
    if not request.user.has_perm("audit.view_log"):
        raise PermissionDenied("audit.view_log")
    broken = log.verify()
    if broken:
        numbers = ", ".join(map(str, broken[:10]))
        messages.error(
            request, _("The chain is broken at event %(numbers)s. Keep this database as it is.") % {"numbers": numbers}
        )
    else:
        messages.success(
            request, _("The chain is whole: every event is as it was written, and none is missing between them.")
        )
    return redirect("accounts:audit")


def _filtered(events: QuerySet[AuditEvent], wanted: dict[str, str]) -> QuerySet[AuditEvent]:
    if action := wanted.get("action"):
        events = events.filter(action__startswith=action)
    if object_id := wanted.get("object"):
        events = events.filter(object_id=object_id)
    if actor := wanted.get("actor"):
        events = events.filter(actor_id=actor)
    return events


def _page(request: HttpRequest, events: QuerySet[AuditEvent]) -> dict[str, Any]:
    before = request.GET.get("before", "")
    found = events.filter(sequence__lt=int(before)) if before.isdecimal() and len(before) < 18 else events
    rows = list(found.order_by("-sequence")[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    older = shown[-1].sequence if len(rows) > PAGE_SIZE else ""
    return {"rows": _rows(shown, request.user), "older": older, "is_first": not before}


def _rows(events: Iterable[AuditEvent], user: Any) -> list[Row]:
    events = list(events)
    people = get_user_model().objects.in_bulk({event.actor_id for event in events if event.actor_id})
    told = AuditEvent.objects.with_reasons_for(user).filter(pk__in=[event.pk for event in events])
    reasons = dict(AuditReason.objects.filter(event__in=told.values("pk")).values_list("event_id", "text"))
    return [_row(event, _name(event, people), reasons.get(event.pk, "")) for event in events]


def _row(event: AuditEvent, actor: str, reason: str) -> Row:
    return Row(
        event,
        actor,
        act=words.of_act(event.action),
        kind=words.of_object(event.object_type),
        before=words.of_state(event.before),
        after=words.of_state(event.after),
        reason=reason,
        is_intact=log.is_intact(event),
    )


def _name(event: AuditEvent, people: dict[Any, Any]) -> str:
    if event.actor_id is None:
        return _("the platform")
    return str(people.get(event.actor_id) or _("a deleted account"))
