"""What a simulated model says: scripted, recorded, worked out, known, or plainly made up, in this order."""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from grading.judging import JudgeInput, parse_judge_prompt
from grading.simulator import arithmetic, chance, facts
from grading.simulator.questions import Question, normalise, text_sha256
from grading.simulator.script import Fixed, Script

ANSWER_LINE = re.compile(r"^\W*(?:exact |final )?answer\W*:[ \t*]*(.+?)[ \t*]*$", re.IGNORECASE | re.MULTILINE)
CONFIDENCE_LINE = re.compile(r"^\W*confidence\W*:\W*(\d{1,3})", re.IGNORECASE | re.MULTILINE)
PLAIN_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
RECORDED_CONFIDENCE = 50
# Without a schema the prompt itself says what to reply with; the last of its offers is the cautious one.
OFFERED_JSON = re.compile(r"Reply with one JSON object: \{[^{}]*\} or (\{[^{}]*\})")


class Identity(NamedTuple):
    """By what a question is known in the script, the journal and every choice by hash."""

    sha256: str
    judged: JudgeInput | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, read."""

    model: str
    question: Question
    identity: Identity
    attempt: int
    schema: dict[str, Any] | None


def identify(question: Question) -> Identity:
    """A judge's prompt is known by what it quotes: its boundary is new each time."""
    quoted = parse_judge_prompt(question.text)
    if quoted is None:
        return Identity(question.sha256, None)
    return Identity(text_sha256("\x1f".join(quoted)), quoted)


def text_of(asked: Asked, script: Script, fixed: Fixed | None) -> str:
    """The whole reply of the model."""
    if fixed is not None:
        return fixed.text or labelled(fixed.explanation, fixed.answer, fixed.confidence)
    if asked.schema is not None:
        return json.dumps(_structured(asked), ensure_ascii=False)
    if asked.identity.judged is not None:
        return f"```json\n{json.dumps(_judgement(*asked.identity.judged), ensure_ascii=False)}\n```"
    offered = OFFERED_JSON.search(asked.question.text)
    if offered is not None:
        return offered[1]
    recorded = script.recorded.get((script.behaviour(asked.model).replay, asked.question.sha256))
    if recorded is None:
        return _own_knowledge(asked, script.seed)
    answer = " ".join(recorded.answer.split())
    return (
        f"{recorded.response}\n\nAnswer: {answer}\nConfidence: {RECORDED_CONFIDENCE}%" if answer else recorded.response
    )


def labelled(explanation: str, answer: str, confidence: int) -> str:
    return f"Explanation: {explanation}\nAnswer: {answer}\nConfidence: {confidence}%"


def _own_knowledge(asked: Asked, seed: str) -> str:
    question, about = asked.question, (seed, asked.model, asked.identity.sha256)
    known = arithmetic.solve(question.stem) or facts.find(question.stem)
    if known is not None:
        letter = _letter_of(known, question)
        if letter or not question.options:
            return labelled("This is plain arithmetic or common knowledge.", letter or known, 95)
    confidence = 20 + chance.number("confidence", *about) % 71
    if question.options:
        picked = question.options[chance.number("option", *about) % len(question.options)]
        return labelled(f"{_simulated(asked.model)} It picked an option by chance.", picked.letter, confidence)
    made_up = f"simulated-{chance.number('answer', *about):016x}"[:18]
    return labelled(f"{_simulated(asked.model)} The answer below is made up.", made_up, confidence)


def _simulated(model: str) -> str:
    return f"{model} is a simulated model and does not understand this question."


def _letter_of(answer: str, question: Question) -> str | None:
    return next((option.letter for option in question.options if is_equal(option.text, answer)), None)


def is_equal(left: str, right: str) -> bool:
    """Whether two answers are the same text, or the same plain number."""
    left, right = (normalise(text).strip(" .$") for text in (left, right))
    if left == right:
        return True
    numbers = [text.replace(",", "") for text in (left, right)]
    return all(map(PLAIN_NUMBER.fullmatch, numbers)) and float(numbers[0]) == float(numbers[1])


def _structured(asked: Asked) -> dict[str, Any]:
    """A value for each property that the schema requires: the judgement where there is one, else the safe answer no."""
    known: dict[str, Any] = {}
    if asked.identity.judged is not None:
        known = _judgement(*asked.identity.judged)
    properties = (asked.schema or {}).get("properties")
    properties = properties if isinstance(properties, dict) else {}
    return {name: known[name] if name in known else _filled(rule) for name, rule in properties.items()}


def _judgement(_question: str, key: str, response: str) -> dict[str, Any]:
    answers, confidences = ANSWER_LINE.findall(response), CONFIDENCE_LINE.findall(response)
    extracted = answers[-1] if answers else "None"
    is_correct = bool(answers) and is_equal(extracted, key)
    return {
        "extracted_final_answer": extracted,
        "reasoning": "A simulated judge compared the two texts.",
        "correct": "yes" if is_correct else "no",
        "confidence": min(100, int(confidences[-1])) if confidences else 100,
        "strict": True,
    }


def _filled(rule: Any) -> Any:
    if not isinstance(rule, dict):
        return None
    if "const" in rule:
        return rule["const"]
    if rule.get("enum"):
        return "no" if "no" in rule["enum"] else rule["enum"][-1]
    empty = {"string": "none", "integer": 0, "number": 0, "boolean": False, "array": [], "object": {}}
    return empty.get(str(rule.get("type")))
