"""One claimed prediction on its way: ask the model, unless it has answered before, then score the answer."""

from __future__ import annotations

import asyncio
import base64
import uuid
from typing import NamedTuple

from grading import budget, llm, matching, prompts
from grading.engine import providers
from grading.engine.held import Held, Shared, call_spec
from grading.engine.scoring import Scoring
from grading.enums import OutcomeKind, PredictionState
from grading.llm import Outcome
from grading.models import Prediction
from questions.models import Revision

IMAGES_AT_ONCE = 48  # pictures in memory at a time, 7 MB each at most
SHORT_REPLY_CHARS = 20_000  # read at once: that takes less time than handing it to a thread
# Re-asks that cost money again; no model is asked more than three times for one answer.
BILLABLE = (OutcomeKind.EMPTY, OutcomeKind.TRUNCATED, OutcomeKind.MALFORMED, OutcomeKind.AMBIGUOUS)
MOST_BILLABLE = 3


class Reading(NamedTuple):
    """What a reply says: the answer in the author's lettering, and how sure the model was."""

    answer: str
    confidence: int | None


async def fly(row: Prediction, shared: Shared) -> None:
    """Bring a claimed row as far as it goes now."""
    held = Held(row, shared)
    try:
        if row.state == PredictionState.ANSWERED or await Asking(held).ask():
            await Scoring(held).score()
    finally:
        held.leave()


class Asking:
    """The question to the model."""

    def __init__(self, held: Held) -> None:
        self.held = held

    async def ask(self) -> bool:
        """Ask the model once and store what came of it; True when that is an answer to be scored."""
        model = self.held.row.model
        try:
            provider = providers.spec_of(model.provider)
        except providers.NotSetUp as error:
            await self.held.end_unscored(OutcomeKind.CONFIG_ERROR, str(error))
            return False
        image = self.held.revision.image
        if image and not model.takes_images:
            await self.held.end_unscored(OutcomeKind.REQUEST_ERROR, "the model takes no pictures")
            return False
        if not await self.held.has_permit(model):
            return False
        if image is None:
            return await self._call(provider, None)
        async with self.held.shared.pictures:
            return await self._call(provider, await asyncio.to_thread(_data_uri, self.held.revision))

    async def _call(self, provider: llm.ProviderSpec, data_uri: str | None) -> bool:
        row, model, ledger = self.held.row, self.held.row.model, uuid.uuid4()
        if self.held.shared.is_stopping():
            await self.held.mark()
            return False
        tokens = model.max_tokens * 2 ** self.held.counts.get(OutcomeKind.TRUNCATED, 0)
        text = prompts.user_text(self.held.revision.prompt, self.held.order.shown(self.held.revision.options))
        most_usd = budget.most_usd(model, prompt_chars=len(text), max_tokens=tokens, has_image=data_uri is not None)
        if not await self.held.write_ahead("ask", **self.held.reservation(model, ledger, most_usd)):
            return False
        messages = prompts.messages(
            prompt=self.held.revision.prompt,
            options=self.held.order.shown(self.held.revision.options),
            image_data_uri=data_uri,
            supports_system=model.takes_system_prompt,
        )
        outcome = await llm.call(provider, call_spec(model, messages, tokens=tokens, request_id=ledger, draw=row.draw))
        await self.held.observe(model, outcome)
        return await self._store(outcome, budget.bill(model, outcome, prompt_chars=len(text)), ledger, row)

    async def _store(self, outcome: Outcome, bill: budget.Bill, ledger: uuid.UUID, row: Prediction) -> bool:
        is_answer = outcome.kind == OutcomeKind.ANSWER
        delay_s = None if is_answer else self._re_ask_in_s(outcome)
        reading = await self._reading(outcome.text) if is_answer else Reading("", None)
        state = PredictionState.ANSWERED if is_answer else PredictionState.UNSCORED
        is_held = await self.held.shared.writer.write(
            "answer",
            id=row.pk,
            fence=row.fence,
            ledger=ledger,
            ledger_state=bill.state,
            is_paid=not row.model.is_simulated,
            cost_usd=bill.cost_usd,
            is_estimated=bill.is_estimated,
            state=state if delay_s is None else PredictionState.WAITING,
            outcome=outcome.kind,
            outcome_detail=outcome.detail[:200],
            outcome_counts=self.held.counts,
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

    async def _reading(self, reply: str) -> Reading:
        if len(reply) <= SHORT_REPLY_CHARS:
            return self._read(reply)
        return await self.held.in_thread(self._read, reply)

    def _re_ask_in_s(self, outcome: Outcome) -> float | None:
        delay_s = self.held.retry_delay_s(outcome.kind, outcome.retry_after_s, name=outcome.kind)
        is_dear = sum(self.held.counts.get(kind, 0) for kind in BILLABLE) >= MOST_BILLABLE
        return None if is_dear and outcome.kind in BILLABLE else delay_s

    def _read(self, reply: str) -> Reading:
        found = matching.extract(reply)
        answer = found.answer or ""
        if self.held.revision.is_choice and answer:
            letter = matching.canonical(
                answer_type=self.held.revision.answer_type,
                answer=answer,
                options=self.held.order.shown(self.held.revision.options),
            )
            answer = self.held.order.letter_of_author(letter) if letter else answer
        return Reading(answer, found.confidence)


def _data_uri(revision: Revision) -> str:
    image = revision.image
    # rows of one question share the revision, and an open field file is state of its instance
    with image.file.storage.open(image.file.name, "rb") as stored:
        return f"data:{image.media_type};base64,{base64.b64encode(stored.read()).decode()}"
