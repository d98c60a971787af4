"""The review policy against tables worked out by hand from product.md, and against its own words on random scores."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review import policy, rubric
from review.enums import RoundKind, RoundOutcome

FIRST = [
    ((3, 3), "next_round"),
    ((4, 2), "next_round"),  # mean exactly 3
    ((5, 5), "next_round"),
    ((5, 3), "next_round"),
    ((2, 2, 5), "adjudication"),  # mean 3, but 3 apart
    ((3, 2), "changes"),  # mean 2.5
    ((2, 2), "changes"),
    ((3, 1), "changes"),  # mean 2, and a 1
    ((3, 3, 1), "changes"),
    ((1, 1), "changes"),
    ((5, 2), "adjudication"),  # 3 apart
    ((4, 1), "adjudication"),  # 3 apart, before "none at or below 1"
    ((5, -1), "adjudication"),
    ((0, 0), "adjudication"),
    ((0, 1), "adjudication"),
    ((-1, -1), "adjudication"),
    ((3, 3, 3), "next_round"),
    ((4, 4, 2), "next_round"),
    ((3,), None),
    ((), None),
    ((-1,), None),
]
SECOND = [
    (0, "rejection"),
    (1, "rejection"),
    (2, "rejection"),
    (3, "changes"),
    (4, "changes"),
    (5, "approval"),
    (6, "approval"),
]


@pytest.mark.parametrize(("scores", "outcome"), FIRST)
def test_first_round_leads_where_the_table_says(scores: tuple[int, ...], outcome: str | None) -> None:
    found = policy.settle(kind=RoundKind.FIRST, scores=scores, quorum=2)

    assert (found and found.outcome) == outcome


@pytest.mark.parametrize(("score", "outcome"), SECOND)
def test_second_round_leads_where_the_table_says(score: int, outcome: str) -> None:
    assert policy.settle(kind=RoundKind.SECOND, scores=[score], quorum=1).outcome == outcome


def test_second_round_of_two_disagreeing_goes_to_adjudication() -> None:
    assert policy.settle(kind=RoundKind.SECOND, scores=[6, 3], quorum=2).outcome == RoundOutcome.ADJUDICATION
    assert policy.settle(kind=RoundKind.SECOND, scores=[6, 5], quorum=2).outcome == RoundOutcome.APPROVAL


def test_adjudication_is_never_settled_by_scores() -> None:
    assert policy.settle(kind=RoundKind.ADJUDICATION, scores=[], quorum=1) is None


@pytest.mark.parametrize(("kind", "scores"), [("first", [6, 3]), ("first", [-2, 3]), ("second", [-1]), ("second", [7])])
def test_score_off_the_scale_is_refused(kind: str, scores: list[int]) -> None:
    with pytest.raises(ValueError, match="not on the scale"):
        policy.settle(kind=kind, scores=scores, quorum=1)


def test_quorum_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="quorum 0"):
        policy.settle(kind=RoundKind.FIRST, scores=[], quorum=0)


@given(st.lists(st.integers(-1, 5), min_size=1, max_size=6), st.randoms())
def test_order_of_scores_does_not_matter(scores: list[int], random: object) -> None:
    shuffled = list(scores)
    random.shuffle(shuffled)

    one = policy.settle(kind=RoundKind.FIRST, scores=scores, quorum=1)

    assert one == policy.settle(kind=RoundKind.FIRST, scores=shuffled, quorum=1)


@given(st.lists(st.integers(-1, 5), max_size=6), st.integers(1, 4))
def test_first_round_agrees_with_the_rule_in_words(scores: list[int], quorum: int) -> None:
    found = policy.settle(kind=RoundKind.FIRST, scores=scores, quorum=quorum)

    if len(scores) < quorum:
        assert found is None
    elif -1 in scores or 0 in scores or max(scores) - min(scores) > 2:
        assert found.outcome == RoundOutcome.ADJUDICATION
    elif Fraction(sum(scores), len(scores)) >= 3 and all(score > 1 for score in scores):
        assert found.outcome == RoundOutcome.NEXT_ROUND
    else:
        assert found.outcome == RoundOutcome.CHANGES


@given(st.lists(st.integers(-1, 5), min_size=2, max_size=6))
def test_a_better_score_from_everybody_never_leads_back(scores: list[int]) -> None:
    before = policy.settle(kind=RoundKind.FIRST, scores=scores, quorum=1).outcome
    better = [min(5, score + 1) for score in scores]

    after = policy.settle(kind=RoundKind.FIRST, scores=better, quorum=1).outcome

    if before == RoundOutcome.NEXT_ROUND:
        assert after == RoundOutcome.NEXT_ROUND


@pytest.mark.parametrize(("kind", "expected"), [("first", range(-1, 6)), ("second", range(7))])
def test_rubric_has_each_level_of_its_scale_once(kind: str, expected: range) -> None:
    scale = rubric.RUBRICS[rubric.CURRENT].scales[kind]

    assert sorted(level.value for level in scale) == list(expected)
    assert all(level.label and level.text for level in scale)
    assert set(policy.ALLOWED[RoundKind(kind)]) == rubric.RUBRICS[rubric.CURRENT].values(kind)
