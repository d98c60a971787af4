"""What a reader sees of a check: plain values for the model test page, cut to what the reader may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading import budget, checks, evidence, tags, waiting
from grading.alarms import KeyAlarm
from grading.checks import Seat, Standing
from grading.enums import CheckStatus, DecidedBy, OutcomeKind, PredictionState, Verdict
from grading.models import Contest, DifficultyCheck, Prediction
from hle_site import lookups
from questions.models import Question

SHOWN_REPLY = 20_000
PLACE_STEP = 5
RECENT = 20


@dataclass(frozen=True)
class Card:
    """One model of the panel."""

    name: str
    simulated: bool
    state: str
    verdict: str = ""
    answer: str = ""
    reply: str = ""
    reason: str = ""
    note: str = ""
    latency_s: float | None = None
    place: int | None = None
    asked_at: datetime | None = None
    retry_at: datetime | None = None
    contest_url: str = ""
    contest: Contest | None = None
    resolve_url: str = ""
    judge_url: str = ""


@dataclass(frozen=True)
class Wave:
    """A lane: the models that are asked together."""

    number: int
    state: str
    note: str
    cards: list[Card]


@dataclass(frozen=True)
class Confirmation:
    """What the further draws came to: for each model its verdicts, in the order of the draws."""

    n_correct: int
    n_answers: int
    lines: list[tuple[str, list[str]]]


@dataclass(frozen=True)
class CheckPanel:
    """The whole of it."""

    question_id: Any
    url: str
    check: DifficultyCheck | None = None
    is_live: bool = False
    is_stale: bool = False
    summary: str = ""
    said: str = ""
    steps: list[dict[str, str]] = field(default_factory=list)
    waves: list[Wave] = field(default_factory=list)
    n_heard: int = 0
    n_models: int = 0
    may_read_answers: bool = False
    confirmation: Confirmation | None = None
    to_judge: list[tuple[str, str]] = field(default_factory=list)
    key: str = ""
    typical: waiting.Wait | None = None
    allowance: budget.Allowance | None = None
    tries: tuple[int, int] | None = None
    alarm: KeyAlarm | None = None
    clear_alarm_url: str = ""
    confirm_key_url: str = ""
    key_reason: str | None = None
    rejudge_url: str = ""
    retry_url: str = ""
    substitute_url: str = ""
    earlier: list[DifficultyCheck] = field(default_factory=list)
    etag: str = ""


def _checks(question: Question) -> list[DifficultyCheck]:
    """The check that the page is about, and the ones before it."""
    found = question.checks.select_related("panel__judge__provider", "policy", "revision").order_by("-created_at")
    today = Coalesce(Subquery(budget.started_today(OuterRef("question__contributor"))), 0)
    return list(evidence.with_doubts(found).annotate(n_started_today=today)[: RECENT + 1])


def _answers(question: Question, check: DifficultyCheck) -> list[Prediction]:
    """All that models said to the text of a check."""
    rows = Prediction.objects.filter(tested_hash=check.tested_hash).select_related("contest", "model__provider")
    answers = list(rows)
    evidence.note_answers(check.tested_hash, answers)
    return answers


def panel_of(question: Question, user: Any) -> CheckPanel:
    """Everything on the model test panel for this reader, who may see the check at all."""
    with lookups.shared():
        return _panel_of(question, user)


def _panel_of(question: Question, user: Any) -> CheckPanel:
    check, *earlier = _checks(question) or [None]
    url = reverse("grading:check", args=[question.pk])
    if check is None:
        tag = tags.etag(question, user, None, [])
        return CheckPanel(question_id=question.pk, url=url, etag=tag, **_rights(question, user, None))
    answers = _answers(question, check)
    standing = checks.standing_among(check, answers)
    rows = [row for row in standing.rows if row is not None]
    reader = _Reader(check, question, user, rows)
    shown = [(seat, reader.card(seat, row)) for seat, row in zip(standing.seats, standing.rows, strict=True)]
    heard = [row for row in rows if row.state == PredictionState.SETTLED]
    return CheckPanel(
        question_id=question.pk,
        url=url,
        check=check,
        is_live=check.status in {CheckStatus.QUEUED, CheckStatus.RUNNING}
        or (check.status == CheckStatus.PARKED and check.due_at is not None),
        is_stale=question.newest.tested_hash != check.tested_hash,
        summary=_summary(check, standing.seats, rows),
        said=_said(check, len(heard), len(standing.seats)),
        steps=_steps(check, standing.seats),
        waves=_waves(check, shown),
        n_heard=len(heard),
        n_models=len(standing.seats),
        may_read_answers=reader.may_read,
        confirmation=_confirmation(check, standing) if user.has_perm("grading.view_confirmation", question) else None,
        to_judge=_to_judge(question, standing) if reader.may_judge else [],
        key=check.revision.answer if reader.may_read else "",
        typical=waiting.typical(check) if check.is_live else None,
        earlier=earlier,
        etag=tags.etag(question, user, check, answers),
        **_rights(question, user, check),
    )


def _rights(question: Question, user: Any, check: DifficultyCheck | None) -> dict[str, Any]:
    """What only some readers get: allowance and tries for the owner, ways to act for organisers."""
    found: dict[str, Any] = {}
    if question.is_owned_by(user):
        found["allowance"] = budget.allowance(question.contributor, check and check.n_started_today)
        found["tries"] = (budget.tries_used(question), settings.TRIES_PER_FAMILY)
    may_mend = user.has_perm("grading.mend_check", question)
    alarm, reason = None, None
    if check is not None and user.has_perm("grading.view_answers", question):
        alarm, reason = evidence.doubt(question, check)
    if alarm is not None:
        found |= {"alarm": alarm, "key_reason": reason}
        if may_mend:
            found["clear_alarm_url"] = reverse("grading:clear_alarm", args=[question.pk])
        if question.is_owned_by(user) and reason is None:
            found["confirm_key_url"] = reverse("grading:confirm_key", args=[question.pk])
    if check is not None and check.settled_at and user.has_perm("grading.judge_answer", question):
        found["rejudge_url"] = reverse("grading:rejudge", args=[question.pk])
    if check is not None and check.status == CheckStatus.PARKED and may_mend:
        found["retry_url"] = reverse("grading:retry", args=[question.pk])
        if checks.offers(check):
            found["substitute_url"] = reverse("grading:substitute", args=[question.pk])
    return found


def _confirmation(check: DifficultyCheck, standing: Standing) -> Confirmation | None:
    """The further draws of a settled check, if it had any."""
    further = [rows for rows in standing.draws[1:] if any(rows)]
    if not further or check.status not in {CheckStatus.PASSED, CheckStatus.FAILED}:
        return None
    said = [row.verdict for rows in further for row in rows if row and row.state in checks.TERMINAL]
    lines = [
        (seat.model.label, [row.verdict for rows in further if (row := rows[seat.position])]) for seat in standing.seats
    ]
    return Confirmation(n_correct=said.count(Verdict.CORRECT), n_answers=len(said), lines=lines)


def _to_judge(question: Question, standing: Standing) -> list[tuple[str, str]]:
    """Complete answers of further draws that a person must judge: the model, and where."""
    return [
        (seat.model.label, reverse("grading:judge", args=[question.pk, row.pk]))
        for seat, row in standing.asked
        if row.draw and row.state == PredictionState.UNSCORED and row.outcome == OutcomeKind.ANSWER
    ]


class _Reader:
    """Makes the cards for one reader."""

    def __init__(self, check: DifficultyCheck, question: Question, user: Any, rows: list[Prediction]) -> None:
        self.check, self.question = check, question
        self.may_read = user.has_perm("grading.view_answers", question)
        self.may_resolve = user.has_perm("grading.resolve_contest", question)
        self.may_contest = user.has_perm("grading.contest_verdict", question)
        self.may_judge = check.status == CheckStatus.PARKED and user.has_perm("grading.judge_answer", question)
        self.place = _place(check, rows)

    def card(self, seat: Seat, row: Prediction | None) -> Card:
        model = next((model for model in seat.models if row and model.pk == row.model_id), seat.model)
        face = {"name": model.label, "simulated": model.is_simulated}
        if row is None:
            return Card(**face, **self._not_asked())
        if row.state == PredictionState.SETTLED:
            return Card(**face, **(self._settled(row) if self.may_read else {"state": "answered"}))
        if row.state == PredictionState.UNSCORED:
            return Card(**face, **self._unscored(row))
        return Card(**face, **self._open(row))

    def _not_asked(self) -> dict[str, Any]:
        if self.check.is_live:
            return {"state": "waiting", "note": _("Asked only if no model before it ends the test.")}
        return {"state": "skipped", "note": _("Not needed.")}

    def _settled(self, row: Prediction) -> dict[str, Any]:
        contest = getattr(row, "contest", None)
        can_contest = self.may_contest and contest is None and row.verdict == Verdict.CORRECT
        return {
            "state": row.state,
            "verdict": row.verdict,
            "answer": row.answer or _("It stated no final answer."),
            "reply": row.reply[:SHOWN_REPLY],
            "reason": self._who_decided(row),
            "note": self._about(row),
            "latency_s": (row.latency_ms or 0) / 1000,
            "contest": contest,
            "resolve_url": self._resolve_url(contest),
            "contest_url": reverse("grading:contest", args=[self.question.pk, row.pk]) if can_contest else "",
        }

    def _resolve_url(self, contest: Contest | None) -> str:
        if contest is None or contest.is_upheld is not None or not self.may_resolve:
            return ""
        return reverse("grading:resolve", args=[self.question.pk, contest.pk])

    def _who_decided(self, row: Prediction) -> str:
        if row.decided_by == DecidedBy.JUDGE:
            return _("%(judge)s (judge): %(why)s") % {"judge": self.check.panel.judge.label, "why": row.verdict_reason}
        if row.decided_by == DecidedBy.PERSON:
            return _("Decided by a person: %(why)s") % {"why": row.verdict_reason}
        if not row.verdict_reason:
            return _("Compared automatically (rule “%(rule)s”).") % {"rule": row.rule}
        return _("Compared automatically (rule “%(rule)s”): %(why)s.") % {"rule": row.rule, "why": row.verdict_reason}

    def _about(self, row: Prediction) -> str:
        parts = [_("It was %(n)d %% sure.") % {"n": row.confidence}] if row.confidence is not None else []
        if self.check.revision.is_choice:
            parts.append(
                _("It saw the options in another order; the letter here is yours, in its reply it is its own.")
            )
        return " ".join(parts)

    def _unscored(self, row: Prediction) -> dict[str, Any]:
        is_kept = row.outcome == OutcomeKind.ANSWER
        detail = "" if is_kept else row.outcome_detail
        return {
            "state": "unscored",
            "answer": row.answer if is_kept and self.may_read else "",
            "reply": row.reply[:SHOWN_REPLY] if is_kept and self.may_read else "",
            "reason": _("%(what)s. Not counted as right or wrong.") % {"what": row.why_unscored},
            "note": _("Recorded as: %(detail)s") % {"detail": detail} if detail else "",
            "retry_at": self.check.due_at if self.check.status == CheckStatus.PARKED else None,
            "judge_url": reverse("grading:judge", args=[self.question.pk, row.pk])
            if is_kept and self.may_judge
            else "",
        }

    def _open(self, row: Prediction) -> dict[str, Any]:
        if not self.check.is_live:
            return {"state": "asked", "note": _("Asked for the statistics. Its answer changes nothing here.")}
        if row.state == PredictionState.ASKED:
            return {"state": "asked", "asked_at": row.asked_at}
        if row.state == PredictionState.ANSWERED:
            return {
                "state": "asked",
                "note": _("It has answered; the answer is being compared."),
                "asked_at": row.asked_at,
            }
        if row.tries:
            reason = _("%(what)s. Not counted; it is asked again.") % {"what": row.get_outcome_display()}
            return {"state": "waiting", "reason": reason, "retry_at": row.due_at}
        return {"state": "waiting", "place": self.place}


def _place(check: DifficultyCheck, rows: list[Prediction]) -> int | None:
    """The place in the queue of the first answer that was not asked for yet, if there is one.

    Rounded up, since the exact place would tell how much others send in, and when.
    """
    if not check.is_live or not any(map(tags.is_queued, rows)):
        return None
    return -(-(1 + waiting.ahead(check)) // PLACE_STEP) * PLACE_STEP


def _summary(check: DifficultyCheck, seats: Sequence[Seat], rows: list[Prediction]) -> str:
    if check.status == CheckStatus.PASSED:
        return _("%(why)s The question passed.") % {"why": check.outcome_reason}
    if check.status == CheckStatus.FAILED:
        return _("%(why)s That is too easy under the policy of this call.") % {"why": check.outcome_reason}
    if check.status == CheckStatus.STALE:
        return check.outcome_reason
    if check.status == CheckStatus.CANCELLED:
        return _("The test was stopped. Answers that arrived are kept and are not asked for again.")
    if check.status == CheckStatus.PARKED:
        return _("No verdict yet. %(why)s") % {"why": check.parked_reason}
    if check.status == CheckStatus.QUEUED:
        return _("The test is planned. It begins as soon as a place is free.")
    n_asking = sum(row.state not in checks.TERMINAL for row in rows)
    if not n_asking:
        return _("The test is going on.")
    last = max((seat.wave for seat in seats), default=1)
    return ngettext(
        "Wave %(wave)d of %(last)d: %(n)d model is at work.",
        "Wave %(wave)d of %(last)d: %(n)d models are at work.",
        n_asking,
    ) % {"wave": check.wave, "last": last, "n": n_asking}


def _said(check: DifficultyCheck, n_heard: int, n_models: int) -> str:
    """What a screen reader hears when the panel changes."""
    return _("%(status)s, %(n)d of %(all)d models heard") % {
        "status": check.get_status_display(),
        "n": n_heard,
        "all": n_models,
    }


def _steps(check: DifficultyCheck, seats: Sequence[Seat]) -> list[dict[str, str]]:
    waves = sorted({seat.wave for seat in seats})
    queued = {"label": _("Queued"), "state": "current" if check.status == CheckStatus.QUEUED else "done"}
    steps = [{"label": _("Wave %(n)d") % {"n": wave}, "state": _wave_state(check, wave)} for wave in waves]
    end = {CheckStatus.PASSED: "done", CheckStatus.FAILED: "failed", CheckStatus.CANCELLED: "failed"}
    return [queued, *steps, {"label": _("Verdict"), "state": end.get(CheckStatus(check.status), "todo")}]


def _wave_state(check: DifficultyCheck, wave: int) -> str:
    if wave > check.wave or check.status == CheckStatus.QUEUED:
        return "todo"
    is_running = wave == check.wave and check.status in {CheckStatus.RUNNING, CheckStatus.PARKED}
    return "current" if is_running else "done"


def _waves(check: DifficultyCheck, shown: list[tuple[Seat, Card]]) -> list[Wave]:
    lanes: dict[int, list[Card]] = {}
    for seat, card in shown:
        lanes.setdefault(seat.wave, []).append(card)
    return [Wave(wave, _wave_state(check, wave), _wave_note(check, wave), cards) for wave, cards in lanes.items()]


def _wave_note(check: DifficultyCheck, wave: int) -> str:
    if wave <= check.wave:
        return ""
    return _("asked only if the question survives") if check.is_live else _("not needed")
