"""Conflicts of interest between people: declared by either side, same institution now or within three years, same ORCID."""

import unicodedata
from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, UUIDField, Value
from django.utils import timezone

from hle_site import lookups
from hle_site.accounts.models import Affiliation, Conflict, User

MEMORY = timedelta(days=3 * 365)
OF_CONFLICT = ("user", "other", "institution_key", "question_id")
# an affiliation counts like a conflict that its holder has declared with the institution
NAMES_NOBODY = {name: Value(None, output_field=UUIDField()) for name in ("other", "question_id")}


def institution_key(name: str) -> str:
    """Return the form in which institutions are compared: case, accents, punctuation and spacing do not matter."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join(
        "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char)).split()
    )[:200]


def _live() -> Q:
    return Q(ended_at=None) | Q(ended_at__gte=(timezone.now() - MEMORY).date())


class Conflicts(NamedTuple):
    """With whom and with what a person has a conflict."""

    people: list[UUID]  # the person, those named by either side, those with the same ORCID
    institutions: list[str]
    questions: list[UUID]


def of(user: Any) -> Conflicts:
    """Return what conflicts rest on, looked up in one small query, two with an ORCID."""
    return lookups.once(("conflicts", user.pk), lambda: _look_up(user))


def _look_up(user: Any) -> Conflicts:
    declared = Conflict.objects.filter(Q(user=user) | Q(other=user))
    works_at = Affiliation.objects.filter(_live(), user=user).annotate(**NAMES_NOBODY)
    rows = list(declared.values_list(*OF_CONFLICT).union(works_at.values_list(*OF_CONFLICT), all=True))
    own = [row for row in rows if row[0] == user.pk]
    people = {user.pk, *(by for by, *_ in rows), *(other for _, other, *_ in own if other)}
    if user.orcid:
        people |= set(User.objects.filter(orcid=user.orcid).values_list("pk", flat=True))
    places = {institution for *_, institution, _ in own if institution}
    return Conflicts(sorted(people), sorted(places), sorted(question for *_, question in own if question))


def against(people: Collection[UUID], question_id: UUID) -> Q:
    """Return the rule for accounts that have a conflict with one of these people, or that declared one with the question.

    The same rule as `of` and `naming`, read from the other side: for many accounts at once.
    """
    declared = Conflict.objects.filter(user=OuterRef("pk"))
    works_at = (
        Affiliation.objects.filter(_live(), user__in=people).exclude(institution_key="").values("institution_key")
    )
    orcids = User.objects.filter(pk__in=people).exclude(orcid="").values("orcid")
    return (
        Q(pk__in=people)
        | Q(orcid__in=orcids)
        | Exists(declared.filter(Q(other__in=people) | Q(question_id=question_id) | Q(institution_key__in=works_at)))
        | Exists(Conflict.objects.filter(user__in=people, other=OuterRef("pk")))
        | Exists(Affiliation.objects.filter(_live(), user=OuterRef("pk"), institution_key__in=works_at))
    )


def naming(user: Any, *fields: str) -> Q:
    """Return the rule for rows of which one of the fields names an account with a conflict, the user's own included."""
    found = of(user)
    rule = Q()
    for field in fields:
        rule |= Q(**{f"{field}__in": found.people})
    if found.institutions:
        colleagues = Affiliation.objects.filter(_live(), institution_key__in=found.institutions).values("user")
        for field in fields:
            rule |= Q(**{f"{field}__in": colleagues})
    return rule
