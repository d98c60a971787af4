"""The verdict on an answer: by comparison where that decides, else by the judge."""

from __future__ import annotations

import secrets
import uuid
from typing import Any, NamedTuple

from grading import budget, judging, llm, matching, prompts, refusals
from grading.checks import JUDGE_DETAIL
from grading.engine import providers
from grading.engine.held import Held, call_spec
from grading.enums import DecidedBy, JudgeSeat, OutcomeKind, PredictionState, Verdict
from grading.llm import Outcome
from grading.matching import Result
from grading.models import Judgement

JUDGE_UNREADABLE = {
    OutcomeKind.EMPTY,
    OutcomeKind.TRUNCATED,
    OutcomeKind.FILTERED,
    OutcomeKind.REFUSED,
    OutcomeKind.MALFORMED,
}
VERDICT_OF = {Result.EQUAL: Verdict.CORRECT, Result.DIFFERENT: Verdict.INCORRECT}
JUDGE_TOKENS = 4_096


class Judged(NamedTuple):
    """What the judge said of an answer, and what of its reply is stored."""

    is_correct: bool | None = None
    reasoning: str = ""
    extracted_answer: str = ""
    confidence: int | None = None


class Scoring:
    """The comparison of an answer with the key."""

    def __init__(self, held: Held) -> None:
        self.held = held

    async def score(self) -> None:
        match = await self.held.in_thread(self._match)
        verdict = VERDICT_OF.get(match.result)
        if verdict is None:
            await self._judge(match)
            return
        await self.held.mark(
            state=PredictionState.SETTLED,
            verdict=verdict,
            verdict_reason=match.reason[:500],
            decided_by=DecidedBy.MATCHER,
            rule=match.rule,
        )

    def _match(self) -> matching.Match:
        """Compare in the order in which the model saw the options."""
        revision, shown = self.held.revision, self.held.order.shown(self.held.revision.options)
        return matching.match(
            answer_type=revision.answer_type,
            key=self._key_shown(),
            answer=matching.extract(self.held.row.reply).answer,
            options=shown,
            question=revision.prompt,
        )

    def _key_shown(self) -> str:
        return (
            self.held.order.letter_shown(self.held.revision.answer)
            if self.held.revision.is_choice
            else self.held.revision.answer
        )

    async def _judge(self, match: matching.Match) -> None:
        """Ask the judge; a no to a reply without a final answer is asked about once more, since a refusal is no answer."""
        judged = await self._judgement(judging.JUDGE_VERSION)
        if judged is None:
            return
        has_answer = self.held.row.answer or judged.extracted_answer.strip().lower() not in {"", "none"}
        if not judged.is_correct and not has_answer:
            declined = await self._judgement(refusals.REFUSAL_VERSION)
            if declined is None:
                return
            if declined.is_correct:
                await self.held.end_unscored(OutcomeKind.REFUSED, "declined on grounds of policy")
                return
        await self.held.mark(
            state=PredictionState.SETTLED,
            verdict=Verdict.CORRECT if judged.is_correct else Verdict.INCORRECT,
            verdict_reason=judged.reasoning[:500],
            decided_by=DecidedBy.JUDGE,
            rule=match.rule,
            confidence=self.held.row.confidence if self.held.row.confidence is not None else judged.confidence,
        )

    async def _judgement(self, version: str) -> Judged | None:
        """One readable judgement of this kind: an earlier one if it is there, else a new one; None when there is none now."""
        for known in self.held.row.judged:
            if known.judge_version == version and known.is_correct is not None:
                return Judged(known.is_correct, known.reasoning, known.extracted_answer, known.confidence)
        while True:
            judged, outcome = await self._ask_judge(version)
            if judged is not None and judged.is_correct is not None:
                return judged
            if outcome is None or not await self._may_judge_again(outcome):
                return None

    async def _may_judge_again(self, outcome: Outcome) -> bool:
        """Count a judgement that decides nothing. True: ask again at once; else the row waits, or is left to a person."""
        is_unread = outcome.kind in JUDGE_UNREADABLE or outcome.kind == OutcomeKind.ANSWER
        kind = OutcomeKind.UNPARSED if is_unread else outcome.kind
        delay_s = self.held.retry_delay_s(kind, outcome.retry_after_s, name=f"judge {kind}")
        if delay_s == 0 and not self.held.shared.is_stopping():
            return True
        if delay_s is not None:
            await self.held.mark(outcome_counts=self.held.counts, delay_s=delay_s)
        else:
            detail = f"{JUDGE_DETAIL}{kind}"
            await self.held.mark(
                state=PredictionState.UNSCORED,
                outcome_counts=self.held.counts,
                outcome_detail=detail,
                verdict_reason="The judge could not be read." if is_unread else "The judge could not be asked.",
            )
        return False

    async def _ask_judge(self, version: str) -> tuple[Judged | None, Outcome | None]:
        row, judge = self.held.row, self.held.row.panel.judge
        try:
            provider = providers.spec_of(judge.provider)
        except providers.NotSetUp as error:
            return None, Outcome(OutcomeKind.CONFIG_ERROR, detail=str(error), sent=False)
        if not await self.held.has_permit(judge):
            return None, None
        if self.held.shared.is_stopping():
            await self.held.mark()
            return None, None
        messages, schema = self._judge_prompt(version)
        chars = len(messages[0]["content"])
        judgement = Judgement(pk=uuid.uuid4(), judge_version=version, attempt=self._next_attempt(version))
        reservation = self.held.reservation(
            judge, judgement.pk, budget.most_usd(judge, prompt_chars=chars, max_tokens=JUDGE_TOKENS)
        )
        is_held = await self.held.shared.writer.write(
            "ask_judge",
            **reservation,
            judgement=judgement.pk,
            attempt=judgement.attempt,
            seat=JudgeSeat.FIRST,
            judge_version=version,
        )
        if not is_held:
            return None, None
        row.judged.append(judgement)
        spec = call_spec(judge, messages, tokens=JUDGE_TOKENS, request_id=judgement.pk, schema=schema)
        outcome = await llm.call(provider, spec)
        await self.held.observe(judge, outcome)
        judged, problem = _read_judgement(version, outcome)
        bill = budget.bill(judge, outcome, prompt_chars=chars)
        await self.held.shared.writer.write(
            "judged",
            id=row.pk,
            ledger=judgement.pk,
            ledger_state=bill.state,
            cost_usd=bill.cost_usd,
            is_estimated=bill.is_estimated,
            judgement=judgement.pk,
            outcome=OutcomeKind.UNPARSED if problem else outcome.kind,
            outcome_detail=(problem or outcome.detail)[:200],
            reply=outcome.text,
            **judged._asdict(),
        )
        return judged, outcome

    def _judge_prompt(self, version: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        reply, boundary = self.held.row.reply, secrets.token_hex(16)
        if version == refusals.REFUSAL_VERSION:
            return refusals.messages(response=reply, boundary=boundary), refusals.RESPONSE_FORMAT
        question = prompts.user_text(self.held.revision.prompt, self.held.order.shown(self.held.revision.options))
        messages = judging.judge_messages(question=question, key=self._key_shown(), response=reply, boundary=boundary)
        return messages, judging.RESPONSE_FORMAT

    def _next_attempt(self, version: str) -> int:
        return 1 + max((known.attempt for known in self.held.row.judged if known.judge_version == version), default=0)


def _read_judgement(version: str, outcome: Outcome) -> tuple[Judged, str]:
    """What a judge's reply says, and why it says nothing if so."""
    if outcome.kind != OutcomeKind.ANSWER:
        return Judged(), ""
    if version == refusals.REFUSAL_VERSION:
        declined = refusals.parse(outcome.text)
        return Judged(is_correct=declined), "" if declined is not None else "not one of the two replies"
    parsed = judging.parse_judge(outcome.text)
    if isinstance(parsed, judging.Unparsed):
        return Judged(), parsed.reason
    return Judged(parsed.correct, parsed.reasoning, parsed.extracted_final_answer, parsed.confidence), ""
