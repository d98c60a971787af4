"""The difficulty check of a question: plan waves, settle, advance; and what people may do to it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading import evidence, judging, matching, policy, prompts
from grading.enums import CheckStatus, DecidedBy, OutcomeKind, PredictionState, Verdict
from grading.models import CallPanel, ClearedAlarm, Contest, DifficultyCheck, Panel, PanelMember, Prediction
from grading.policy import Outcome
from hle_site.audit import log
from questions import actions, workflow
from questions.enums import Action, Status
from questions.models import Question, Revision
from questions.workflow import Refused

logger = structlog.get_logger(__name__)

# Kinds that pass by themselves once the provider is back; all others wait for a person.
PASSING_KINDS = {OutcomeKind.THROTTLED, OutcomeKind.TRANSIENT}
JUDGE_DETAIL = "judge: "  # how outcome_detail tells what happened to the judge of a complete answer
TERMINAL = {PredictionState.SETTLED, PredictionState.UNSCORED}


class Key(NamedTuple):
    """What predictions belong to: the hash of a tested part, and a panel."""

    tested_hash: str
    panel_id: int


class Standing(NamedTuple):
    """A check's members beside their predictions (None: not asked yet), and what the policy says of them."""

    members: Sequence[PanelMember]
    rows: Sequence[Prediction | None]
    outcome: Outcome

    @property
    def next_wave(self) -> int | None:
        """The first wave in which a member has no prediction."""
        return min(
            (member.wave for member, row in zip(self.members, self.rows, strict=True) if row is None), default=None
        )

    @property
    def is_waiting(self) -> bool:
        """True while an opened wave has an answer to come."""
        return any(row is not None and row.state not in TERMINAL for row in self.rows)

    @property
    def is_first_ask_open(self) -> bool:
        """True while somebody in an opened wave has not ended a first try: a wave is heard to its end.

        One that waits to be asked again does not hold up a decision that is already certain.
        """
        return any(
            row is not None
            and (
                row.state in {PredictionState.ASKED, PredictionState.ANSWERED}
                or (row.state == PredictionState.WAITING and row.tries == 0)
            )
            for row in self.rows
        )

    @property
    def is_certain(self) -> bool:
        """True when enough models were right and nobody of the wave is still at a first try."""
        return self.outcome == Outcome.FAIL and not self.is_first_ask_open

    @property
    def needs_action(self) -> bool:
        """True when the check can go on."""
        return self.is_certain or (self.outcome != Outcome.FAIL and not self.is_waiting)


def members_for(panel: Panel | int, revision: Revision) -> list[PanelMember]:
    """The members of a panel that answer this kind of question, in order."""
    kind = {"for_images": True} if revision.image_id else {"for_text": True}
    return list(PanelMember.objects.filter(panel=panel, **kind).select_related("model__provider"))


@transaction.atomic
def open_check(*, question: Question, revision: Revision, by: Any) -> DifficultyCheck:
    """Plan the check of a revision's tested part, once; answers scored earlier for the same text stand.

    A question that has moved on meanwhile gets a check that is cancelled from the start.
    """
    live = DifficultyCheck.objects.live().filter(question=question).select_for_update().first()
    if live and live.tested_hash == revision.tested_hash:
        return live
    if live:
        _end(live, CheckStatus.CANCELLED, _("The question was tested again."))
    is_wanted = Question.objects.filter(pk=question.pk, status=Status.CHECKING).exists()
    choice = CallPanel.objects.select_related("panel__judge__provider", "policy").get(call=question.call)
    members = members_for(choice.panel, revision)
    check = DifficultyCheck.objects.create(
        question=question,
        revision=revision,
        tested_hash=revision.tested_hash,
        status=CheckStatus.QUEUED if is_wanted else CheckStatus.CANCELLED,
        panel=choice.panel,
        policy=choice.policy,
        prompt_version=prompts.PROMPT_VERSION,
        matcher_version=matching.MATCHER_VERSION,
        judge_version=judging.JUDGE_VERSION,
        is_simulated=choice.panel.judge.is_simulated or any(member.model.is_simulated for member in members),
        is_exempt=question.batch_id is not None,
        requested_by=by,
    )
    if is_wanted:
        _ask_again(_rows(check).filter(state=PredictionState.UNSCORED))
        _open_wave(check, members, members[0].wave)
    return check


