"""What a contributor is told of the wait: the place in the queue, and how long tests usually take, where enough of them tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import F
from django.utils import timezone

from grading.models import DifficultyCheck

ENOUGH = 10
MOST = 200
RECENT_DAYS = 7
# As workers claim: contributors take turns, so that a place is no matter of time alone.
AHEAD = """
WITH free AS (
    SELECT p.tested_hash, p.panel_id, p.due_at,
        row_number() OVER (PARTITION BY q.contributor_id ORDER BY p.due_at, p.wave, p.position) AS turn
    FROM grading_prediction p
    JOIN questions_revision r ON r.id = p.revision_id
    JOIN questions_question q ON q.id = r.question_id
    WHERE p.state = 'waiting' AND p.worker_id IS NULL AND p.due_at <= clock_timestamp()),
own AS (
    SELECT turn, due_at FROM free WHERE tested_hash = %(tested_hash)s AND panel_id = %(panel)s
    ORDER BY turn, due_at LIMIT 1)
SELECT count(*) FROM free, own WHERE (free.turn, free.due_at) < (own.turn, own.due_at)
"""


class Wait(NamedTuple):
    """The span that half of the tests kept to, and the one that nine of ten did, in seconds."""

    usual_s: float
    nine_of_ten_s: float


def ahead(check: DifficultyCheck) -> int:
    """How many answers of other texts workers take before the first one of this check, by the turns of their contributors."""
    with connection.cursor() as cursor:
        cursor.execute(AHEAD, {"tested_hash": check.tested_hash, "panel": check.panel_id})
        (n,) = cursor.fetchone()
    return int(n)


def typical(check: DifficultyCheck) -> Wait | None:
    """From start to verdict, over the newest settled tests of the panel within a week; None for fewer than ten.

    Of tests of this kind alone, options and picture or not, where enough of them tell.
    """
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    recent = DifficultyCheck.objects.settled().filter(panel=check.panel_id, settled_at__gte=since)
    took = recent.order_by("-settled_at").annotate(took=F("settled_at") - F("created_at"))
    spans = list(took.values_list("took", "revision__answer_type", "revision__image")[:MOST])
    kind = check.revision.answer_type, check.revision.image_id is None
    alike = [span for span, answer_type, image in spans if (answer_type, image is None) == kind]
    return _wait(alike) or _wait([span for span, *_kind in spans])


def _wait(spans: Sequence[timedelta]) -> Wait | None:
    spans_s = sorted(span.total_seconds() for span in spans)
    return Wait(percentile(spans_s, 50), percentile(spans_s, 90)) if len(spans_s) >= ENOUGH else None


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest of `ordered` (n,), ascending and not empty, that at least `percent` of 100 do not exceed (nearest rank)."""
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]
