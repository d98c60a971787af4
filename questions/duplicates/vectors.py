"""Vectors of texts: made in batches by the embedder, stored, and scanned exactly for near ones. For workers and commands.

The scan reads every stored vector of one model, in blocks, and multiplies. For a batch of 64 new texts against stored
vectors of 256 numbers it takes 0.2 s for 10 000 and 1.3 s for 100 000 on two busy cores, for 1 024 numbers 0.5 s and 4 s,
most of it reading; measured by `manage.py bench crosslingual_duplicates --scan`. An index of pgvector would answer
approximately and needs an extension that PostgreSQL does not ship.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from questions.duplicates import embedders, search, text
from questions.duplicates.embedders import Embedder, Unusable
from questions.enums import PairKind
from questions.models import ComparedText, EmbedderReport, TextVector

if TYPE_CHECKING:
    import numpy as np

logger = structlog.get_logger(__name__)

EMBED_LOCK = 0x454D4244  # "EMBD"
BATCH = 64
SCAN_BLOCK = 5000
MOST_PAIRS = 10  # of one text: an encoder that finds everything alike must not bury the organisers
NOT_UNIT = 1e-3
RETRY_AFTER = timedelta(minutes=5)


class BadVectors(Exception):
    """What the embedder returned cannot be stored, as a sentence."""


class Outcome(NamedTuple):
    """What came of one run: texts with a new vector, texts that stay due, and why."""

    embedded: int
    failed: int = 0
    problem: str = ""


def embed_due(progress: Callable[[int], None] | None = None) -> Outcome:
    """Make, store and search the vectors that are missing, and note for the pages how it went.

    A second run at the same time does nothing. A text that the embedder fails on stays due and keeps no other from its vector.
    """
    with _alone() as is_alone:
        if not is_alone:
            return Outcome(0, problem=_("Another process is making vectors now."))
        try:
            embedder = embedders.load()
        except Unusable as error:
            _note(problem=str(error))
            return Outcome(0, problem=str(error))
        if embedder is None:
            return Outcome(0)
        outcome = _embed_all(embedder, progress or (lambda _count: None))
        _note(embedder, problem=outcome.problem)
        return outcome


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [EMBED_LOCK])
        is_alone = bool(cursor.fetchone()[0])
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [EMBED_LOCK])


def _embed_all(embedder: Embedder, progress: Callable[[int], None]) -> Outcome:
    embedded, failed, problem = 0, set[int](), ""
    while rows := list(due(embedder.name, embedder.languages).exclude(pk__in=failed)[:BATCH]):
        if not _refusal(embedder, rows):
            embedded += len(rows)
        else:
            for row in rows:
                refused = _refusal(embedder, [row])
                embedded += not refused
                failed |= {row.pk} if refused else set()
                problem = refused or problem
        progress(embedded)
    return Outcome(embedded, len(failed), problem)


def _refusal(embedder: Embedder, rows: Sequence[ComparedText]) -> str:
    """Make, store and search the vectors of some texts; return why that failed, empty when it did not."""
    try:
        vectors = vectors_of(embedder, rows)
    except BadVectors as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  foreign code may raise anything; the other texts go on
        logger.warning("embedding_failed", texts=len(rows), error=type(error).__name__)
        return _("The encoder failed on a text: %(error)s.") % {"error": type(error).__name__}
    store(embedder, rows, vectors)
    return ""


def vectors_of(embedder: Embedder, rows: Sequence[ComparedText]) -> np.ndarray:
    """Return the vectors (n, dimensions) of texts, float32. Raises BadVectors when the embedder returns something else."""
    texts = [_text(row) for row in rows]
    return checked(embedder.embed(texts, [row.revision.language for row in rows]), len(rows), embedder.dimensions)


def _text(row: ComparedText) -> str:
    revision = row.revision
    return "\n".join(text.parts_of(revision.prompt, revision.options if revision.is_choice else ()))


def checked(found: Any, count: int, dimensions: int) -> np.ndarray:
    """Return vectors as float32 (count, dimensions), each row of unit length or zero. Raises BadVectors otherwise."""
    import numpy as np  # optional extra

    vectors = np.asarray(found)
    if vectors.shape != (count, dimensions) or vectors.dtype.kind != "f":
        raise BadVectors(
            _("The encoder returned %(found)s instead of %(wanted)s numbers.")
            % {"found": f"{vectors.shape} {vectors.dtype}", "wanted": f"{(count, dimensions)}"}
        )
    vectors = vectors.astype("<f4")
    if not np.isfinite(vectors).all():
        raise BadVectors(_("The encoder returned vectors that hold no numbers (NaN or infinite)."))
    lengths = np.linalg.norm(vectors, axis=1)
    if not ((abs(lengths - 1) < NOT_UNIT) | (lengths == 0)).all():
        raise BadVectors(_("The encoder returned vectors that are not of unit length."))
    return vectors


@transaction.atomic
def store(embedder: Embedder, rows: Sequence[ComparedText], vectors: np.ndarray) -> None:
    """Store the vectors and the pairs that they make: both or neither, so that a vector that is stored has been searched."""
    model = embedder.name
    TextVector.objects.bulk_create(
        [
            TextVector(text=row, model=model, language=row.revision.language, vector=vector.tobytes())
            for row, vector in zip(rows, vectors, strict=True)
        ],
        ignore_conflicts=True,  # a run that lost its lock with its connection may have been faster
    )
    near = scan(model, vectors, threshold=getattr(embedder, "threshold", settings.DUPLICATE_COSINE))
    others = ComparedText.objects.select_related("revision").defer("sketch")
    texts = others.in_bulk({pk for found in near for pk, _score in found})
    for row, found in zip(rows, near, strict=True):
        foreign = [(texts[pk], score) for pk, score in found if _are_compared(embedder, row, texts[pk])]
        for other, score in foreign[:MOST_PAIRS]:
            search.keep_pair(row, search.Near(other, score), kind=PairKind.EMBEDDING, model=model)


def _are_compared(embedder: Embedder, one: ComparedText, other: ComparedText) -> bool:
    is_foreign = one.revision.language != other.revision.language
    return one.question_id != other.question_id and (is_foreign or not getattr(embedder, "is_across_only", False))


def scan(model: str, vectors: np.ndarray, *, threshold: float) -> list[list[tuple[int, float]]]:
    """Return for each of the vectors (n, d) the texts of one model whose cosine is at least the threshold, nearest first.

    Exact: every stored vector is multiplied. Raises nothing; a stored vector of another length cannot be of this model.
    """
    import numpy as np  # optional extra

    found: list[list[tuple[int, float]]] = [[] for _vector in vectors]
    for texts, stored in blocks(model):
        block = np.frombuffer(stored, dtype="<f4").reshape(len(texts), -1)
        scores = vectors @ block.T
        for at, column in zip(*np.nonzero(scores >= threshold), strict=True):
            found[at].append((texts[column], float(scores[at, column])))
    return [sorted(near, key=lambda one: (-one[1], one[0])) for near in found]


def blocks(model: str) -> Iterator[tuple[list[int], bytes]]:
    """Yield the stored vectors of a model in blocks: the ids of their texts, and their bytes one after the other."""
    rows, last = TextVector.objects.filter(model=model).order_by("pk"), 0
    while block := list(rows.filter(pk__gt=last).values_list("pk", "text", "vector")[:SCAN_BLOCK]):
        last = block[-1][0]
        yield [text for _pk, text, _vector in block], b"".join(vector for _pk, _text, vector in block)


def due(model: str, languages: frozenset[str] | None) -> QuerySet[ComparedText]:
    """Return the texts without a vector of this model, in a language that it was made for, oldest first."""
    known = TextVector.objects.filter(text=OuterRef("pk"), model=model)
    found = ComparedText.objects.filter(~Exists(known))
    if languages is not None:
        found = found.filter(revision__language__in=languages)
    return found.select_related("revision").defer("sketch").order_by("pk")


def is_anything_due() -> bool:
    """Tell, without loading the model, whether the worker of the embedder has something to do."""
    report = report_of(settings.DUPLICATE_EMBEDDER)
    if not settings.DUPLICATE_EMBEDDER or (report and report.problem and timezone.now() - report.at < RETRY_AFTER):
        return False
    return report is None or not report.model or due(report.model, _languages(report)).exists()


def _languages(report: EmbedderReport) -> frozenset[str] | None:
    return None if report.languages is None else frozenset(report.languages)


def report_of(setting: str) -> EmbedderReport | None:
    """Return what the worker last said of a value of the setting."""
    return EmbedderReport.objects.filter(setting=setting).first() if setting else None


def _note(embedder: Embedder | None = None, *, problem: str) -> None:
    values: dict[str, Any] = {"problem": problem, "at": timezone.now()}
    if embedder is not None:
        languages = None if embedder.languages is None else sorted(embedder.languages)
        values |= {"model": embedder.name, "dimensions": embedder.dimensions, "languages": languages}
    EmbedderReport.objects.update_or_create(setting=settings.DUPLICATE_EMBEDDER, defaults=values)


def prune(model: str) -> int:
    """Delete the vectors of all other models and return how many there were."""
    return TextVector.objects.exclude(model=model).delete()[0]