def cancel(*, question: Question) -> None:
    """Stop the live check of a question that is no longer being tested; answers under way still arrive and stay."""
    with transaction.atomic():
        live = DifficultyCheck.objects.live().filter(question=question).select_for_update().first()
        if live and not Question.objects.filter(pk=question.pk, status=Status.CHECKING).exists():
            _end(live, CheckStatus.CANCELLED, "")


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
    return sum(_settle_apart(check) for check, ahead in _standings(checks) if ahead.needs_action)


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
            _end(check, CheckStatus.CANCELLED, "")
            return True
        standing = standing_of(check)
        if not standing.needs_action:
            return False
        _move(check, standing)
        return True


def _move(check: DifficultyCheck, standing: Standing) -> None:
    if standing.outcome in {Outcome.PASS, Outcome.FAIL}:
        _decide(check, standing)
    elif standing.next_wave is not None:
        _open_wave(check, standing.members, standing.next_wave)
    else:
        _park(check, standing)


def standing_of(check: DifficultyCheck) -> Standing:
    """Read where a check stands."""
    return next(standing for _check, standing in _standings([check]))


def _standings(checks: Sequence[DifficultyCheck]) -> Iterable[tuple[DifficultyCheck, Standing]]:
    panels: dict[int, list[PanelMember]] = {}
    for member in PanelMember.objects.filter(panel__in={check.panel_id for check in checks}).select_related("model"):
        panels.setdefault(member.panel_id, []).append(member)
    rows = Prediction.objects.filter(
        tested_hash__in={check.tested_hash for check in checks}, panel__in=panels.keys(), draw=0
    ).exclude(state=PredictionState.SKIPPED)
    found = {(row.tested_hash, row.panel_id, row.model_id): row for row in rows}
    for check in checks:
        has_image = check.revision.image_id is not None
        members = [m for m in panels[check.panel_id] if (m.for_images if has_image else m.for_text)]
        answers = [found.get((check.tested_hash, check.panel_id, member.model_id)) for member in members]
        yield check, Standing(members, answers, _outcome(check, answers))


def _outcome(check: DifficultyCheck, rows: Sequence[Prediction | None]) -> Outcome:
    verdicts = [row.verdict if row is not None and row.state in TERMINAL else None for row in rows]
    rule = policy.PolicyRule(
        exact_max_correct=check.policy.exact_max_correct,
        choice_max_correct=check.policy.choice_max_correct,
        choice_mean_below_chance=check.policy.choice_mean_below_chance,
        version=check.policy.version,
    )
    revision = check.revision
    return policy.decide(
        answer_type=revision.answer_type, n_options=len(revision.options), verdicts=verdicts, rule=rule
    )


def _open_wave(check: DifficultyCheck, members: Sequence[PanelMember], wave: int) -> None:
    """Make the wave's rows due. A scored answer stands and is never drawn again."""
    due = [member for member in members if member.wave == wave]
    Prediction.objects.bulk_create(
        [
            Prediction(
                tested_hash=check.tested_hash,
                revision=check.revision,
                panel_id=check.panel_id,
                model=member.model,
                wave=member.wave,
                position=member.position,
                option_seed=secrets.randbits(48),
            )
            for member in due
        ],
        ignore_conflicts=True,
    )
    known = Prediction.objects.filter(
        tested_hash=check.tested_hash, panel=check.panel_id, draw=0, model__in=[member.model_id for member in due]
    )
    known.filter(state=PredictionState.SKIPPED).update(state=PredictionState.WAITING, due_at=timezone.now())
    check.wave = wave
    check.status = CheckStatus.RUNNING if check.started_at else CheckStatus.QUEUED
    check.due_at = timezone.now()
    check.save(update_fields=["wave", "status", "due_at"])
    if known.filter(state__in=TERMINAL).count() == len(due):
        transaction.on_commit(lambda: settle(check))  # all of it was scored before


def _ask_again(rows: Any) -> None:
    """Make unscored predictions due: a stored complete answer goes to the judge again, all others to the model."""
    fresh = {"due_at": timezone.now(), "worker": None, "outcome_counts": {}, "verdict_reason": "", "outcome_detail": ""}
    rows.filter(outcome=OutcomeKind.ANSWER).update(state=PredictionState.ANSWERED, **fresh)
    rows.filter(state=PredictionState.UNSCORED).update(state=PredictionState.WAITING, outcome="", **fresh)


