"""Finding near texts by letters and words: what is due, candidates by shared pieces, and the pairs that come of it.

Candidates come from the GIN index on the sketches and are then compared in full. Measured on two busy cores among 10 000
texts that share sentences: 4 ms of processor time for a sketch of 280 letters, 0.5 ms for the candidates, 13 ms in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from questions.duplicates import text
from questions.duplicates.text import Comparable
from questions.enums import PairKind, PairState
from questions.models import ComparedText, DuplicatePair, Question, Revision

FOUND_FROM = 0.75  # similarity from which a pair is shown to organisers
FAMILY_FROM = 0.8  # and from which two texts of one person count as one question tried again
MOST_CANDIDATES = 50
MOST_AT_ONCE = 5000

# one look-up in the index for each mark: asked for all marks at once the planner reads the whole table
CANDIDATES = f"""
    SELECT other.id FROM unnest(%(sketch)s::bigint[]) mark
    JOIN {ComparedText._meta.db_table} other ON other.sketch @> ARRAY[mark]
    WHERE other.question_id <> %(question)s
    GROUP BY other.id ORDER BY count(*) DESC, other.id
    LIMIT %(most)s
"""  # noqa: S608  our own table's name


class Near(NamedTuple):
    """Another text and how near it is, in [0, 1]."""

    text: ComparedText
    score: float


def keep(revision: Revision) -> ComparedText:
    """Return the row by which a tested text is compared; a new one is due to be searched."""
    found, _is_new = ComparedText.objects.get_or_create(
        question_id=revision.question_id, tested_hash=revision.tested_hash, defaults={"revision": revision}
    )
    return found


def keep_missing(**among: Any) -> int:
    """Make rows for frozen texts that have none, from before there was a search or by other ways; return how many."""
    known = ComparedText.objects.filter(question=OuterRef("question"), tested_hash=OuterRef("tested_hash"))
    missing = Revision.objects.filter(~Exists(known), frozen_at__isnull=False, **among).order_by("frozen_at")
    rows = [
        ComparedText(question_id=row.question_id, revision=row, tested_hash=row.tested_hash)
        for row in missing.only("question", "tested_hash")[:MOST_AT_ONCE]
    ]
    if rows:
        ComparedText.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return len(rows)


def due() -> QuerySet[ComparedText]:
    """Return the texts that were never searched for, or by an older way of comparing."""
    return ComparedText.objects.filter(Q(searched_at=None) | ~Q(version=text.VERSION))


def search_due(texts: QuerySet[ComparedText] | None = None, *, most: int = 500) -> int:
    """Search for texts that are due, all sketched first so that they find each other; return how many there were."""
    found = due() if texts is None else due().filter(pk__in=texts.values("pk"))
    rows = list(found.select_related("revision").order_by("created_at", "pk")[:most])
    for row in rows:
        _sketch(row)
    for row in rows:
        search(row)
    return len(rows)


def search(row: ComparedText) -> list[Near]:
    """Find the texts of other questions that are near to this one, keep them as pairs, and return them, nearest first."""
    if row.version != text.VERSION:
        _sketch(row)
    found = [near for near in nearest(row) if near.score >= FOUND_FROM]
    with transaction.atomic():
        for near in found:
            keep_pair(row, near, kind=PairKind.LEXICAL)
        ComparedText.objects.filter(pk=row.pk).update(searched_at=timezone.now())
    return found


def _sketch(row: ComparedText) -> None:
    row.sketch, row.version = text.sketch(comparable(row.revision)), text.VERSION
    row.save(update_fields=["sketch", "version"])


def comparable(revision: Revision) -> Comparable:
    """Return the comparing form of what models are asked; the key has no part in it."""
    return text.comparable(text.parts_of(revision.prompt, revision.options if revision.is_choice else ()))


def nearest(row: ComparedText) -> list[Near]:
    """Return the texts of other questions that share pieces with this one, compared in full, nearest first."""
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, {"sketch": row.sketch, "question": row.question_id, "most": MOST_CANDIDATES})
        ids = [found[0] for found in cursor.fetchall()]
    others = ComparedText.objects.filter(pk__in=ids).select_related("revision").defer("sketch")
    return compare(row.revision, others)


def compare(revision: Revision, others: Iterable[ComparedText]) -> list[Near]:
    """Return other texts with their similarity to a revision, nearest first."""
    own = comparable(revision)
    found = [Near(other, text.similarity(own, comparable(other.revision))) for other in others]
    return sorted(found, key=lambda near: (-near.score, near.text.pk))


def keep_pair(row: ComparedText, near: Near, *, kind: str, model: str = "") -> None:
    """Keep what was found as the one pair of the two questions.

    The nearest texts stand for the pair. A pair that was found by letters is not replaced by one found by meaning, and what
    people said of the same two texts stands; for other texts a dismissed pair is open again.
    """
    one, other = sorted((row, near.text), key=lambda side: side.question_id)
    values = {
        "first_revision_id": one.revision_id,
        "second_revision_id": other.revision_id,
        "kind": kind,
        "model": model,
        "score": min(near.score, 1.0),
    }
    pair, is_new = DuplicatePair.objects.select_for_update(of=("self",)).get_or_create(
        first_id=one.question_id, second_id=other.question_id, defaults=values
    )
    if is_new or not _replaces(pair, one, other, kind, near.score):
        return
    for name, value in values.items():
        setattr(pair, name, value)
    pair.found_at = timezone.now()
    if pair.state == PairState.DISMISSED:
        pair.state, pair.reason, pair.decided_at, pair.decided_by = PairState.OPEN, "", None, None
    pair.save()


def _replaces(pair: DuplicatePair, one: ComparedText, other: ComparedText, kind: str, score: float) -> bool:
    if pair.kind == PairKind.LEXICAL and kind == PairKind.EMBEDDING:
        return False
    if pair.kind == PairKind.EMBEDDING and kind == PairKind.LEXICAL:
        return True
    is_same = (pair.first_revision_id, pair.second_revision_id) == (one.revision_id, other.revision_id)
    return not is_same and (pair.state == PairState.DISMISSED or score > pair.score)


def open_among(question_ids: Iterable[Any]) -> QuerySet[DuplicatePair]:
    """Return the open pairs of which both questions are among these."""
    return DuplicatePair.objects.of(question_ids).filter(state=PairState.OPEN)


def finish(questions: QuerySet[Question]) -> None:
    """Search for what is still due among the texts of some questions, so that the pairs among them are complete."""
    keep_missing(question__in=questions)
    search_due(ComparedText.objects.filter(question__in=questions), most=MOST_AT_ONCE)
