"""Asking a judge once more about stored answers. Verdicts stay; what differs waits for a person (`grading.disagreements`)."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Now

from grading import evidence, judging
from grading.enums import DecidedBy, JudgeSeat, OutcomeKind, PredictionState
from grading.models import Judgement, ModelSpec, Prediction
from hle_site.audit import log
from questions.models import Question

BATCH = 1_000


def judgeable(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """The complete answers among these whose verdict is a model's or a comparison's; none for which a judge is due already."""
    return rows.filter(
        state=PredictionState.SETTLED,
        outcome=OutcomeKind.ANSWER,
        decided_by__in=[DecidedBy.MATCHER, DecidedBy.JUDGE],
    ).exclude(pk__in=Judgement.objects.filter(due_at__isnull=False).values("prediction"))


@transaction.atomic
def rejudge(rows: QuerySet[Prediction], *, by: Any, judge: ModelSpec | None = None) -> int:
    """Queue these answers for a judge, by default the first of their panel, under today's prompt; return how many."""
    said = Q(judgements__seat=JudgeSeat.AGAIN, judgements__judge_version=judging.JUDGE_VERSION)
    wanted = judgeable(rows).select_related("panel").annotate(attempts=Max("judgements__attempt", filter=said))
    jobs = [
        Judgement(
            prediction=row,
            model_id=judge.pk if judge else row.panel.judge_id,
            seat=JudgeSeat.AGAIN,
            attempt=1 + (row.attempts or 0),
            judge_version=judging.JUDGE_VERSION,
            requested_by=by,
            due_at=Now(),
        )
        for row in wanted
    ]
    Judgement.objects.bulk_create(jobs, batch_size=BATCH, ignore_conflicts=True)
    return len(jobs)


@transaction.atomic
def rejudge_check(*, question: Question, by: Any) -> int:
    """Queue all answers to the newest text of a question that has come to a verdict; return how many."""
    if not by.has_perm("grading.judge_answer", question):
        raise PermissionDenied("judge answers again")
    check = evidence.newest_settled(question, question.newest)
    if check is None:
        return 0
    rows = Prediction.objects.filter(tested_hash=check.tested_hash, panel=check.panel)
    log.record("check.rejudge", by=by, on=check)
    return rejudge(rows, by=by)
