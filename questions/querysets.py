"""Who may read which question or release. Later stages register the readers and denials that they create."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Prefetch, Q

from questions.enums import ItemChange, ReleaseStatus, Split

if TYPE_CHECKING:
    from hle_site.accounts.models import User

NOTHING = Q(pk__in=[])
PUBLISHED = (ReleaseStatus.PUBLISHED, ReleaseStatus.SUPERSEDED)

_readers: list[Callable[[Any], Q]] = []
_denials: list[Callable[[Any], Q]] = []


def register_readers(rule: Callable[[Any], Q]) -> Callable[[Any], Q]:
    """Let `rule(user)` add questions that the user may read in a role, unless a denial takes them back.

    A rule speaks of one row: columns of the question and sets of ids, no joins to many. `NOTHING` where it adds none.
    """
    if rule not in _readers:
        _readers.append(rule)
    return rule


def register_denials(rule: Callable[[Any], Q]) -> Callable[[Any], Q]:
    """Let `rule(user)` take back questions from every role of the user; own and released ones stay.

    A rule speaks of one row, as for readers.
    """
    if rule not in _denials:
        _denials.append(rule)
    return rule


def own(user: User) -> Q:
    """The questions that the user wrote or maintains."""
    return Q(contributor=user) | Q(maintainer=user)


def released(_user: User | None = None) -> Q:
    """The questions whose text is in the public split of a published release."""
    items = apps.get_model("questions", "ReleaseItem").objects
    return Q(
        Exists(
            items.filter(
                question=OuterRef("pk"), release__status__in=[*PUBLISHED, ReleaseStatus.YANKED], split=Split.PUBLIC
            )
        )
    )


def for_organisers(user: User) -> Q:
    """What organisers read: everything that is not held out."""
    return ~Q(split=Split.HELD_OUT) if user.has_role("organiser") else NOTHING


def for_auditors(user: User) -> Q:
    """What auditors read: everything that was once in review and is not held out."""
    return ~Q(split=Split.HELD_OUT) & Q(submitted_at__isnull=False) if user.has_role("auditor") else NOTHING


_readers += [for_organisers, for_auditors]


def denied(user: User) -> Q:
    """The questions that no role opens to this user."""
    return any_of(rule(user) for rule in _denials)


def readable_by_role(user: User) -> Q:
    """The questions that a role opens to this user, before denials are subtracted."""
    return any_of(rule(user) for rule in _readers)


def any_of(rules: Iterable[Q]) -> Q:
    """The rows of at least one rule; `NOTHING` itself, to be known by, when no rule adds any."""
    found = [rule for rule in rules if rule is not NOTHING]
    return reduce(or_, found) if found else NOTHING


def readable(user: User) -> Q:
    """The questions whose text the user may read: own, opened by a role and not denied, or released."""
    if not getattr(user, "is_active", False):
        return NOTHING
    return at_work(user) | released() if user.is_researcher else at_work(user)


def at_work(user: User) -> Q:
    """The questions that are open to an active user, without what only a release opens."""
    by_role = readable_by_role(user)
    return own(user) if by_role is NOTHING else own(user) | (by_role & ~denied(user))


def newest_revisions() -> Prefetch:
    """What loads the newest revisions of many questions in one query, to be found as `newest`."""
    revisions = apps.get_model("questions", "Revision").objects
    numbers = revisions.filter(question=OuterRef("question")).order_by("-number").values("number")
    return Prefetch("revisions", revisions.filter(number=models.Subquery(numbers[:1])), to_attr="newest_revisions")


class QuestionQuerySet(models.QuerySet["Any"]):
    """Questions, from `visible_to` on."""

    def visible_to(self, user: User) -> QuestionQuerySet:
        """Return the questions whose text the user may read: own, opened by a role and not denied, or released."""
        return self.filter(readable(user))

    def at_work_for(self, user: User) -> QuestionQuerySet:
        """Return what `visible_to` does without what only a release opens: a release shows its own text, not the newest."""
        if not getattr(user, "is_active", False):
            return self.none()
        return self.filter(at_work(user))

    def with_standing(self, user: User) -> QuestionQuerySet:
        """Load beside each question what `standing` says, unless the user has no role, of whom the rules hardly ask it."""
        return self if readable_by_role(user) is NOTHING else self._standing(user)

    def _standing(self, user: User) -> QuestionQuerySet:
        return self.annotate(is_readable=readable(user), is_denied=denied(user))

    def standing(self, user: User) -> tuple[bool, bool]:
        """Return of the one question here whether the user may read it, and whether no role opens it to them."""
        rows = self._standing(user).values_list("is_readable", "is_denied")
        may_read, is_denied = rows.first() or (False, False)
        return bool(may_read), bool(is_denied)

    def owned_by(self, user: User) -> QuestionQuerySet:
        """Return the questions that the user wrote or maintains."""
        return self.filter(own(user))

    def for_list(self) -> QuestionQuerySet:
        """Load what a list row shows in two queries."""
        return self.select_related("call", "contributor").prefetch_related(newest_revisions())


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


class DuplicatePairQuerySet(models.QuerySet["Any"]):
    """Pairs of near texts, from `visible_to` on."""

    def visible_to(self, user: User) -> DuplicatePairQuerySet:
        """Return the pairs of which an organiser or auditor may read both questions in that role, own ones never."""
        if not (getattr(user, "is_active", False) and user.has_role("organiser", "auditor")):
            return self.none()
        questions = self.model._meta.get_field("first").related_model.objects
        readable = questions.filter(for_organisers(user) | for_auditors(user)).exclude(denied(user)).values("pk")
        return self.filter(first__in=readable, second__in=readable)

    def of(self, question_ids: Iterable[Any]) -> DuplicatePairQuerySet:
        """Return the pairs among some questions."""
        ids = list(question_ids)
        return self.filter(first__in=ids, second__in=ids)
