"""Matcher: answers of real models decided without a judge, and decided wrongly.

Recorded answers of four models to the open questions of TheoremQA (`theoremqa/questions.jsonl` and `responses.jsonl`
in the folder that --data or HLE_SAMPLE_DATA names). Each extracted answer is put into a reply in the form that our
prompt asks for, read back and compared with the key. What is decided is held against two references: a rule of stated
precision written here a second time, in decimal arithmetic, and the record's own verdict, which is lenient (4 %,
rounding to whole numbers, lists sorted). A difference from the record counts as wrong unless its cause is computed.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any, NamedTuple

import math_verify

from grading.matching import ExpressionPool, Result, extract, match
from tests.benchmarks.report import Figure, absent, report, sample_data

OPEN = "exactMatch"
MAX_STATED_CHARS = 300
LENIENT = Decimal("0.04")
MIN_ROUNDED_DIGITS = 4
DIGITS = 400  # more than any number here needs, so that rounding one never fails
POWERS = [power for power in range(-18, 19) if power]


class Row(NamedTuple):
    """One recorded answer beside its key, the verdict on record, and the whole response that it was taken from."""

    question_id: str
    model: str
    question: str
    key: str
    answer: str
    response: str
    is_correct: bool

    @property
    def states_answer(self) -> bool:
        """Whether the recorded answer is one line, and so not the working or a program that was taken for it."""
        answer = self.answer.strip()
        return 0 < len(answer) <= MAX_STATED_CHARS and "\n" not in answer


@dataclass(frozen=True)
class Judged:
    """A row, what was said of it, what the rule restated here says (None: it cannot read it), and the cause of a difference."""

    row: Row
    said: Result
    restated: Result | None
    cause: str
    reason: str = ""

    @property
    def is_decided(self) -> bool:
        return self.said is not Result.UNDECIDED

    @property
    def differs_from_record(self) -> bool:
        return self.is_decided and (self.said is Result.EQUAL) != self.row.is_correct

    @property
    def is_wrong(self) -> bool:
        """Whether a decision contradicts the restated rule, or the record without a cause that explains it."""
        contradicts = self.restated is not None and self.is_decided and self.restated is not self.said
        return (contradicts and self.cause != "unit") or (self.differs_from_record and not self.cause)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="folder of the sample data, instead of HLE_SAMPLE_DATA")
    parser.add_argument("--show", action="store_true", help="list the rows that are decided unlike the record, by id")
    options = parser.parse_args(arguments)
    folder = sample_data("theoremqa", options.data)
    if folder is None:
        return absent("the sample data is not there (HLE_SAMPLE_DATA or --data, with a folder theoremqa)")
    with localcontext() as exact:
        exact.prec = DIGITS
        return measure(read_rows(folder), is_shown=options.show)


def measure(rows: Sequence[Row], *, is_shown: bool) -> int:
    """Compare all rows in each way and report."""
    judged, own_ms, children_ms = timed(lambda: judge(rows))
    raw = judge(row._replace(answer=extract(row.response).answer or "") for row in rows)
    peer, peer_ms, _ = timed(lambda: judge_by_peer([row for row in rows if row.states_answer]))
    if is_shown:
        show(judged)
    stated = [one for one in judged if one.row.states_answer]
    return report(
        "The matcher on recorded answers",
        [
            Figure("decided without a judge", decided(stated), "%", 90, 97, peer="math-verify: 100 %, it never doubts"),
            Figure(
                "wrong among these",
                wrong(stated),
                "%",
                0.5,
                0,
                is_lower_better=True,
                peer=f"math-verify: {wrong(peer):.1f} %",
            ),
            Figure(
                "decided, of all answers that are not empty",
                decided([one for one in judged if one.row.answer.strip()]),
                "%",
            ),
            Figure("decided, of all rows", decided(judged), "%"),
            Figure(
                "decided, read from the raw responses", decided(raw), "%", note="the models were not given our prompt"
            ),
            Figure(
                "processor time per comparison",
                own_ms / len(rows),
                "ms",
                peer=f"math-verify: {peer_ms / len(peer):.1f} ms",
                note="each row once, reading the reply included, the comparison of formulas not",
            ),
            Figure(
                "the same in the process for formulas",
                children_ms / len(rows),
                "ms",
                note="mostly its start, spread over all rows",
            ),
        ],
        context=context(judged, stated),
    )


def read_rows(folder: Path) -> list[Row]:
    """Return the recorded answers to the questions without options."""
    questions = {one["id"]: one for one in _lines(folder / "questions.jsonl")}
    return [
        Row(
            *(one["question_id"], one["model"], question["question"], question["answer"]),
            *(one["answer"], one["response"], one["correct"]),
        )
        for one in _lines(folder / "responses.jsonl")
        if (question := questions[one["question_id"]])["answer_type"] == OPEN
    ]


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def judge(rows: Iterable[Row]) -> list[Judged]:
    """Compare each row as a check does: from a reply with labelled lines."""
    pool = ExpressionPool()
    try:
        return [_judged(row, *_compared(row, pool)) for row in rows]
    finally:
        pool.close()


def _compared(row: Row, pool: ExpressionPool) -> tuple[Result, str]:
    reply = f"Explanation: as worked out.\nAnswer: {row.answer}\nConfidence: 50%"
    answer = extract(reply).answer if row.answer.strip() else None
    found = match(answer_type=OPEN, key=row.key, answer=answer, question=row.question, expressions=pool)
    return found.result, found.reason


def judge_by_peer(rows: Iterable[Row]) -> list[Judged]:
    """Compare each row by math-verify alone, with its own settings."""

    def verify(row: Row) -> Result:
        key, answer = (math_verify.parse(f"${text.strip('$ ')}$") for text in (row.key, row.answer))
        return Result.EQUAL if math_verify.verify(key, answer) else Result.DIFFERENT

    return [_judged(row, verify(row)) for row in rows]


def _judged(row: Row, said: Result, reason: str = "") -> Judged:
    differs = said is not Result.UNDECIDED and (said is Result.EQUAL) != row.is_correct
    return Judged(row, said, restated(row.key, row.answer), cause(row, said) if differs else "", reason)


def timed(measured: Callable[[], list[Judged]]) -> tuple[list[Judged], float, float]:
    """Return the result, and the processor time in ms of this process, and of the children that ended meanwhile."""
    own_s, children_s = time.process_time(), _children_s()
    result = measured()
    return result, (time.process_time() - own_s) * 1000, (_children_s() - children_s) * 1000


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# --- the rule of stated precision, restated


class Stated(NamedTuple):
    """A number as written: its value, the power of ten of its last digit, and what stands behind it."""

    value: Decimal
    place: int
    is_whole: bool
    unit: str


_NUMBER = re.compile(
    r"(?P<number>[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]*)?)"
    r"(?:e(?P<e>[-+]?[0-9]+)|\s*(?:[x×*·]|\\?times|\\cdot)\s*10\s*(?:\^|\*\*)\s*[({]?(?P<power>[-+]?[0-9]+)[)}]?)?(?P<unit>\s*%|\s+[^0-9\s].*|[a-zA-Z°].*)?$",
    re.IGNORECASE | re.DOTALL,
)
_DRESS = re.compile(r"^(?:approximately|about|[a-z]\w* =|≈)\s*", re.IGNORECASE)


def restated(key: str, answer: str) -> Result | None:
    """Whether the answer states the key at the key's precision; None for what is not read here.

    A key with decimals is stated by what rounds to it, or is cut to it, at its last digit, and by itself rounded to
    four digits or more; a whole key by its own value; a truth value by the same; a list by its elements in order.
    """
    key, answer = key.strip(), answer.strip(" \n.$")
    if key.startswith("["):
        return _restated_list(_elements(key), _elements(answer))
    truths = [text.lower() for text in (key, answer) if text.lower() in {"true", "false"}]
    if truths:
        return _same(truths[0] == truths[1]) if len(truths) == 2 else _unlike(key, answer)
    one, other = stated(key), stated(answer)
    if one is None or other is None or (other.unit and other.unit != "%"):
        return None
    readings = [other.value, other.value / 100] if other.unit == "%" else [other.value]
    return _same(any(_states(one, other._replace(value=value)) for value in readings))


def stated(text: str) -> Stated | None:
    """The number that the text is, with what may be its unit."""
    found = _NUMBER.match(_DRESS.sub("", text.strip(" .$")).replace("−", "-").replace(r"\%", "%"))
    digits = found["number"].replace(",", "") if found else ""
    if found is None or not any(char.isdigit() for char in digits):
        return None
    exponent = int(found["e"] or found["power"] or 0)
    places = len(digits.partition(".")[2])
    if abs(exponent) > 100:
        return None
    is_whole = "." not in digits and found["e"] is None and found["power"] is None
    return Stated(Decimal(digits).scaleb(exponent), exponent - places, is_whole, (found["unit"] or "").strip())


def _states(key: Stated, given: Stated) -> bool:
    if key.is_whole or key.value == given.value:
        return key.value == given.value
    unit = Decimal(1).scaleb(key.place)
    if any(
        given.value.quantize(unit, rounding=way) == key.value for way in (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN)
    ):
        return True
    digits = len(str(abs(int(given.value.scaleb(-given.place)))))
    coarse = Decimal(1).scaleb(given.place)
    rounded = {key.value.quantize(coarse, way) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_HALF_DOWN)}
    return digits >= MIN_ROUNDED_DIGITS and given.value in rounded


def _same(is_same: bool) -> Result:
    return Result.EQUAL if is_same else Result.DIFFERENT


def _unlike(key: str, answer: str) -> Result | None:
    """A truth value beside a number or a list; 0 and 1 may stand for truth values."""
    other = stated(answer) or stated(key)
    is_list = bool(_elements(key) or _elements(answer))
    return Result.DIFFERENT if is_list or (other and other.value not in (0, 1)) else None


def _elements(text: str) -> list[str]:
    body = text.strip()
    if body[:1] not in set("[({") or body[-1:] not in set("])}"):
        return []
    return [part.strip() for part in body[1:-1].split(",")]


def _restated_list(key: list[str], answer: list[str]) -> Result | None:
    if not answer or any(stated(part) is None for part in [*key, *answer]):
        return None
    return _same(
        len(key) == len(answer) and all(restated(*pair) is Result.EQUAL for pair in zip(key, answer, strict=True))
    )


# --- why the record says otherwise


def cause(row: Row, said: Result) -> str:
    """Why the lenient record differs from what was said, computed from key and answer; empty if nothing explains it."""
    key, answer = row.key.strip(), row.answer.strip()
    if (key.lower() in {"true", "false"}) != (answer.lower() in {"true", "false"}):
        return "truth value as number"
    if key.startswith("["):
        return _cause_in_list(_elements(key), _elements(answer))
    one, other = stated(key), stated(answer)
    if one is None or other is None:
        return ""
    if said is Result.EQUAL:
        moved = [other._replace(value=other.value.scaleb(power), place=other.place + power) for power in POWERS]
        return "unit" if other.unit and any(_states(one, number) for number in moved) else ""
    if one.is_whole and other.value.quantize(Decimal(1), ROUND_HALF_EVEN) == one.value:
        return "whole number by rounding"
    return "within 4 % but not at the stated precision" if _is_within(one, other) else ""


def _cause_in_list(key: list[str], answer: list[str]) -> str:
    numbers = [[stated(part) for part in parts] for parts in (key, answer)]
    if len(key) != len(answer) or any(number is None for part in numbers for number in part):
        return ""
    one, other = (sorted((number for number in part if number), key=lambda number: number.value) for part in numbers)
    if all(_states(*pair) for pair in zip(one, other, strict=True)):
        return "order of a list"
    near = all(_is_within(*pair) or _rounds(*pair) for pair in zip(one, other, strict=True))
    return "elements near but not at the stated precision" if near else ""


def _rounds(key: Stated, given: Stated) -> bool:
    return key.is_whole and given.value.quantize(Decimal(1), ROUND_HALF_EVEN) == key.value


def _is_within(key: Stated, given: Stated) -> bool:
    return abs(key.value - given.value) <= LENIENT * max(abs(key.value), abs(given.value))


# --- what is printed


def decided(judged: Sequence[Judged]) -> float:
    """Share of rows that were decided, in percent."""
    return 100 * sum(one.is_decided for one in judged) / len(judged)


def wrong(judged: Sequence[Judged]) -> float:
    """Share of wrong ones among the decided, in percent."""
    return 100 * sum(one.is_wrong for one in judged) / sum(one.is_decided for one in judged)


def context(judged: Sequence[Judged], stated_rows: Sequence[Judged]) -> list[str]:
    """Return what the shares are shares of, and the differences from the record by cause."""
    empty = sum(not one.row.answer.strip() for one in judged)
    checked = sum(one.restated is not None for one in stated_rows if one.is_decided)
    causes = Counter(one.cause or "NO CAUSE FOUND" for one in stated_rows if one.differs_from_record)
    doubts = Counter(one.reason for one in stated_rows if not one.is_decided)
    counts = Counter(one.said for one in stated_rows)
    running = len(judged) - empty - len(stated_rows)
    decided_rows = sum(one.is_decided for one in stated_rows)
    return [
        f"{len(judged)} rows; {empty} hold no answer, and {running} hold running text in its place: several lines or more than",
        f"{MAX_STATED_CHARS} characters of working or of a program. The first two shares are of the other {len(stated_rows)}, each one line:",
        f"equal {counts[Result.EQUAL]}, different {counts[Result.DIFFERENT]}, undecided {counts[Result.UNDECIDED]}.",
        f"The rule of stated precision, restated here, reads {checked} of the {decided_rows} decided rows; the record is held against all.",
        f"Decided unlike the lenient record: {sum(causes.values())}" + (", by cause:" if causes else "."),
        *(f"  {count:>4}  {name}" for name, count in causes.most_common()),
        "Left to the judge, by reason:",
        *(f"  {count:>4}  {name}" for name, count in doubts.most_common()),
    ]


def show(judged: Iterable[Judged]) -> None:
    """Print every row that is decided unlike the record or the restated rule."""
    for one in judged:
        if one.differs_from_record or one.is_wrong:
            reason = "WRONG" if one.is_wrong else one.cause
            print(f"{one.row.question_id}  {one.row.model:<22} {one.said:<10} {reason}")


if __name__ == "__main__":
    sys.exit(main())
