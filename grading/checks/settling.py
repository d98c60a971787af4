"""Move a check on by what its models said: next wave, verdict, parked; and what a crash left behind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading.checks import plan
from grading.checks.standing import TERMINAL, Key, Seat, Standing, standing_of, standings
from grading.enums import CheckStatus, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Prediction
from grading.policy import Outcome
from hle_site.audit import log
from questions import workflow
from questions.enums import Action, Status

logger = structlog.get_logger(__name__)

# Kinds that pass by themselves once the provider is back; all others wait for a person.
PASSING_KINDS = {OutcomeKind.THROTTLED, OutcomeKind.TRANSIENT}
JUDGE_DETAIL = "judge: "  # how outcome_detail tells what happened to the judge of a complete answer


def settle_ready(keys: Iterable[Key]) -> int:
    """Move on every live check of these texts that can move, and return how many did."""
    wanted = set(keys)
    checks = (
        DifficultyCheck.objects.filter(
            status__in=[CheckStatus.QUEUED, CheckStatus.RUNNING], tested_hash__in={key.tested_hash for key in wanted}
        )
        .select_related("revision", "policy", "question")
        .order_by("created_at")
    )
    checks = [check for check in checks if Key(check.tested_hash, check.panel_id) in wanted]
    return sum(_settle_apart(check) for check, ahead in standings(checks) if ahead.needs_action)


def _settle_apart(check: DifficultyCheck) -> bool:
    """Settle one check; what is wrong with it holds up none of the others, and the sweep tries again."""
    try:
        return settle(check)
    except Exception:
        logger.exception("settle_failed", check=str(check.pk))
        return False


def settle(check: DifficultyCheck) -> bool:
    """Move a check on by what its models said: next wave, verdict, or parked. Return whether anything changed.

    The row is locked and looked at again, so that of two callers one acts.
    """
    try:
        return _settle_locked(check.pk)
    except workflow.InvalidTransition:
        return False  # the contributor was faster; the reaction to that ends the check


def _settle_locked(pk: Any) -> bool:
    with transaction.atomic():
        check = (
            DifficultyCheck.objects.select_for_update(of=("self",))
            .select_related("revision", "policy", "question")
            .get(pk=pk)
        )
        if check.status not in {CheckStatus.QUEUED, CheckStatus.RUNNING}:
            return False
        if check.question.status != Status.CHECKING:
            plan.end(check, CheckStatus.CANCELLED, "")
            return True
        standing = standing_of(check)
        if not standing.needs_action:
            return False
        _move(check, standing)
        return True


def _move(check: DifficultyCheck, standing: Standing) -> None:
    if standing.outcome in {Outcome.PASS, Outcome.FAIL}:
        _decide(check, standing)
    elif standing.due is not None:
        ask(check, standing)
    else:
        _park(check, standing)


def ask(check: DifficultyCheck, standing: Standing) -> None:
    """Ask who is due next; when all of that was scored before, the check moves on at once."""
    assert standing.due is not None
    draw, positions = standing.due
    if plan.ask(check, [standing.seats[position] for position in positions], draw=draw):
        transaction.on_commit(lambda: settle(check))


def _decide(check: DifficultyCheck, standing: Standing) -> None:
    passed = standing.outcome == Outcome.PASS
    check.outcome_reason = _reason(standing)
    plan.end(check, CheckStatus.PASSED if passed else CheckStatus.FAILED, check.outcome_reason)
    workflow.advance(
        check.question,
        Action.PASS_CHECK if passed else Action.FAIL_CHECK,
        by=None,
        revision=check.revision,
        reason=check.outcome_reason,
    )


def _reason(standing: Standing) -> str:
    """What the contributor reads. Of the further draws it says no number: those stay closed until the decision."""
    heard = [row for row in standing.rows if row is not None and row.state in TERMINAL]
    n_correct = sum(row.verdict == Verdict.CORRECT for row in heard)
    words = [
        ngettext(
            "%(n)d of %(asked)d model answered correctly.", "%(n)d of %(asked)d models answered correctly.", len(heard)
        )
        % {"n": n_correct, "asked": len(heard)}
    ]
    left = len(standing.rows) - len(heard)
    if left:
        rest = (
            _("The other %(left)d are asked for the statistics.") if standing.is_run_all else _("%(left)d not needed.")
        )
        words.append(rest % {"left": left})
    elif standing.outcome == Outcome.FAIL and standing.outcome_of_first_draw == Outcome.PASS:
        words.append(_("Asked again, they were right too often."))
    return " ".join(words)


def _park(check: DifficultyCheck, standing: Standing) -> None:
    unscored = [(seat, row) for seat, row in standing.asked if row.state == PredictionState.UNSCORED]
    check.parked_reason = _parked_reason(unscored)
    waits = settings.PARK_RETRY_S
    if all(_passes(row) for _seat, row in unscored) and check.parked_times < len(waits):
        check.due_at = timezone.now() + timedelta(seconds=waits[check.parked_times])
    else:
        check.due_at = None
    check.status = CheckStatus.PARKED
    check.parked_times += 1
    check.save(update_fields=["status", "parked_reason", "parked_times", "due_at"])
    log.record("check.park", by=None, on=check, after=CheckStatus.PARKED, reason=check.parked_reason)


def _passes(row: Prediction) -> bool:
    judge_kind = row.outcome_detail.removeprefix(JUDGE_DETAIL)
    return (judge_kind if row.outcome == OutcomeKind.ANSWER else row.outcome) in PASSING_KINDS


def _parked_reason(unscored: list[tuple[Seat, Prediction]]) -> str:
    parts = list(dict.fromkeys(f"{seat.model.label}: {_what(row)}" for seat, row in unscored))
    more = [_("and %(n)d more") % {"n": len(parts) - 3}] if len(parts) > 3 else []
    return ("; ".join(parts[:3] + more) + ". " + _("Not counted."))[:300]


def _what(row: Prediction) -> str:
    return _("no readable judgement") if row.outcome == OutcomeKind.ANSWER else row.get_outcome_display()


def resume(check: DifficultyCheck, *, by: Any = None) -> bool:
    """Ask again whatever is unscored in a parked check; what was scored stands. A person needs the right to do so."""
    if by is not None and not by.has_perm("grading.resolve_contest", check.question):
        raise PermissionDenied("resume a check")
    with transaction.atomic():
        parked = DifficultyCheck.objects.select_for_update().filter(pk=check.pk, status=CheckStatus.PARKED).first()
        if parked is None:
            return False
        plan.ask_again(plan.rows(parked).filter(state=PredictionState.UNSCORED))
        unpark(parked)
        log.record("check.resume", by=by, on=parked, before=CheckStatus.PARKED, after=CheckStatus.RUNNING)
    return True


def unpark(check: DifficultyCheck) -> None:
    """Let a parked check go on."""
    check.status, check.parked_reason, check.due_at = CheckStatus.RUNNING, "", timezone.now()
    check.save(update_fields=["status", "parked_reason", "due_at"])


def sweep() -> int:
    """Move on what a crash left behind: finished waves that nobody settled, parked checks whose time has come."""
    now = timezone.now()
    due = list(DifficultyCheck.objects.filter(status=CheckStatus.PARKED, due_at__lte=now)[:200])
    moved = sum(resume(check) for check in due)
    running = DifficultyCheck.objects.filter(status__in=[CheckStatus.QUEUED, CheckStatus.RUNNING]).values_list(
        "tested_hash", "panel"
    )
    return moved + settle_ready(Key(*pair) for pair in running[:2_000])
