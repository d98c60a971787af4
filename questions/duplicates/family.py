"""The family of a question: what one person wrote that is the same question tried again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from questions.duplicates import search
from questions.enums import PairKind, PairState
from questions.models import ComparedText, DuplicatePair, Question


def family_of(question: Question) -> set[UUID]:
    """Return the ids of the near-duplicate family of a question among those of the same contributor, itself included.

    The family is the transitive closure of "similar by letters and words from 0.8 on" over all texts that were ever tested,
    without pairs that organisers have dismissed. The newest text of the question is compared now, whether or not it was
    searched yet, so that a check that is about to start is counted with the tries before it.
    """
    contributor = question.contributor_id
    links: dict[UUID, set[UUID]] = defaultdict(set)
    stored = DuplicatePair.objects.filter(
        first__contributor=contributor,
        second__contributor=contributor,
        kind=PairKind.LEXICAL,
        score__gte=search.FAMILY_FROM,
    )
    rows = list(stored.values_list("first", "second", "state"))
    dismissed = {frozenset((first, second)) for first, second, state in rows if state == PairState.DISMISSED}
    alike = [(first, second) for first, second, state in rows if state != PairState.DISMISSED]
    for one, other in [*alike, *((question.pk, pk) for pk in _alike_now(question))]:
        if frozenset((one, other)) not in dismissed:
            links[one].add(other)
            links[other].add(one)
    return _reached(question.pk, links)


def _alike_now(question: Question) -> Iterable[Any]:
    own = ComparedText.objects.filter(question__contributor=question.contributor_id).exclude(question=question)
    found = search.compare(question.newest, own.select_related("revision").defer("sketch"))
    return {near.text.question_id for near in found if near.score >= search.FAMILY_FROM}


def _reached(start: UUID, links: dict[UUID, set[UUID]]) -> set[UUID]:
    seen, waiting = {start}, [start]
    while waiting:
        fresh = links[waiting.pop()] - seen
        seen |= fresh
        waiting += fresh
    return seen