def _decide(check: DifficultyCheck, standing: Standing) -> None:
    passed = standing.outcome == Outcome.PASS
    check.outcome_reason = _reason(standing)
    _end(check, CheckStatus.PASSED if passed else CheckStatus.FAILED, check.outcome_reason)
    workflow.advance(
        check.question,
        Action.PASS_CHECK if passed else Action.FAIL_CHECK,
        by=None,
        revision=check.revision,
        reason=check.outcome_reason,
    )


def _reason(standing: Standing) -> str:
    asked = [row for row in standing.rows if row is not None]
    n_correct = sum(row.verdict == Verdict.CORRECT for row in asked)
    words = ngettext(
        "%(n)d of %(asked)d model answered correctly", "%(n)d of %(asked)d models answered correctly", len(asked)
    ) % {"n": n_correct, "asked": len(asked)}
    left = len(standing.rows) - len(asked)
    return words + (". " + _("%(left)d not needed.") % {"left": left} if left else ".")


def _park(check: DifficultyCheck, standing: Standing) -> None:
    unscored = [
        (member, row)
        for member, row in zip(standing.members, standing.rows, strict=True)
        if row is not None and row.state == PredictionState.UNSCORED
    ]
    check.parked_reason = _parked_reason(unscored)
    waits = settings.PARK_RETRY_S
    if all(_passes(row) for _member, row in unscored) and check.parked_times < len(waits):
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


def _parked_reason(unscored: Sequence[tuple[PanelMember, Prediction]]) -> str:
    parts = []
    for member, row in unscored[:3]:
        what = _("no readable judgement") if row.outcome == OutcomeKind.ANSWER else row.get_outcome_display()
        parts.append(f"{member.model.label}: {what}")
    if len(unscored) > 3:
        parts.append(_("and %(n)d more") % {"n": len(unscored) - 3})
    return ("; ".join(parts) + ". " + _("Not counted."))[:300]


def resume(check: DifficultyCheck, *, by: Any = None) -> bool:
    """Ask again whatever is unscored in a parked check; what was scored stands. A person needs the right to do so."""
    if by is not None and not by.has_perm("grading.resolve_contest", check.question):
        raise PermissionDenied("resume a check")
    with transaction.atomic():
        parked = DifficultyCheck.objects.select_for_update().filter(pk=check.pk, status=CheckStatus.PARKED).first()
        if parked is None:
            return False
        _ask_again(_rows(parked).filter(state=PredictionState.UNSCORED))
        _unpark(parked)
        log.record("check.resume", by=by, on=parked, before=CheckStatus.PARKED, after=CheckStatus.RUNNING)
    return True


def _unpark(check: DifficultyCheck) -> None:
    check.status, check.parked_reason, check.due_at = CheckStatus.RUNNING, "", timezone.now()
    check.save(update_fields=["status", "parked_reason", "due_at"])


def _rows(check: DifficultyCheck) -> Any:
    return Prediction.objects.filter(tested_hash=check.tested_hash, panel=check.panel_id, draw=0)


def _end(check: DifficultyCheck, status: str, reason: str) -> None:
    """End a live check. What it alone still waited for is marked as not needed."""
    check.status, check.outcome_reason, check.parked_reason, check.due_at = status, reason, "", None
    check.settled_at = timezone.now()
    check.save(update_fields=["status", "outcome_reason", "parked_reason", "due_at", "settled_at"])
    others = DifficultyCheck.objects.live().filter(tested_hash=check.tested_hash, panel=check.panel_id)
    if not others.exclude(pk=check.pk).exists():
        waiting = _rows(check).filter(state=PredictionState.WAITING)
        waiting.update(state=PredictionState.SKIPPED, worker=None)


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
        _unpark(check)
    key = Key(row.tested_hash, row.panel_id)
    transaction.on_commit(lambda: settle_ready([key]))


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


def sweep() -> int:
    """Move on what a crash left behind: finished waves that nobody settled, parked checks whose time has come."""
    now = timezone.now()
    due = list(DifficultyCheck.objects.filter(status=CheckStatus.PARKED, due_at__lte=now)[:200])
    moved = sum(resume(check) for check in due)
    running = DifficultyCheck.objects.filter(status__in=[CheckStatus.QUEUED, CheckStatus.RUNNING]).values_list(
        "tested_hash", "panel"
    )
    return moved + settle_ready(Key(*pair) for pair in running[:2_000])
