"""Key alarm: wrong keys caught by models that agree against them, and alarms on right keys.

Recorded answers of four models to TheoremQA (`theoremqa/questions.jsonl` and `responses.jsonl` in the folder that --data or
HLE_SAMPLE_DATA names) go the way of a check: put into a reply, read back, compared with the key, then asked for agreement.
In a seeded half of the questions, in several rounds, the key is replaced by a wrong one: another number near at hand, a
neighbour's answer of the same kind, another option; never an answer that a model gave, for then the text would be too easy,
and never one that comparison cannot tell from the right key. A replaced key can be found only if two models or more gave
the right answer: their share is the most that these four allow, and what is caught is held against it.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from grading.alarms import AlarmRule, Given, KeyAlarm, against_key
from grading.matching import Result, canonical, extract, match
from tests.benchmarks.report import Figure, absent, report, sample_data

TITLE = "Agreement of models against the key"
OPEN = "exactMatch"
TRUTH = {"true", "false"}
_TRUTH_WORD = re.compile(r"\b(?:true|false|yes|no)\b", re.IGNORECASE)
RULES = {
    "2 agree": AlarmRule(),
    "3 agree, a majority": AlarmRule(min_agreeing=3),
    "all 4 agree": AlarmRule(min_agreeing=4),
}
IN_FORCE = "2 agree"
# stricter and stricter rules over the same answers: how many agree, of how many houses, with how many who reach the key
CURVE = {
    f"{n} agree{', of two houses' if two else ''}{', none reaches the key' if alone else ''}": (n, two, alone)
    for n in (2, 3, 4)
    for two in (False, True)
    for alone in (False, True)
}
AIM_FALSE = 2.0
OF_TWO_HOUSES = "2 of two houses agree"


class Answer(NamedTuple):
    """What a model is on record to have answered, and whether the record calls it right."""

    model: str
    text: str
    is_right: bool


@dataclass(frozen=True)
class Question:
    """A recorded question, its key, and the answers of all models, read back from replies."""

    id: str
    text: str
    key: str
    options: tuple[str, ...]
    answer_type: str
    answers: tuple[Answer, ...]

    @property
    def kind(self) -> str:
        """What an answer looks like, so that a neighbour's may stand in for it."""
        if self.options:
            return f"one of {len(self.options)}"
        spelled = canonical(answer_type=OPEN, answer=self.key)
        if spelled in TRUTH:
            return "truth"
        return "number" if _number(self.key) is not None else "list" if self.key.startswith(("[", "(")) else "words"

    def compare(self, key: str, answer: str) -> Result:
        """Say of an answer what the matcher says of it."""
        return match(
            answer_type=self.answer_type, key=key, answer=answer or None, options=self.options, question=self.text
        ).result


@dataclass
class Count:
    """How many keys there were of one sort, and for how many of them each rule gave an alarm."""

    n: int = 0
    alarms: dict[str, int] = field(default_factory=lambda: dict.fromkeys([*RULES, OF_TWO_HOUSES, *CURVE], 0))

    def add(self, found: dict[str, bool]) -> None:
        """Count one key."""
        self.n += 1
        for name, is_alarm in found.items():
            self.alarms[name] += is_alarm

    def share(self, rule: str) -> float:
        """Alarms in percent."""
        return 100 * self.alarms[rule] / self.n if self.n else float("nan")


@dataclass
class Tally:
    """What came of all rounds."""

    wrong: Count = field(default_factory=Count)
    wrong_findable: Count = field(default_factory=Count)
    right: Count = field(default_factory=Count)
    right_passing: Count = field(default_factory=Count)
    asked: int = 0
    asking_s: float = 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="folder of the sample data, instead of HLE_SAMPLE_DATA")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="how often keys are replaced anew")
    parser.add_argument("--share", type=float, default=0.5, help="share of keys replaced in each round")
    options = parser.parse_args(arguments)
    folder = sample_data("theoremqa", options.data)
    if folder is None:
        return absent("the sample data is not there (HLE_SAMPLE_DATA or --data, with a folder theoremqa)")
    questions = read(folder)
    tally = Tally()
    for turn in range(options.rounds):
        replace(questions, random.Random(f"{options.seed}-{turn}"), options.share, tally)
    return report(TITLE, figures(tally), context=context(questions, tally), seed=options.seed)


