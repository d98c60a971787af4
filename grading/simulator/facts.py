"""Common facts: the shipped list, and the finding of the one that a question asks for."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from grading.simulator.questions import normalise

MAX_WORDS = 25
WORD = re.compile(r"[^\W_]+")


class Fact(NamedTuple):
    """Words that must all occur in the question (`a|b`: one of them), and the answer."""

    words: tuple[frozenset[str], ...]
    answer: str


@cache
def shipped() -> tuple[Fact, ...]:
    rows = tomllib.loads(Path(__file__).with_name("facts.toml").read_text(encoding="utf-8"))["fact"]
    return tuple(Fact(tuple(frozenset(word.split("|")) for word in row["words"]), row["answer"]) for row in rows)


def find(question: str) -> str | None:
    """Answer to a short question about a common fact; a long one is about something else and gets None."""
    found = WORD.findall(normalise(question))
    if len(found) > MAX_WORDS:
        return None
    words = frozenset(found)
    return next((fact.answer for fact in shipped() if all(words & any_of for any_of in fact.words)), None)
