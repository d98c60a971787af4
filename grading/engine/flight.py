"""One claimed prediction from the write-ahead to its verdict: ask the model, compare, ask the judge if need be."""

from __future__ import annotations

import asyncio
import base64
import random
import secrets
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from grading import budget, judging, llm, matching, prompts, refusals
from grading.checks import JUDGE_DETAIL
from grading.engine import providers
from grading.engine.writer import Writer
from grading.enums import DecidedBy, OutcomeKind, PredictionState, Verdict
from grading.llm import RETRY_RULES, CallSpec, Outcome, Pacer, PermitRefused
from grading.matching import Result
from grading.models import Judgement, ModelSpec, Prediction
from questions.models import Revision

IMAGES_AT_ONCE = 48  # pictures in memory at a time, 7 MB each at most
PERMIT_WAIT_S = 20.0
# Re-asks that cost money again; no model is asked more than three times for one answer.
BILLABLE = (OutcomeKind.EMPTY, OutcomeKind.TRUNCATED, OutcomeKind.MALFORMED, OutcomeKind.AMBIGUOUS)
MOST_BILLABLE = 3
JUDGE_UNREADABLE = {
    OutcomeKind.EMPTY,
    OutcomeKind.TRUNCATED,
    OutcomeKind.FILTERED,
    OutcomeKind.REFUSED,
    OutcomeKind.MALFORMED,
}
VERDICT_OF = {Result.EQUAL: Verdict.CORRECT, Result.DIFFERENT: Verdict.INCORRECT}
JUDGE_TOKENS = 4_096


class Shared(NamedTuple):
    """What all flights of a process share; made on the loop."""

    writer: Writer
    threads: ThreadPoolExecutor  # as many as there are comparison processes, so that none waits for one
    pictures: asyncio.Semaphore
    pacer: Pacer
    redis: Redis
    pause: Callable[[int, float], Awaitable[None]]
    is_stopping: Callable[[], bool]


class Reading(NamedTuple):
    """What a reply says: the answer in the author's lettering, and how sure the model was."""

    answer: str
    confidence: int | None


class Judged(NamedTuple):
    """What the judge said of an answer, and what of its reply is stored."""

    is_correct: bool | None = None
    reasoning: str = ""
    extracted_answer: str = ""
    confidence: int | None = None


