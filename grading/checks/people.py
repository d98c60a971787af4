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
from grading.models import ClearedAlarm, ConfirmedKey, Contest, DifficultyCheck, Prediction
from grading.policy import Outcome
from hle_site.audit import log
from questions import actions
from questions.enums import Status
from questions.models import Question
from questions.workflow import Refused


@transaction.atomic
def judge_by_person(*, prediction: Prediction, question: Question, by: Any, verdict: str, reason: str) -> str:
    """Decide a stored complete answer with a reason, and return what follows for the question (`FOLLOWS`).

    Nothing else can be scored, by nobody.
    """
    if not by.has_perm("grading.judge_answer", question):
        raise PermissionDenied("judge an answer")
    _hold_checks(prediction)
    if Prediction.objects.select_for_update().get(pk=prediction.pk).decided_by == DecidedBy.PERSON:
        raise Refused([_("Somebody else has decided this answer meanwhile.")])
    _decide(prediction, by=by, verdict=verdict, reason=reason)
    return _follow(prediction, question, by=by, reason=reason)


def _hold_checks(prediction: Prediction) -> None:
    """Lock the live checks before their answer, as all do who ask again; the other way round two would wait for each other."""
    live = DifficultyCheck.objects.live().filter(tested_hash=prediction.tested_hash, panel=prediction.panel_id)
    list(live.order_by("pk").select_for_update())


def _decide(prediction: Prediction, *, by: Any, verdict: str, reason: str) -> None:
    if verdict not in {Verdict.CORRECT, Verdict.INCORRECT} or not reason.strip():
        raise Refused([_("Choose a verdict and give a reason: it is logged and shown to the contributor.")])
    row = Prediction.objects.select_for_update().get(pk=prediction.pk)
    if row.outcome != OutcomeKind.ANSWER or row.state not in TERMINAL:
        raise Refused([_("Only a complete answer can be judged. Ask the model again instead.")])
    log.record("prediction.judge", by=by, on=row, before=row.verdict, after=verdict, reason=reason)
    row.state, row.verdict, row.verdict_reason = PredictionState.SETTLED, verdict, reason[:500]
    row.decided_by, row.decided_person, row.rule = DecidedBy.PERSON, by, ""
    row.save(update_fields=["state", "verdict", "verdict_reason", "decided_by", "decided_person", "rule"])


def _follow(prediction: Prediction, question: Question, *, by: Any, reason: str) -> str:
    """Let checks go on, and draw the consequence for those that have come to a verdict which the new one overturns."""
    same = {"tested_hash": prediction.tested_hash, "panel": prediction.panel_id}
    live = DifficultyCheck.objects.live().filter(**same)
    for parked in live.filter(status=CheckStatus.PARKED).select_for_update():
        settling.unpark(parked)
    if live.exists():
        transaction.on_commit(lambda: settling.settle_ready([Key(prediction.tested_hash, prediction.panel_id)]))
        return "goes_on"
    if _withdraw_passes(DifficultyCheck.objects.filter(status=CheckStatus.PASSED, **same), by=by):
        return "no_longer"
    check = evidence.newest_settled(question, prediction.revision)
    if check is None or check.status != CheckStatus.FAILED or question.status != Status.TOO_EASY:
        return "recorded"
    outcome = standing_of(check).outcome
    if outcome == Outcome.PASS:
        actions.override_check(question=question, by=by, reason=reason)
        return "passed"
    return "test_again" if outcome == Outcome.OPEN else "recorded"


def _withdraw_passes(passed: Any, *, by: Any) -> bool:
    """Declare checks out of date that would not have passed with the verdicts as they are now; say whether there were any."""
    overturned = [
        check for check in passed.select_related("revision", "policy") if standing_of(check).outcome == Outcome.FAIL
    ]
    for check in overturned:
        check.status, check.outcome_reason = CheckStatus.STALE, _("A model's answer was found to be right after all.")
        check.save(update_fields=["status", "outcome_reason"])
        log.record("check.withdraw", by=by, on=check, before=CheckStatus.PASSED, after=CheckStatus.STALE)
    return bool(overturned)


@transaction.atomic
def contest(*, prediction: Prediction, question: Question, by: Any, reason: str) -> Contest:
    """Object to a verdict. The question stays as it is until an organiser, or a senior reviewer asked by one, has looked."""
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
    _hold_checks(contest.prediction)
    _decide(contest.prediction, by=by, verdict=Verdict.INCORRECT, reason=resolution)
    why = _("Contest upheld: %(why)s") % {"why": resolution}
    return _follow(contest.prediction, question, by=by, reason=why)


@transaction.atomic
def clear_alarm(*, question: Question, by: Any, reason: str) -> ClearedAlarm:
    """Record that the key holds although models agree on another answer."""
    if not by.has_perm("grading.mend_check", question):
        raise PermissionDenied("clear an alarm")
    if len(reason.strip()) < 10:
        raise Refused([_("Say how the key was verified.")])
    cleared, _new = ClearedAlarm.objects.get_or_create(
        question=question, tested_hash=question.newest.tested_hash, defaults={"reason": reason, "cleared_by": by}
    )
    log.record("key_alarm.clear", by=by, on=question, reason=reason)
    return cleared


@transaction.atomic
def confirm_key(*, question: Question, by: Any, reason: str) -> ConfirmedKey:
    """Record that the contributor looked at the key once more, which models agree against, and holds to it."""
    if not by.has_perm("questions.submit_for_review_question", question):
        raise PermissionDenied("confirm the key")
    if len(reason.strip()) < 10:
        raise Refused([_("Say how you checked the key: the reviewers read it after their own solution.")])
    confirmed, _new = ConfirmedKey.objects.get_or_create(
        question=question, tested_hash=question.newest.tested_hash, defaults={"reason": reason, "confirmed_by": by}
    )
    log.record("key.confirm", by=by, on=question, reason=reason)
    return confirmed
