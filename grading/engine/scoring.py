"""The verdict on an answer: by comparison where that decides, else by one judge or by two that agree.

Where two are asked and differ, or one of them cannot be read, no verdict comes of it: a person decides. One exception: when
the first judge's replies cannot be read, the second decides alone, as a panel without a second judge would leave it to
one. A judge that cannot be reached replaces nobody: then the answer waits.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

from grading import budget, judging, llm, matching, refusals
from grading.engine import providers
from grading.engine.case import JUDGE_TOKENS, Case, Opinion
from grading.engine.held import Held, call_spec
from grading.enums import (
    JUDGE_DETAIL,
    JUDGES_DISAGREE,
    NOTHING_STATED,
    DecidedBy,
    JudgeSeat,
    OutcomeKind,
    PredictionState,
    Verdict,
)
from grading.llm import RETRY_RULES, Outcome
from grading.matching import Result
from grading.models import Judgement, ModelSpec

JUDGE_UNREADABLE = {
    OutcomeKind.EMPTY,
    OutcomeKind.TRUNCATED,
    OutcomeKind.FILTERED,
    OutcomeKind.REFUSED,
    OutcomeKind.MALFORMED,
    OutcomeKind.ANSWER,
}
VERDICT_OF = {Result.EQUAL: Verdict.CORRECT, Result.DIFFERENT: Verdict.INCORRECT}


class Silence(NamedTuple):
    """Why nothing came of a judge, and when to ask it again (None: not by ourselves). Without a kind the row was given up."""

    kind: OutcomeKind | None = None
    delay_s: float | None = None


class Scoring:
    """The comparison of an answer with the key."""

    def __init__(self, held: Held) -> None:
        self.held = held
        self.case = Case(held.revision, held.order, held.row.reply)

    async def score(self) -> None:
        # to hand it to a thread takes as long as most comparisons
        match = self.case.match_at_once() or await self.held.in_thread(self.case.match)
        verdict = VERDICT_OF.get(match.result)
        if verdict is not None:
            await self._settle(verdict, match, by=DecidedBy.MATCHER, reason=match.reason)
        elif judging.is_opening_only(self.case.reply):
            await self._leave_to_a_person(NOTHING_STATED, "The reply states nothing that could be compared.")
        else:
            await self._judge(match)

    async def _judge(self, match: matching.Match) -> None:
        """Hear the judges; a no to a reply without a final answer is asked about once more, since a refusal is no answer."""
        seats = await self._hear_all()
        if seats is None:
            return
        opinions = list(seats.values())
        if len({opinion.is_correct for opinion in opinions}) > 1:
            await self._leave_to_a_person(JUDGES_DISAGREE, "Two judges disagree.")
            return
        first = opinions[0]
        if not first.is_correct and not self._has_answer(opinions):
            declined = await self._hear(next(iter(seats)), refusals.REFUSAL_VERSION)
            if isinstance(declined, Silence):
                await self._put_off(declined)
                return
            if declined.is_correct:
                await self.held.end_unscored(OutcomeKind.REFUSED, "declined on grounds of policy")
                return
        verdict = Verdict.CORRECT if first.is_correct else Verdict.INCORRECT
        read = {"confidence": self._confidence(first), "answer": self._answer(first)}
        await self._settle(verdict, match, by=DecidedBy.JUDGE, reason=first.reasoning, **read)

    async def _hear_all(self) -> dict[JudgeSeat, Opinion] | None:
        """What each judge says whose word is needed, or None when one of them said nothing; then the row is put off."""
        heard: dict[JudgeSeat, Opinion] = {}
        first = await self._hear(JudgeSeat.FIRST)
        if isinstance(first, Opinion):
            heard[JudgeSeat.FIRST] = first
        elif (
            first.kind != OutcomeKind.UNPARSED or self.held.row.panel.second_judge is None or first.delay_s is not None
        ):
            await self._put_off(first)
            return None
        if self.held.row.panel.second_judge is not None:
            second = await self._hear(JudgeSeat.SECOND)
            if isinstance(second, Silence):
                await self._put_off(second)
                return None
            heard[JudgeSeat.SECOND] = second
        return heard

    async def _hear(self, seat: JudgeSeat, version: str = judging.JUDGE_VERSION) -> Opinion | Silence:
        """One readable judgement of this kind: an earlier one if it is there, else a new one, or why there is none now."""
        for known in self.held.row.judged:
            if (known.seat, known.judge_version) == (seat, version) and known.is_correct is not None:
                return Opinion(known.is_correct, known.reasoning, known.extracted_answer, known.confidence)
        while not self._is_given_up(seat):
            opinion, outcome = await self._ask(seat, version)
            if opinion.is_correct is not None:
                return opinion
            if outcome is None:
                return Silence()
            silence = self._count(seat, outcome)
            if silence.delay_s != 0 or self.held.shared.is_stopping():
                return silence
        return Silence(OutcomeKind.UNPARSED)

    def _is_given_up(self, seat: JudgeSeat) -> bool:
        """Whether the judge has had its asks, in an earlier flight perhaps: its replies cannot be read."""
        return (
            self.held.counts.get(_count_name(seat, OutcomeKind.UNPARSED), 0) > RETRY_RULES[OutcomeKind.UNPARSED].re_asks
        )

    def _count(self, seat: JudgeSeat, outcome: Outcome) -> Silence:
        kind = OutcomeKind.UNPARSED if outcome.kind in JUDGE_UNREADABLE else outcome.kind
        return Silence(kind, self.held.retry_delay_s(kind, outcome.retry_after_s, name=_count_name(seat, kind)))

    async def _put_off(self, silence: Silence) -> None:
        if silence.kind is None:
            return
        if silence.delay_s is not None:
            await self.held.mark(outcome_counts=self.held.counts, delay_s=silence.delay_s)
            return
        is_unread = silence.kind == OutcomeKind.UNPARSED
        reason = "The judge could not be read." if is_unread else "The judge could not be asked."
        await self._leave_to_a_person(silence.kind, reason)

    async def _leave_to_a_person(self, detail: str, reason: str) -> None:
        await self.held.mark(
            state=PredictionState.UNSCORED,
            outcome_counts=self.held.counts,
            outcome_detail=f"{JUDGE_DETAIL}{detail}",
            verdict_reason=reason,
        )

    async def _settle(
        self, verdict: Verdict, match: matching.Match, *, by: DecidedBy, reason: str, **read: Any
    ) -> None:
        await self.held.mark(
            state=PredictionState.SETTLED,
            verdict=verdict,
            verdict_reason=reason[:500],
            decided_by=by,
            rule=match.rule,
            **read,
        )

    def _has_answer(self, opinions: list[Opinion]) -> bool:
        return bool(self.held.row.answer) or not all(judging.is_none(said.extracted_answer) for said in opinions)

    def _confidence(self, opinion: Opinion) -> int | None:
        return opinion.confidence if self.held.row.confidence is None else self.held.row.confidence

    def _answer(self, opinion: Opinion) -> str | None:
        """The answer that the judge found where no label names one, so that it shows and can agree with others'."""
        if self.held.row.answer or judging.is_none(opinion.extracted_answer):
            return None
        return self.case.in_letters_of_author(opinion.extracted_answer)

    async def _ask(self, seat: JudgeSeat, version: str) -> tuple[Opinion, Outcome | None]:
        """Put the case before a judge, the reservation first; without an outcome the row is no longer ours."""
        row, judge = self.held.row, self._judge_of(seat)
        try:
            provider = providers.spec_of(judge.provider)
        except providers.NotSetUp as error:
            return Opinion(), Outcome(OutcomeKind.CONFIG_ERROR, detail=str(error), sent=False)
        if not await self.held.has_permit(judge):
            return Opinion(), None
        if self.held.shared.is_stopping():
            await self.held.mark()
            return Opinion(), None
        prompt = self.case.prompt(version)
        judgement = Judgement(
            pk=uuid.uuid4(), seat=seat, judge_version=version, attempt=self._next_attempt(seat, version)
        )
        most_usd = budget.most_usd(judge, prompt_chars=prompt.chars, max_tokens=JUDGE_TOKENS)
        is_held = await self.held.write_ahead(
            "ask_judge",
            **self.held.reservation(judge, judgement.pk, most_usd),
            judgement=judgement.pk,
            attempt=judgement.attempt,
            seat=seat,
            judge_version=version,
        )
        if not is_held:
            return Opinion(), None
        row.judged.append(judgement)
        spec = call_spec(judge, prompt.messages, tokens=JUDGE_TOKENS, request_id=judgement.pk, schema=prompt.schema)
        outcome = await llm.call(provider, spec)
        await self.held.observe(judge, outcome)
        opinion, problem = await self.held.in_thread(self.case.read, version, outcome)
        bill = budget.bill(judge, outcome, prompt_chars=prompt.chars)
        await self.held.shared.writer.write(
            "judged",
            id=row.pk,
            ledger=judgement.pk,
            ledger_state=bill.state,
            is_paid=not judge.is_simulated,
            cost_usd=bill.cost_usd,
            is_estimated=bill.is_estimated,
            judgement=judgement.pk,
            outcome=OutcomeKind.UNPARSED if problem else outcome.kind,
            outcome_detail=(problem or outcome.detail)[:200],
            reply=outcome.text,
            **opinion._asdict(),
        )
        return opinion, outcome

    def _judge_of(self, seat: JudgeSeat) -> ModelSpec:
        panel = self.held.row.panel
        return panel.judge if seat == JudgeSeat.FIRST else panel.second_judge

    def _next_attempt(self, seat: JudgeSeat, version: str) -> int:
        """Attempts are counted over all processes: a second ask of the same number would not be written."""
        known = [done.attempt for done in self.held.row.judged if (done.seat, done.judge_version) == (seat, version)]
        return 1 + max(known, default=0)


def _count_name(seat: JudgeSeat, kind: OutcomeKind) -> str:
    return f"judge {kind}" if seat == JudgeSeat.FIRST else f"judge {seat.value} {kind}"
