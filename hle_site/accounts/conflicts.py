"""Conflicts of interest between people: declared by either side, same institution now or within three years, same ORCID."""

import unicodedata
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from hle_site.accounts.models import Affiliation, Conflict, User

MEMORY = timedelta(days=3 * 365)


def institution_key(name: str) -> str:
    """Return the form in which institutions are compared: case, accents, punctuation and spacing do not matter."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return " ".join(
        "".join(char if char.isalnum() else " " for char in plain if not unicodedata.combining(char)).split()
    )[:200]


def _live() -> Q:
    return Q(ended_at=None) | Q(ended_at__gte=(timezone.now() - MEMORY).date())


def people(user: Any) -> QuerySet[User]:
    """Return the accounts with which the user has a conflict, the user included."""
    institutions = Affiliation.objects.filter(_live(), user=user).values("institution_key")
    named_institutions = Conflict.objects.filter(user=user).exclude(institution_key="").values("institution_key")
    colleagues = Affiliation.objects.filter(
        _live(), Q(institution_key__in=institutions) | Q(institution_key__in=named_institutions)
    ).values("user")
    declared = Conflict.objects.filter(user=user, other__isnull=False).values("other")
    declared_by_other = Conflict.objects.filter(other=user).values("user")
    rule = Q(pk=user.pk) | Q(pk__in=colleagues) | Q(pk__in=declared) | Q(pk__in=declared_by_other)
    if user.orcid:
        rule |= Q(orcid=user.orcid)
    return User.objects.filter(rule)


def question_ids(user: Any) -> QuerySet[Conflict, UUID | None]:
    """Return the ids of questions with which a conflict was declared."""
    return Conflict.objects.filter(user=user, question_id__isnull=False).values_list("question_id", flat=True)
