"""What people do to checks, each with a reason and a line in the log: judge, contest, resolve, clear an alarm."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from grading import evidence
from grading.checks import settling
from grading.checks.standing import TERMINAL, Key, standing_of
from grading.enums import CheckStatus, DecidedBy, OutcomeKind, PredictionState, Verdict
from grading.models import ClearedAlarm, Contest, DifficultyCheck, Prediction
from grading.policy import Outcome
from hle_site.audit import log
from questions import actions
from questions.enums import Status
from questions.models import Question
from questions.workflow import Refused


@transaction.atomic
def judge_by_person(*, prediction: Prediction, question: Question, by: Any, verdict: str, reason: str) -> None:
    """Decide a stored complete answer with a reason. Nothing else can be scored, by nobody."""
    if not by.has_perm("grading.resolve_contest", question):
        raise PermissionDenied("judge an answer")
    if verdict not in {Verdict.CORRECT, Verdict.INCORRECT} or not reason.strip():
        raise Refused([_("Choose a verdict and give a reason: it is logged and shown to the contributor.")])
    row = Prediction.objects.select_for_update().get(pk=prediction.pk)
    if row.outcome != OutcomeKind.ANSWER or row.state not in TERMINAL:
        raise Refused([_("Only a complete answer can be judged. Ask the model again instead.")])
    log.record("prediction.judge", by=by, on=row, before=row.verdict, after=verdict, reason=reason)
    row.state, row.verdict, row.verdict_reason = PredictionState.SETTLED, verdict, reason[:500]
    row.decided_by, row.decided_person, row.rule = DecidedBy.PERSON, by, ""
    row.save(update_fields=["state", "verdict", "verdict_reason", "decided_by", "decided_person", "rule"])
    live = DifficultyCheck.objects.live().filter(tested_hash=row.tested_hash, panel=row.panel_id)
    for check in live.filter(status=CheckStatus.PARKED).select_for_update():
        settling.unpark(check)
    key = Key(row.tested_hash, row.panel_id)
    transaction.on_commit(lambda: settling.settle_ready([key]))


@transaction.atomic
def contest(*, prediction: Prediction, question: Question, by: Any, reason: str) -> Contest:
    """Object to a verdict. The question stays as it is until an organiser has looked."""
    if not by.has_perm("grading.contest_verdict", question):
        raise PermissionDenied("contest a verdict")
    if prediction.verdict != Verdict.CORRECT:
        raise Refused([_("Only an answer that was taken as correct can be contested.")])
    if len(reason.strip()) < 10:
        raise Refused([_("Say in a sentence why the model's answer is not the key.")])
    found, is_new = Contest.objects.get_or_create(
        prediction=prediction, defaults={"question": question, "reason": reason, "contested_by": by}
    )
    if not is_new:
        raise Refused([_("This verdict was contested before.")])
    log.record("contest.open", by=by, on=found, reason=reason)
    return found


@transaction.atomic
def resolve_contest(*, contest: Contest, by: Any, is_upheld: bool, resolution: str) -> str:
    """Uphold or dismiss a contest with a reason, and return what follows for the question.

    Upheld: a person's verdict replaces the old one. When the policy lets the text pass now, the check is overridden; when waves
    are missing, the contributor starts the test again, in which everything scored stands.
    """
    question = contest.question
    if not by.has_perm("grading.resolve_contest", question):
        raise PermissionDenied("resolve a contest")
    if not resolution.strip():
        raise Refused([_("Give a reason: the contributor reads it.")])
    now = timezone.now()
    fields = {"resolved_at": now, "resolved_by": by, "resolution": resolution, "is_upheld": is_upheld}
    if not Contest.objects.filter(pk=contest.pk, resolved_at=None).update(**fields):
        raise Refused([_("Somebody else has resolved this contest already.")])
    log.record("contest.uphold" if is_upheld else "contest.dismiss", by=by, on=contest, reason=resolution)
    if not is_upheld:
        return "dismissed"
    judge_by_person(
        prediction=contest.prediction, question=question, by=by, verdict=Verdict.INCORRECT, reason=resolution
    )
    check = evidence.newest_settled(question, contest.prediction.revision)
    if check is None or question.status != Status.TOO_EASY:
        return "recorded"
    outcome = standing_of(check).outcome
    if outcome == Outcome.PASS:
        actions.override_check(question=question, by=by, reason=_("Contest upheld: %(why)s") % {"why": resolution})
        return "passed"
    return "test_again" if outcome == Outcome.OPEN else "recorded"


@transaction.atomic
def clear_alarm(*, question: Question, by: Any, reason: str) -> ClearedAlarm:
    """Record that the key holds although models agree on another answer."""
    if not by.has_perm("grading.resolve_contest", question):
        raise PermissionDenied("clear an alarm")
    if len(reason.strip()) < 10:
        raise Refused([_("Say how the key was verified.")])
    cleared, _new = ClearedAlarm.objects.get_or_create(
        question=question, tested_hash=question.newest.tested_hash, defaults={"reason": reason, "cleared_by": by}
    )
    log.record("key_alarm.clear", by=by, on=question, reason=reason)
    return cleared
