"""How long a test usually takes, as recent ones of the same panel took; said only where enough of them tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db.models import F
from django.utils import timezone

from grading.models import DifficultyCheck, Panel

ENOUGH = 10
MOST = 100
RECENT_DAYS = 7


class Wait(NamedTuple):
    """The span that half of the tests kept to, and the one that nine of ten did, in seconds."""

    usual_s: float
    nine_of_ten_s: float


def typical(panel: Panel) -> Wait | None:
    """From start to verdict, over the newest settled tests of the panel within a week; None for fewer than ten."""
    since = timezone.now() - timedelta(days=RECENT_DAYS)
    recent = DifficultyCheck.objects.settled().filter(panel=panel, settled_at__gte=since).order_by("-settled_at")
    took = recent.annotate(took=F("settled_at") - F("created_at")).values_list("took", flat=True)
    spans_s = sorted(span.total_seconds() for span in took[:MOST])
    return Wait(percentile(spans_s, 50), percentile(spans_s, 90)) if len(spans_s) >= ENOUGH else None


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest of `ordered` (n,), ascending and not empty, that at least `percent` of 100 do not exceed (nearest rank)."""
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]
