"""How the tests of the matcher ask: one pair of key and answer, with or without formulas that can be compared."""

from hypothesis import settings

from grading.matching import Result, match
from grading.matching.expressions import Finding

EQUAL, DIFFERENT, UNDECIDED = Result.EQUAL, Result.DIFFERENT, Result.UNDECIDED
EXACT, CHOICE = "exactMatch", "multipleChoice"
OPTIONS = ("apple", "pear", "cat", "the dog", "plum")

# The same examples in every run, and no clock.
repeatable = settings(derandomize=True, max_examples=100, deadline=None)


class NoFinding:
    """Stands where no comparison process is free, which is one of the states that the pool has."""

    def compare(self, key, answer):
        return Finding(problem="no comparison process was free")


def result(key, answer, expressions=None, question=""):
    return match(
        answer_type=EXACT, key=key, answer=answer, question=question, expressions=expressions or NoFinding()
    ).result


def choose(answer, key="C", options=OPTIONS):
    return match(answer_type=CHOICE, key=key, answer=answer, options=options).result
