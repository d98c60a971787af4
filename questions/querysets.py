"""Who may read which question or release. Later stages register the readers and denials that they create."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Prefetch, Q

from questions.enums import ItemChange, ReleaseStatus, Split

if TYPE_CHECKING:
    from hle_site.accounts.models import User

NOTHING = Q(pk__in=[])
PUBLISHED = (ReleaseStatus.PUBLISHED, ReleaseStatus.SUPERSEDED)

_readers: list[Callable[[Any], Q]] = []
_denials: list[Callable[[Any], Q]] = []


def register_readers(rule: Callable[[Any], Q]) -> Callable[[Any], Q]:
    """Let `rule(user)` add questions that the user may read in a role, unless a denial takes them back."""
    if rule not in _readers:
        _readers.append(rule)
    return rule


def register_denials(rule: Callable[[Any], Q]) -> Callable[[Any], Q]:
    """Let `rule(user)` take back questions from every role of the user; own and released ones stay."""
    if rule not in _denials:
        _denials.append(rule)
    return rule


def own(user: User) -> Q:
    """The questions that the user wrote or maintains."""
    return Q(contributor=user) | Q(maintainer=user)


def released(_user: User | None = None) -> Q:
    """The questions whose text is in the public split of a published release."""
    return Q(release_items__release__status__in=[*PUBLISHED, ReleaseStatus.YANKED], release_items__split=Split.PUBLIC)


def for_organisers(user: User) -> Q:
    """What organisers read: everything that is not held out."""
    return ~Q(split=Split.HELD_OUT) if user.has_role("organiser") else NOTHING


def for_auditors(user: User) -> Q:
    """What auditors read: everything that was once in review and is not held out."""
    return ~Q(split=Split.HELD_OUT) & Q(submitted_at__isnull=False) if user.has_role("auditor") else NOTHING


_readers += [for_organisers, for_auditors]


def denied(user: User) -> Q:
    """The questions that no role opens to this user."""
    rule = NOTHING
    for denial in _denials:
        rule |= denial(user)
    return rule


def readable_by_role(user: User) -> Q:
    """The questions that a role opens to this user, denials subtracted last."""
    rule = NOTHING
    for reader in _readers:
        rule |= reader(user)
    return rule


class QuestionQuerySet(models.QuerySet["Any"]):
    """Questions, from `visible_to` on."""

    def visible_to(self, user: User) -> QuestionQuerySet:
        """Return the questions whose text the user may read: own, opened by a role and not denied, or released."""
        if not getattr(user, "is_active", False):
            return self.none()
        rule = self._open_to(user)
        if user.is_researcher:
            rule |= Q(pk__in=self.model.objects.filter(released()).values("pk"))
        return self.filter(rule)

    def at_work_for(self, user: User) -> QuestionQuerySet:
        """Return what `visible_to` does without what only a release opens: a release shows its own text, not the newest."""
        if not getattr(user, "is_active", False):
            return self.none()
        return self.filter(self._open_to(user))

    def _open_to(self, user: User) -> Q:
        table = self.model.objects
        by_role = table.filter(readable_by_role(user)).exclude(pk__in=table.filter(denied(user)).values("pk"))
        return own(user) | Q(pk__in=by_role.values("pk"))

    def owned_by(self, user: User) -> QuestionQuerySet:
        """Return the questions that the user wrote or maintains."""
        return self.filter(own(user))

    def for_list(self) -> QuestionQuerySet:
        """Load what a list row shows in two queries."""
        revisions = self.model._meta.get_field("revisions").related_model.objects
        newest = revisions.filter(
            number=models.Subquery(
                revisions.filter(question=models.OuterRef("question")).order_by("-number").values("number")[:1]
            )
        )
        return self.select_related("call", "contributor").prefetch_related(
            Prefetch("revisions", queryset=newest, to_attr="newest_revisions")
        )


class ReleaseQuerySet(models.QuerySet["Any"]):
    """Releases, from `visible_to` on."""

    def visible_to(self, user: User) -> ReleaseQuerySet:
        """Return published releases for everybody, all for organisers and auditors."""
        if getattr(user, "is_active", False) and user.has_role("organiser", "auditor"):
            return self.all()
        return self.filter(status__in=[*PUBLISHED, ReleaseStatus.YANKED])


class ReleaseItemQuerySet(models.QuerySet["Any"]):
    """What a release holds, and what it says about questions that it no longer holds."""

    def present(self) -> ReleaseItemQuerySet:
        """Return the questions of the release, without those that it lists as removed."""
        return self.exclude(change=ItemChange.REMOVE)

    def in_public(self) -> ReleaseItemQuerySet:
        """Return the questions of the public split."""
        return self.present().filter(split=Split.PUBLIC)
