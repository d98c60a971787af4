"""Reading checks and predictions. Who may read them follows from who may read the question, minus the phases in which answers are closed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from grading.enums import CheckStatus, PredictionState

if TYPE_CHECKING:
    from questions.models import Revision

LIVE = (CheckStatus.QUEUED, CheckStatus.RUNNING, CheckStatus.PARKED)


class CheckQuerySet(models.QuerySet["Any"]):
    """Difficulty checks."""

    def live(self) -> CheckQuerySet:
        """Return the checks whose verdict is still to come."""
        return self.filter(status__in=LIVE)

    def settled(self) -> CheckQuerySet:
        """Return the checks that came to a verdict."""
        return self.filter(status__in=[CheckStatus.PASSED, CheckStatus.FAILED])


class PredictionQuerySet(models.QuerySet["Any"]):
    """Models' answers."""

    def of(self, revision: Revision) -> PredictionQuerySet:
        """Return the first answers to a revision's tested part, in the order in which they were asked.

        Further draws are left out: they are closed to the contributor until the decision, and no answers of their own.
        """
        return self.to(revision).filter(draw=0)

    def to(self, revision: Revision) -> PredictionQuerySet:
        """Return all answers to a revision's tested part, further draws among them."""
        rows = self.filter(tested_hash=revision.tested_hash)
        return rows.select_related("model__provider").order_by("wave", "position")

    def open(self) -> PredictionQuerySet:
        """Return the answers that are still to come."""
        return self.filter(state__in=[PredictionState.WAITING, PredictionState.ASKED, PredictionState.ANSWERED])


class WorkerQuerySet(models.QuerySet["Any"]):
    """Worker processes."""

    def alive(self) -> WorkerQuerySet:
        """Return the workers that still beat, by the database's clock."""
        return self.filter(stopped_at=None, beat_at__gte=Now() - timedelta(seconds=settings.WORKER_DEAD_AFTER_S))
