"""Move a check on by what its models said: next wave, verdict, parked; and what a crash left behind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading.checks import plan
from grading.checks.standing import TERMINAL, Key, Seat, Standing, standing_of, standings
from grading.enums import JUDGE_DETAIL, CheckStatus, OutcomeKind, PredictionState, Verdict
from grading.models import DifficultyCheck, Prediction
from grading.policy import Outcome
from hle_site.audit import log
from hle_site.notifications import outbox
from questions import workflow
from questions.enums import Action, Status
from questions.models import Revision

logger = structlog.get_logger(__name__)

# Kinds that pass by themselves once the provider is back; all others wait for a person.
PASSING_KINDS = {OutcomeKind.THROTTLED, OutcomeKind.TRANSIENT}
OPEN = (CheckStatus.QUEUED, CheckStatus.RUNNING)
OPEN_STATES = {PredictionState.WAITING, PredictionState.ASKED, PredictionState.ANSWERED}
DECISIONS = {
    Outcome.PASS: (CheckStatus.PASSED, Action.PASS_CHECK),
    Outcome.FAIL: (CheckStatus.FAILED, Action.FAIL_CHECK),
}
AT_ONCE = 100  # checks in one transaction


def settle_ready(keys: Iterable[Key]) -> int:
    """Move on every live check of these texts that can move, and return how many did."""
    wanted = set(keys)
    found = DifficultyCheck.objects.filter(status__in=OPEN, tested_hash__in={key.tested_hash for key in wanted})
    rows = found.order_by("created_at").values_list("pk", "tested_hash", "panel_id")
    pks = [pk for pk, *key in rows if Key(*key) in wanted]
    return sum(_settle_some(pks[start : start + AT_ONCE]) for start in range(0, len(pks), AT_ONCE))


def settle_landed(keys: Iterable[Key]) -> int:
    """As `settle_ready`, for texts of which an answer has come in: looks only where none is open or one was right."""
    wanted = set(keys)
    rows = Prediction.objects.filter(tested_hash__in={key.tested_hash for key in wanted}).values_list(
        "tested_hash", "panel_id", "state", "verdict"
    )
    is_open = {Key(*key) for *key, state, _verdict in rows if state in OPEN_STATES}
    is_right = {Key(*key) for *key, _state, verdict in rows if verdict == Verdict.CORRECT}
    return settle_ready(wanted - (is_open - is_right))


def _settle_some(pks: Sequence[Any]) -> int:
    """Settle these together; when that fails, each apart, so that what is wrong with one holds up none of the others."""
    try:
        return _settle_together(pks)
    except OperationalError:
        raise
    except Exception:
        logger.exception("settled_apart", checks=len(pks))
        return sum(map(_settle_apart, DifficultyCheck.objects.filter(pk__in=pks)))


def _settle_together(pks: Sequence[Any]) -> int:
    """As `settle` for each, in one transaction with few statements."""
    with transaction.atomic():
        checks = list(_locked().filter(pk__in=pks, status__in=OPEN).order_by("pk"))
        left = [check for check in checks if check.question.status != Status.CHECKING]
        for check in left:
            plan.end(check, CheckStatus.CANCELLED, "")
        live = [check for check in checks if check not in left]
        ahead = [pair for pair in standings(live, with_texts=False) if pair[1].needs_action]
        n_decided = sum(_decide_all([pair for pair in ahead if pair[1].outcome == how]) for how in DECISIONS)
        undecided = [pair for pair in ahead if pair[1].outcome not in DECISIONS]
        _ask_all([pair for pair in undecided if pair[1].due is not None])
        for check, standing in undecided:
            if standing.due is None:
                _park(check, standing)
        return len(left) + n_decided + len(undecided)


def _decide_all(decided: list[tuple[DifficultyCheck, Standing]]) -> int:
    """End checks that came to the same outcome, apart from those whose question has moved on meanwhile."""
    if not decided:
        return 0
    status, action = DECISIONS[decided[0][1].outcome]
    moves = [workflow.Move(check.question, check.revision, _reason(standing)) for check, standing in decided]
    moved = {change.question_id for change in workflow.advance_all(moves, action)}
    ended = [
        (check, move.reason)
        for (check, _standing), move in zip(decided, moves, strict=True)
        if check.question_id in moved
    ]
    plan.end_all(ended, status)
    return len(ended)


def _ask_all(pairs: list[tuple[DifficultyCheck, Standing]]) -> None:
    wanted = []
    for check, standing in pairs:
        assert standing.due is not None
        draw, positions = standing.due
        wanted.append(plan.Wanted(check, [standing.seats[position] for position in positions], draw))
    for check in plan.ask_all(wanted):
        transaction.on_commit(partial(settle, check))


def _locked() -> Any:
    """Checks with what their standing is read from; the long texts of a question are not among it."""
    return (
        DifficultyCheck.objects.select_for_update(of=("self",))
        .select_related("revision", "policy", "question")
        .defer(*(f"revision__{name}" for name in Revision.SUPPORTING), "revision__prompt")
    )


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
        check = _locked().get(pk=pk)
        if check.status not in OPEN:
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
    if standing.outcome in DECISIONS:
        _decide(check, standing)
    elif standing.due is not None:
        ask(check, standing)
    else:
        _park(check, standing)


def ask(check: DifficultyCheck, standing: Standing) -> None:
    """Ask who is due next; when all of that was scored before, the check moves on at once."""
    _ask_all([(check, standing)])


def _decide(check: DifficultyCheck, standing: Standing) -> None:
    status, action = DECISIONS[standing.outcome]
    reason = _reason(standing)
    plan.end(check, status, reason)
    workflow.advance(check.question, action, by=None, revision=check.revision, reason=reason)


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
    if check.due_at is None and not check.is_exempt:
        _tell_that_a_person_is_needed(check)


def _tell_that_a_person_is_needed(check: DifficultyCheck) -> None:
    outbox.notify(
        recipient=check.question.contributor,
        kind="check_parked",
        key=f"{check.pk}:{check.parked_times}",
        subject=_("%(handle)s: no verdict yet") % {"handle": check.question.handle},
        body=_("Not every model gave an answer that counts, and an organiser has to look at it. No try is used."),
        path=reverse("grading:check", args=[check.question_id]),
    )


def _passes(row: Prediction) -> bool:
    judge_kind = row.outcome_detail.removeprefix(JUDGE_DETAIL)
    return (judge_kind if row.outcome == OutcomeKind.ANSWER else row.outcome) in PASSING_KINDS


def _parked_reason(unscored: list[tuple[Seat, Prediction]]) -> str:
    parts = list(dict.fromkeys(f"{seat.model.label}: {row.why_unscored}" for seat, row in unscored))
    more = [_("and %(n)d more") % {"n": len(parts) - 3}] if len(parts) > 3 else []
    return ("; ".join(parts[:3] + more) + ". " + _("Not counted."))[:300]


def resume(check: DifficultyCheck, *, by: Any = None) -> bool:
    """Ask again whatever is unscored in a parked check; what was scored stands. A person needs the right to do so."""
    if by is not None and not by.has_perm("grading.mend_check", check.question):
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
    running = DifficultyCheck.objects.filter(status__in=OPEN).values_list("tested_hash", "panel")
    return moved + settle_ready(Key(*pair) for pair in running[:2_000])