def read(folder: Path) -> list[Question]:
    """Return the questions with their answers as a check would store them."""
    answers: dict[str, list[Answer]] = {}
    for row in _lines(folder / "responses.jsonl"):
        reply = f"Explanation: as worked out.\nAnswer: {row['answer']}\nConfidence: {'n/a'}"
        stated = extract(reply).answer if row["answer"].strip() and not _is_stand_in(row) else None
        answers.setdefault(row["question_id"], []).append(Answer(row["model"], stated or "", row["correct"]))
    return [
        Question(
            row["id"],
            row["question"],
            row["answer"],
            tuple(row["choices"]),
            row["answer_type"],
            tuple(answers[row["id"]]),
        )
        for row in _lines(folder / "questions.jsonl")
    ]


def _is_stand_in(row: dict[str, Any]) -> bool:
    """Whether the record says True or False of a response that says neither: what it puts where it found nothing."""
    return canonical(answer_type=OPEN, answer=row["answer"]) in TRUTH and not _TRUTH_WORD.search(row["response"])


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def replace(questions: Sequence[Question], chance: random.Random, share: float, tally: Tally) -> None:
    """One round: replace a share of the keys where that can be done, ask for agreement everywhere, and count."""
    for question in questions:
        wrong = wrong_key(question, questions, chance) if chance.random() < share else None
        verdicts = [_is_right(question, answer, wrong) for answer in question.answers]
        alarms = {name: ask(question, wrong or question.key, verdicts, rule, tally) for name, rule in RULES.items()}
        found = {name: alarm is not None for name, alarm in alarms.items()}
        found[OF_TWO_HOUSES] = len({house(model) for model in getattr(alarms[IN_FORCE], "models", ())}) > 1
        found |= {name: _is_on(point, alarms[IN_FORCE], sum(verdicts)) for name, point in CURVE.items()}
        if wrong is None:
            tally.right.add(found)
            if not any(verdicts):
                tally.right_passing.add(found)
            continue
        tally.wrong.add(found)
        if sum(answer.is_right for answer in question.answers) >= 2:
            tally.wrong_findable.add(found)


def _is_right(question: Question, answer: Answer, wrong: str | None) -> bool:
    """The verdict on an answer: by comparison, else by the record, which knows of no wrong key."""
    said = question.compare(wrong or question.key, answer.text)
    return said is Result.EQUAL or (said is Result.UNDECIDED and wrong is None and answer.is_right)


def ask(question: Question, key: str, verdicts: Sequence[bool], rule: AlarmRule, tally: Tally) -> KeyAlarm | None:
    """Ask for agreement against a key as the site does, and take the time."""
    given = [
        Given(one.model, one.text, is_correct=right) for one, right in zip(question.answers, verdicts, strict=True)
    ]
    started = time.perf_counter()
    alarm = against_key(
        given, answer_type=question.answer_type, key=key, options=question.options, question=question.text, rule=rule
    )
    tally.asking_s += time.perf_counter() - started
    tally.asked += 1
    return alarm


def _is_on(point: tuple[int, bool, bool], alarm: KeyAlarm | None, n_reaching: int) -> bool:
    """Whether an alarm of the rule in force would be one at this stricter point of the curve."""
    n_agreeing, is_of_two, is_alone = point
    if alarm is None or alarm.count < n_agreeing or (is_alone and n_reaching):
        return False
    return not is_of_two or len(set(map(house, alarm.models))) > 1


def house(model: str) -> str:
    """Return who made a model, by its name."""
    return re.split(r"[-0-9]", model, maxsplit=1)[0]


def wrong_key(question: Question, questions: Sequence[Question], chance: random.Random) -> str | None:
    """A wrong key of the same kind that no model gave; None where there is none."""
    near = _letters(question) if question.options else _near(question)
    neighbours = [other.key for other in questions if other.id != question.id and other.kind == question.kind]
    chance.shuffle(near)
    others = [] if question.options else chance.sample(neighbours, min(20, len(neighbours)))
    first, second = (near, others) if chance.random() < 0.5 else (others, near)
    return next((key for key in [*first, *second] if _is_fit(question, key)), None)


def _is_fit(question: Question, key: str) -> bool:
    clearly_wrong = question.compare(question.key, key) is Result.DIFFERENT
    return clearly_wrong and all(question.compare(key, one.text) is not Result.EQUAL for one in question.answers)


def _letters(question: Question) -> list[str]:
    return [letter for letter, _option in zip("ABCDEFGHIJ", question.options, strict=False) if letter != question.key]