class Flight:
    """A row under lease on its way. Each write is fenced: when one is refused, somebody else holds the row and this ends."""

    def __init__(self, row: Prediction, shared: Shared) -> None:
        self.row = row
        self.shared = shared
        self.revision: Revision = row.revision
        self.order = prompts.options_order(row.option_seed, len(self.revision.options))
        self.counts: dict[str, int] = dict(row.outcome_counts)

    async def run(self) -> None:
        """Bring the row as far as it goes now."""
        if self.row.state == PredictionState.ANSWERED or await self._ask():
            await self._score()

    # --- the model ---

    async def _ask(self) -> bool:
        """Ask the model once and store what came of it; True when that is an answer to be scored."""
        model = self.row.model
        try:
            provider = providers.spec_of(model.provider)
        except providers.NotSetUp as error:
            await self._end_unscored(OutcomeKind.CONFIG_ERROR, str(error))
            return False
        image = self.revision.image
        if image and not model.takes_images:
            await self._end_unscored(OutcomeKind.REQUEST_ERROR, "the model takes no pictures")
            return False
        if not await self._has_permit(model):
            return False
        if image is None:
            return await self._call(provider, None)
        async with self.shared.pictures:
            return await self._call(provider, await asyncio.to_thread(_data_uri, self.revision))

    async def _call(self, provider: llm.ProviderSpec, data_uri: str | None) -> bool:
        row, model, ledger = self.row, self.row.model, uuid.uuid4()
        if self.shared.is_stopping():
            await self._mark()
            return False
        tokens = model.max_tokens * 2 ** self.counts.get(OutcomeKind.TRUNCATED, 0)
        text = prompts.user_text(self.revision.prompt, self.order.shown(self.revision.options))
        most_usd = budget.most_usd(model, prompt_chars=len(text), max_tokens=tokens, has_image=data_uri is not None)
        if not await self.shared.writer.write("ask", **self._reservation(model, ledger, most_usd)):
            return False
        messages = prompts.messages(
            prompt=self.revision.prompt,
            options=self.order.shown(self.revision.options),
            image_data_uri=data_uri,
            supports_system=model.takes_system_prompt,
        )
        outcome = await llm.call(provider, _spec(model, messages, tokens=tokens, request_id=ledger))
        await self._observe(model, outcome)
        return await self._store(outcome, budget.bill(model, outcome, prompt_chars=len(text)), ledger, row)

    async def _store(self, outcome: Outcome, bill: budget.Bill, ledger: uuid.UUID, row: Prediction) -> bool:
        is_answer = outcome.kind == OutcomeKind.ANSWER
        delay_s = None if is_answer else self._re_ask_in_s(outcome)
        reading = await self._in_thread(self._read, outcome.text) if is_answer else Reading("", None)
        state = PredictionState.ANSWERED if is_answer else PredictionState.UNSCORED
        is_held = await self.shared.writer.write(
            "answer",
            id=row.pk,
            fence=row.fence,
            ledger=ledger,
            ledger_state=bill.state,
            cost_usd=bill.cost_usd,
            is_estimated=bill.is_estimated,
            state=state if delay_s is None else PredictionState.WAITING,
            outcome=outcome.kind,
            outcome_detail=outcome.detail[:200],
            outcome_counts=self.counts,
            reply=outcome.text,
            answer=reading.answer,
            confidence=reading.confidence,
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            latency_ms=outcome.latency_ms,
            delay_s=delay_s or 0,
            is_kept=is_answer,
        )
        row.reply, row.answer, row.confidence = outcome.text, reading.answer, reading.confidence
        return is_held and is_answer

    def _re_ask_in_s(self, outcome: Outcome) -> float | None:
        delay_s = self._retry_delay_s(outcome.kind, outcome.retry_after_s, name=outcome.kind)
        is_dear = sum(self.counts.get(kind, 0) for kind in BILLABLE) >= MOST_BILLABLE
        return None if is_dear and outcome.kind in BILLABLE else delay_s

    def _retry_delay_s(self, kind: OutcomeKind, retry_after_s: float | None, *, name: str) -> float | None:
        """Count one more end of this kind and say when to ask again; None: not by ourselves."""
        done = self.counts.get(name, 0)
        self.counts[name] = done + 1
        longest_s = RETRY_RULES[kind].give_up_after_s
        if longest_s is not None and (retry_after_s or 0) > longest_s:
            return None
        return llm.retry_delay_s(kind, re_asks_done=done, retry_after_s=retry_after_s, draw=random.random)

    def _read(self, reply: str) -> Reading:
        found = matching.extract(reply)
        answer = found.answer or ""
        if self.revision.is_choice and answer:
            letter = matching.canonical(
                answer_type=self.revision.answer_type, answer=answer, options=self.order.shown(self.revision.options)
            )
            answer = self.order.letter_of_author(letter) if letter else answer
        return Reading(answer, found.confidence)

    # --- the verdict ---

    async def _score(self) -> None:
        match = await self._in_thread(self._match)
        verdict = VERDICT_OF.get(match.result)
        if verdict is None:
            await self._judge(match)
            return
        await self._mark(
            state=PredictionState.SETTLED,
            verdict=verdict,
            verdict_reason=match.reason[:500],
            decided_by=DecidedBy.MATCHER,
            rule=match.rule,
        )

    def _match(self) -> matching.Match:
        """Compare in the order in which the model saw the options."""
        revision, shown = self.revision, self.order.shown(self.revision.options)
        return matching.match(
            answer_type=revision.answer_type,
            key=self._key_shown(),
            answer=matching.extract(self.row.reply).answer,
            options=shown,
        )

    def _key_shown(self) -> str:
        return self.order.letter_shown(self.revision.answer) if self.revision.is_choice else self.revision.answer

    async def _judge(self, match: matching.Match) -> None:
        """Ask the judge; a no to a reply without a final answer is asked about once more, since a refusal is no answer."""
        judged = await self._judgement(judging.JUDGE_VERSION)
        if judged is None:
            return
        has_answer = self.row.answer or judged.extracted_answer.strip().lower() not in {"", "none"}
        if not judged.is_correct and not has_answer:
            declined = await self._judgement(refusals.REFUSAL_VERSION)
            if declined is None:
                return
            if declined.is_correct:
                await self._end_unscored(OutcomeKind.REFUSED, "declined on grounds of policy")
                return
        await self._mark(
            state=PredictionState.SETTLED,
            verdict=Verdict.CORRECT if judged.is_correct else Verdict.INCORRECT,
            verdict_reason=judged.reasoning[:500],
            decided_by=DecidedBy.JUDGE,
            rule=match.rule,
            confidence=self.row.confidence if self.row.confidence is not None else judged.confidence,
        )

    async def _judgement(self, version: str) -> Judged | None:
        """One readable judgement of this kind: an earlier one if it is there, else a new one; None when there is none now."""
        for known in self.row.judged:
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
        delay_s = self._retry_delay_s(kind, outcome.retry_after_s, name=f"judge {kind}")
        if delay_s == 0 and not self.shared.is_stopping():
            return True
        if delay_s is not None:
            await self._mark(outcome_counts=self.counts, delay_s=delay_s)
        else:
            detail = f"{JUDGE_DETAIL}{kind}"
            await self._mark(
                state=PredictionState.UNSCORED,
                outcome_counts=self.counts,
                outcome_detail=detail,
                verdict_reason="The judge could not be read." if is_unread else "The judge could not be asked.",
            )
        return False

    async def _ask_judge(self, version: str) -> tuple[Judged | None, Outcome | None]:
        row, judge = self.row, self.row.panel.judge
        try:
            provider = providers.spec_of(judge.provider)
        except providers.NotSetUp as error:
            return None, Outcome(OutcomeKind.CONFIG_ERROR, detail=str(error), sent=False)
        if not await self._has_permit(judge):
            return None, None
        if self.shared.is_stopping():
            await self._mark()
            return None, None
        messages, schema = self._judge_prompt(version)
        chars = len(messages[0]["content"])
        judgement = Judgement(pk=uuid.uuid4(), judge_version=version, attempt=self._next_attempt(version))
        reservation = self._reservation(
            judge, judgement.pk, budget.most_usd(judge, prompt_chars=chars, max_tokens=JUDGE_TOKENS)
        )
        is_held = await self.shared.writer.write(
            "ask_judge",
            **reservation,
            judgement=judgement.pk,
            attempt=judgement.attempt,
            judge_version=version,
        )
        if not is_held:
            return None, None
        row.judged.append(judgement)
        spec = _spec(judge, messages, tokens=JUDGE_TOKENS, request_id=judgement.pk, schema=schema)
        outcome = await llm.call(provider, spec)
        await self._observe(judge, outcome)
        judged, problem = _read_judgement(version, outcome)
        bill = budget.bill(judge, outcome, prompt_chars=chars)
        await self.shared.writer.write(
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
        reply, boundary = self.row.reply, secrets.token_hex(16)
        if version == refusals.REFUSAL_VERSION:
            return refusals.messages(response=reply, boundary=boundary), refusals.RESPONSE_FORMAT
        question = prompts.user_text(self.revision.prompt, self.order.shown(self.revision.options))
        messages = judging.judge_messages(question=question, key=self._key_shown(), response=reply, boundary=boundary)
        return messages, judging.RESPONSE_FORMAT

    def _next_attempt(self, version: str) -> int:
        return 1 + max((known.attempt for known in self.row.judged if known.judge_version == version), default=0)

    # --- what both have in common ---

    def _reservation(self, model: ModelSpec, ledger: uuid.UUID, most_usd: Any) -> dict[str, Any]:
        return {
            "id": self.row.pk,
            "fence": self.row.fence,
            "ledger": ledger,
            "model_id": model.pk,
            "contributor_id": self.revision.question.contributor_id,
            "reserved_usd": most_usd,
            "price_version": model.price_version,
        }

    async def _has_permit(self, model: ModelSpec) -> bool:
        """Wait for the provider's rate, if it has one; too long a wait, or no Redis, hands the row back untouched."""
        per_minute = model.provider.requests_per_minute
        if not per_minute:
            return True
        limit = llm.Limit(per_minute=per_minute, burst=max(1, per_minute // 60))
        try:
            await self.shared.pacer.permit(model.provider.slug, model.name, limit, max_wait_s=PERMIT_WAIT_S)
        except PermitRefused as refused:
            await self._mark(delay_s=refused.wait_s)
            return False
        except RedisError:
            await self._mark(delay_s=5)
            return False
        return True

    async def _observe(self, model: ModelSpec, outcome: Outcome) -> None:
        seconds = providers.pause_after(model.provider, outcome)
        if seconds is not None:
            await self.shared.pause(model.provider_id, seconds)

    async def _end_unscored(self, kind: OutcomeKind, detail: str) -> None:
        await self._mark(state=PredictionState.UNSCORED, outcome=kind, outcome_detail=detail[:200])

    async def _mark(self, **columns: Any) -> None:
        await self.shared.writer.write("mark", id=self.row.pk, fence=self.row.fence, **columns)

    async def _in_thread(self, function: Callable[..., Any], *values: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.shared.threads, function, *values)


def _spec(
    model: ModelSpec,
    messages: list[dict[str, Any]],
    *,
    tokens: int,
    request_id: uuid.UUID,
    schema: dict[str, Any] | None = None,
) -> CallSpec:
    return CallSpec(
        model=model.name,
        messages=messages,
        max_tokens=tokens,
        request_id=str(request_id),
        timeout_s=float(model.timeout_s),
        token_parameter=model.token_parameter,  # type: ignore[arg-type]
        temperature=0.0 if model.takes_temperature else None,
        response_format=schema if model.takes_schema else None,
    )


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


def _data_uri(revision: Revision) -> str:
    image = revision.image
    with image.file.open("rb") as stored:
        return f"data:{image.media_type};base64,{base64.b64encode(stored.read()).decode()}"
