"""One stored answer as it is put before comparison and judges: in the lettering that the model saw."""

from __future__ import annotations

import secrets
from typing import Any, NamedTuple

from grading import judging, matching, prompts, refusals
from grading.enums import OutcomeKind
from grading.llm import Outcome
from grading.matching import Result
from grading.matching.expressions import Expressions, Finding
from grading.prompts import OptionsOrder
from questions.models import Revision

JUDGE_TOKENS = 4_096
SHORT_CHARS = 100  # what is no longer is compared in a moment, whatever it says


class _NeedsProcess(Exception):
    """The two are formulas."""


class _NoProcess:
    def compare(self, key: str, answer: str) -> Finding:
        raise _NeedsProcess


class Opinion(NamedTuple):
    """What a judge said of an answer, and what of its reply is stored."""

    is_correct: bool | None = None
    reasoning: str = ""
    extracted_answer: str = ""
    confidence: int | None = None


class Prompt(NamedTuple):
    """One question to a judge, and the schema of its reply."""

    messages: list[dict[str, Any]]
    schema: dict[str, Any]

    @property
    def chars(self) -> int:
        """Length of what is sent."""
        return sum(len(message["content"]) for message in self.messages)


class Case:
    """An answer, its question and its key. Reads no database."""

    def __init__(self, revision: Revision, order: OptionsOrder, reply: str) -> None:
        self.revision, self.order, self.reply = revision, order, reply
        self.options = order.shown(revision.options)
        self.key = order.letter_shown(revision.answer) if revision.is_choice else revision.answer
        self.stated = matching.extract(reply).answer

    def match(self) -> matching.Match:
        """Compare the labelled final answer with the key."""
        return self._match(self.stated)

    def match_at_once(self) -> matching.Match | None:
        """As `match` where both are short and no formula is to be compared, which takes a process; else None."""
        if max(len(self.stated or ""), len(self.key)) > SHORT_CHARS:
            return None
        try:
            return self._match(self.stated, _NoProcess())
        except _NeedsProcess:
            return None

    def in_letters_of_author(self, answer: str) -> str:
        """The answer as it is stored: a choice by the author's letter, whatever the model saw it under."""
        if not self.revision.is_choice:
            return answer
        letter = matching.canonical(answer_type=self.revision.answer_type, answer=answer, options=self.options)
        return self.order.letter_of_author(letter) if letter else answer

    def prompt(self, version: str) -> Prompt:
        """Ask for a judgement, or whether the reply declines, with a boundary of its own each time."""
        boundary = secrets.token_hex(16)
        if version == refusals.REFUSAL_VERSION:
            return Prompt(refusals.messages(response=self.reply, boundary=boundary), refusals.RESPONSE_FORMAT)
        question = prompts.user_text(self.revision.prompt, self.options)
        messages = judging.judge_messages(question=question, key=self.key, response=self.reply, boundary=boundary)
        return Prompt(messages, judging.RESPONSE_FORMAT)

    def read(self, version: str, outcome: Outcome) -> tuple[Opinion, str]:
        """What a judge's reply says, and why it says nothing if so."""
        if outcome.kind != OutcomeKind.ANSWER:
            return Opinion(), ""
        if version == refusals.REFUSAL_VERSION:
            declined = refusals.parse(outcome.text)
            return Opinion(is_correct=declined), "" if declined is not None else "not one of the two replies"
        parsed = judging.parse_judge(outcome.text)
        if isinstance(parsed, judging.Judged):
            parsed = judging.verified(
                parsed, response=self.reply, stated=self.stated, is_choice=self.revision.is_choice
            )
        if isinstance(parsed, judging.Unparsed):
            return Opinion(), parsed.reason
        if self._is_contradicted(parsed):
            return Opinion(), "the answer that it quotes compares otherwise"
        return Opinion(parsed.correct, parsed.reasoning, parsed.extracted_final_answer, parsed.confidence), ""

    def _is_contradicted(self, judged: judging.Judged) -> bool:
        """Whether comparison decides the quoted answer the other way; of a labelled one it has had its say before."""
        if self.stated is not None or judging.is_none(judged.extracted_final_answer):
            return False
        return self._match(judged.extracted_final_answer).result == (
            Result.DIFFERENT if judged.correct else Result.EQUAL
        )

    def _match(self, answer: str | None, expressions: Expressions | None = None) -> matching.Match:
        return matching.match(
            answer_type=self.revision.answer_type,
            key=self.key,
            answer=answer,
            options=self.options,
            question=self.revision.prompt,
            expressions=expressions,
        )