def _near(question: Question) -> list[str]:
    """Mistakes that people make with a number: its sign, a factor of two, one more or less, two digits exchanged."""
    if question.kind == "truth":
        return ["False" if canonical(answer_type=OPEN, answer=question.key) == "true" else "True"]
    value = _number(question.key)
    if value is None:
        return []
    places = len(question.key.partition(".")[2]) if "." in question.key else 0
    changed = [-value, value * 2, value / 2, value + 1, value - 1, value * Fraction(11, 10), *_exchanged(question.key)]
    return [
        f"{float(one):.{places}f}" if places or one.denominator > 1 else str(one) for one in changed if one != value
    ]


def _exchanged(text: str) -> list[Fraction]:
    digits = [at for at, char in enumerate(text) if char.isdigit()]
    pairs = [(one, other) for one, other in pairwise(digits) if text[one] != text[other]]
    swapped = [
        [*text[:one], text[other], *text[one + 1 : other], text[one], *text[other + 1 :]] for one, other in pairs
    ]
    return [Fraction("".join(chars)) for chars in swapped]


def _number(text: str) -> Fraction | None:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def figures(tally: Tally) -> list[Figure]:
    """Return the table: what is in force, then the same by other rules."""
    rows = [
        Figure(
            "wrong keys caught, of those that these models allow", tally.wrong_findable.share(IN_FORCE), "%", aim=90
        ),
        Figure("wrong keys caught, of all", tally.wrong.share(IN_FORCE), "%"),
        Figure(
            "alarms on right keys",
            tally.right.share(IN_FORCE),
            "%",
            aim=2,
            is_lower_better=True,
            note="these models stem from two families, and relatives share mistakes",
        ),
        Figure(
            "alarms on right keys that no model reached",
            tally.right_passing.share(IN_FORCE),
            "%",
            is_lower_better=True,
            note="only these would pass a check",
        ),
    ]
    for name in [OF_TWO_HOUSES, *(name for name in RULES if name != IN_FORCE)]:
        rows += [
            Figure(f"{name}: caught, of those allowed", tally.wrong_findable.share(name), "%"),
            Figure(f"{name}: alarms on right keys", tally.right.share(name), "%"),
            Figure(f"{name}: the same, where no model was right", tally.right_passing.share(name), "%"),
        ]
    return [*rows, *curve(tally), Figure("time per question", 1000 * tally.asking_s / tally.asked, "ms")]


def curve(tally: Tally) -> list[Figure]:
    """Return the rule in force and the stricter ones that no other beats in both respects, down to the fewest false alarms.

    Reported only: a rule that is picked by these questions would suit these questions. That none reaches the key costs nothing
    here, since no model is let give a key that was made up.
    """
    points = {name: (tally.wrong_findable.share(name), tally.right.share(name)) for name in CURVE}
    shown: dict[tuple[float, float], str] = {points[IN_FORCE]: IN_FORCE}
    for name, (caught, false) in points.items():
        is_beaten = any(
            other != (caught, false) and other[0] >= caught and other[1] <= false for other in points.values()
        )
        if not is_beaten:
            shown.setdefault((caught, false), name)
    rows = [
        Figure(f"curve: {name}", caught, "% caught", note=f"{false:.1f} % of right keys alarmed{_mark(name)}")
        for (caught, false), name in sorted(shown.items(), reverse=True)
    ]
    within = max((caught for caught, false in points.values() if false <= AIM_FALSE), default=0.0)
    lost = points[IN_FORCE][0] - within
    cost = f"curve: caught less at {AIM_FALSE:g} % false alarms"
    return [*rows, Figure(cost, lost, "points", note=f"{within:.1f} % caught instead of {points[IN_FORCE][0]:.1f} %")]


def _mark(name: str) -> str:
    return "; in force" if name == IN_FORCE else ""


def context(questions: Sequence[Question], tally: Tally) -> list[str]:
    """Return what the figures rest on."""
    return [
        (
            f"{len(questions)} questions, {len(questions[0].answers)} models; keys in all rounds: {tally.wrong.n} replaced, "
            f"of which {tally.wrong_findable.n} were answered rightly by two models or more; {tally.right.n} left as they are, "
            f"of which {tally.right_passing.n} were reached by no model."
        ),
        (
            "In force: two agree on an open answer, a majority on a choice or on yes and no; always more than reach the key. The "
            "record states no confidence, which counts as sure."
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
