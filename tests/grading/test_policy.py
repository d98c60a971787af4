"""When a check passes, whom it asks next, and what luck can win."""

import random
from dataclasses import replace
from math import comb, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.enums import Verdict
from grading.policy import (
    Due,
    Outcome,
    PolicyRule,
    ask_next,
    decide,
    decide_check,
    decide_confirmation,
    rounds_to_confirm,
    waves,
)

SPELLED = {"c": Verdict.CORRECT, "i": Verdict.INCORRECT, "u": Verdict.UNSCORED, ".": None}
EXACT, CHOICE = "exactMatch", "multipleChoice"
TWICE_MORE = PolicyRule(confirmation_rounds=2)

panels = st.lists(st.sampled_from(list(SPELLED.values())), min_size=1, max_size=8)
kinds = st.sampled_from([(EXACT, 0), (CHOICE, 2), (CHOICE, 5), (CHOICE, 7), (CHOICE, 26)])


def verdicts(spelling):
    return [SPELLED[letter] for letter in spelling]


@pytest.mark.parametrize(
    ("spelling", "outcome"),
    [
        ("iiiiii", Outcome.PASS),
        ("iiiiic", Outcome.FAIL),
        ("c.....", Outcome.FAIL),
        ("cuuuuu", Outcome.FAIL),
        ("iiiiiu", Outcome.PARKED),
        ("uuuuuu", Outcome.PARKED),
        ("iiiii.", Outcome.OPEN),
        ("iiiiu.", Outcome.OPEN),
        ("......", Outcome.OPEN),
        ("i", Outcome.PASS),
    ],
)
def test_exact_match(spelling, outcome):
    assert decide(answer_type=EXACT, verdicts=verdicts(spelling)) is outcome


@pytest.mark.parametrize(
    ("spelling", "n_options", "outcome"),
    [
        ("iiiiii", 5, Outcome.PASS),
        ("iiiiic", 5, Outcome.PASS),  # 1/6 is below 1/5
        ("iiiiic", 6, Outcome.FAIL),  # 1/6 is not below 1/6
        ("iiiiic", 7, Outcome.FAIL),
        ("iiic", 5, Outcome.FAIL),  # 1/4 is above 1/5
        ("iiic", 3, Outcome.PASS),
        ("iiiicc", 2, Outcome.FAIL),  # below chance, but two were right
        ("cc....", 5, Outcome.FAIL),
        ("c.....", 5, Outcome.OPEN),
        ("c.....", 6, Outcome.FAIL),
        ("ciiiiu", 5, Outcome.PARKED),
        ("iiii", 5, Outcome.PASS),
    ],
)
def test_multiple_choice(spelling, n_options, outcome):
    assert decide(answer_type=CHOICE, n_options=n_options, verdicts=verdicts(spelling)) is outcome


def test_thresholds_come_from_the_rule():
    lenient = PolicyRule(exact_max_correct=1, choice_max_correct=2, choice_mean_below_chance=False)

    assert decide(answer_type=EXACT, verdicts=verdicts("iiiiic"), rule=lenient) is Outcome.PASS
    assert decide(answer_type=CHOICE, n_options=7, verdicts=verdicts("iiiicc"), rule=lenient) is Outcome.PASS
    assert decide(answer_type=CHOICE, n_options=7, verdicts=verdicts("iiiccc"), rule=lenient) is Outcome.FAIL


def test_verdicts_may_be_plain_text_as_read_from_the_database():
    assert decide(answer_type=EXACT, verdicts=["incorrect", "unscored"]) is Outcome.PARKED


@pytest.mark.parametrize(
    ("answer_type", "n_options", "panel"), [(EXACT, 0, ""), (CHOICE, 1, "i"), (CHOICE, 0, "i"), ("essay", 0, "i")]
)
def test_senseless_input_is_refused(answer_type, n_options, panel):
    with pytest.raises(ValueError):
        decide(answer_type=answer_type, n_options=n_options, verdicts=verdicts(panel))


@given(panels, kinds)
def test_only_a_fully_scored_panel_passes(panel, kind):
    outcome = decide(answer_type=kind[0], n_options=kind[1], verdicts=panel)

    if outcome is Outcome.PASS:
        assert set(panel) <= {Verdict.CORRECT, Verdict.INCORRECT}


@given(panels, kinds, st.randoms())
def test_order_of_the_panel_does_not_matter(panel, kind, random):
    shuffled = list(panel)
    random.shuffle(shuffled)

    assert decide(answer_type=kind[0], n_options=kind[1], verdicts=panel) is decide(
        answer_type=kind[0], n_options=kind[1], verdicts=shuffled
    )


@given(panels, kinds, st.integers(min_value=0), st.sampled_from([Verdict.UNSCORED, None]))
def test_losing_a_verdict_never_gives_a_pass(panel, kind, position, lost):
    position %= len(panel)
    poorer = [*panel[:position], lost, *panel[position + 1 :]]

    assert decide(answer_type=kind[0], n_options=kind[1], verdicts=poorer) is not Outcome.PASS


@given(panels, kinds, st.integers(min_value=0))
def test_one_more_correct_answer_never_helps(panel, kind, position):
    position %= len(panel)
    better = [*panel[:position], Verdict.CORRECT, *panel[position + 1 :]]
    before = decide(answer_type=kind[0], n_options=kind[1], verdicts=panel)
    after = decide(answer_type=kind[0], n_options=kind[1], verdicts=better)

    if before is Outcome.FAIL:
        assert after is Outcome.FAIL
    if after is Outcome.PASS:
        assert before is not Outcome.FAIL


@given(panels, kinds, st.sampled_from([Verdict.CORRECT, Verdict.INCORRECT]))
def test_a_failed_check_stays_failed_whatever_comes_in(panel, kind, late):
    filled = [late if verdict in (None, Verdict.UNSCORED) else verdict for verdict in panel]

    if decide(answer_type=kind[0], n_options=kind[1], verdicts=panel) is Outcome.FAIL:
        assert decide(answer_type=kind[0], n_options=kind[1], verdicts=filled) is Outcome.FAIL


@pytest.mark.parametrize(
    ("n_members", "sizes", "expected"),
    [
        (6, (2, 2), [range(2), range(2, 4), range(4, 6)]),
        (4, (2, 2), [range(2), range(2, 4)]),
        (3, (2, 2), [range(2), range(2, 3)]),
        (1, (2, 2), [range(1)]),
        (0, (2, 2), []),
        (5, (), [range(5)]),
        (5, (0, 3), [range(3), range(3, 5)]),
    ],
)
def test_waves_split_the_panel(n_members, sizes, expected):
    assert waves(n_members, sizes) == expected


@given(st.integers(min_value=0, max_value=30), st.lists(st.integers(min_value=0, max_value=9), max_size=5))
def test_waves_ask_every_member_once(n_members, sizes):
    assert [position for wave in waves(n_members, sizes) for position in wave] == list(range(n_members))


IN_TWOS = ((0, 1), (2, 3), (4, 5))


def asked_next(*draws, waves=IN_TWOS, answer_type=EXACT, n_options=0, rule=TWICE_MORE):
    return ask_next(
        answer_type=answer_type, n_options=n_options, waves=waves, draws=[verdicts(draw) for draw in draws], rule=rule
    )


@pytest.mark.parametrize(
    ("spelling", "due"),
    [
        ("......", Due(0, [0, 1])),
        ("i.....", Due(0, [1])),  # the other was scored before, for the same text
        ("ii....", Due(0, [2, 3])),
        ("iu....", Due(0, [2, 3])),
        ("ic....", None),
        ("iiii..", Due(0, [4, 5])),
        ("iiiii.", Due(0, [5])),
        ("iiiiii", None),
        ("iiiiiu", None),
    ],
)
def test_waves_are_asked_while_the_question_is_alive(spelling, due):
    assert asked_next(spelling) == due


def test_waves_go_on_while_one_lucky_guess_is_allowed():
    assert asked_next("ci....", answer_type=CHOICE, n_options=5) == Due(0, [2, 3])
    assert asked_next("ci....", answer_type=CHOICE, n_options=6) is None


def test_one_wave_of_all_asks_everybody_at_once():
    assert asked_next("......", waves=[range(6)]) == Due(0, [0, 1, 2, 3, 4, 5])


@pytest.mark.parametrize(
    ("draws", "due"),
    [
        (("iiiiii", "......", "......"), Due(1, [0, 1, 2, 3, 4, 5])),
        (("iiiiii", "iiiii.", "......"), Due(1, [5])),
        (("iiiiii", "iiiiic", "......"), Due(2, [0, 1, 2, 3, 4, 5])),
        (("iiiiii", "iiiicc", "......"), None),
        (("iiiiii", "iiiiiu", "......"), Due(2, [0, 1, 2, 3, 4, 5])),
        (("iiiiii", "iiiiiu", "iiiiii"), None),
        (("iiiii.", "......", "......"), Due(0, [5])),
        (("iiiiiu", "......", "......"), None),  # an unscored first draw is no pass to be confirmed
        (("iiiiic", "......", "......"), None),
    ],
)
def test_further_draws_are_asked_round_by_round_once_the_first_one_passes(draws, due):
    assert asked_next(*draws) == due


@pytest.mark.parametrize(
    ("draws", "outcome"),
    [
        (("iiiiii", "......", "......"), Outcome.OPEN),
        (("iiiiii", "iiiiii", "iiiiii"), Outcome.PASS),
        (("iiiiii", "ciiiii", "iiiiii"), Outcome.PASS),
        (("iiiiii", "ciiiii", "iiiiic"), Outcome.FAIL),
        (("iiiiii", "cc....", "......"), Outcome.FAIL),
        (("iiiiii", "ciiiii", "iiiiiu"), Outcome.PARKED),
        (("iiiiiu", "iiiiii", "iiiiii"), Outcome.PARKED),
        (("iiiiic", "iiiiii", "iiiiii"), Outcome.FAIL),
        (("......", "cccccc", "cccccc"), Outcome.OPEN),  # known from an earlier test; the first draw decides first
        (("iiiiii",), Outcome.PASS),
    ],
)
def test_exact_match_is_confirmed_by_at_most_one_right_answer(draws, outcome):
    assert decide_check(answer_type=EXACT, draws=[verdicts(draw) for draw in draws], rule=TWICE_MORE) is outcome


@pytest.mark.parametrize(
    ("n_correct", "n_options", "outcome"),
    [
        (2, 5, Outcome.PASS),  # 2/12 is below 1/5
        (3, 5, Outcome.FAIL),
        (1, 6, Outcome.PASS),
        (2, 6, Outcome.FAIL),  # 2/12 is not below 1/6
        (0, 26, Outcome.PASS),
        (1, 26, Outcome.FAIL),  # 1/12 is above 1/26
    ],
)
def test_multiple_choice_is_confirmed_below_chance(n_correct, n_options, outcome):
    given = verdicts("c" * n_correct + "i" * (12 - n_correct))

    assert decide_confirmation(answer_type=CHOICE, n_options=n_options, verdicts=given, rule=TWICE_MORE) is outcome


@given(panels, kinds)
def test_only_fully_scored_draws_confirm(panel, kind):
    outcome = decide_confirmation(answer_type=kind[0], n_options=kind[1], verdicts=panel, rule=TWICE_MORE)

    if outcome is Outcome.PASS:
        assert set(panel) <= {Verdict.CORRECT, Verdict.INCORRECT}


@pytest.mark.parametrize(
    ("answer_type", "try_number", "changes", "rounds"),
    [
        (EXACT, 1, {}, 0),
        (EXACT, 2, {}, 2),
        (EXACT, 1, {"confirm_from_try": 1}, 2),
        (CHOICE, 1, {}, 2),
        (CHOICE, 1, {"confirm_choice": False}, 0),
        (CHOICE, 2, {"confirm_choice": False}, 2),
        (CHOICE, 5, {"confirmation_rounds": 0}, 0),
    ],
)
def test_confirmation_stands_before_choices_and_second_tries(answer_type, try_number, changes, rounds):
    rule = replace(TWICE_MORE, **changes)

    assert rounds_to_confirm(answer_type=answer_type, try_number=try_number, rule=rule) == rounds


# --- luck as an attack ---


def binomial(n, k, p):
    return comb(n, k) * p**k * (1 - p) ** (n - k)


def chance(outcome_of, n, p):
    """The chance of a pass when each of n answers is right with chance p, by the policy's own function."""
    return sum(binomial(n, k, p) for k in range(n + 1) if outcome_of(verdicts("c" * k + "i" * (n - k))) is Outcome.PASS)


def chance_of_try(number, *, p, n_models, answer_type=EXACT, n_options=0, rule=TWICE_MORE):
    kind = {"answer_type": answer_type, "n_options": n_options, "rule": rule}
    first = chance(lambda given: decide(verdicts=given, **kind), n_models, p)
    rounds = rounds_to_confirm(answer_type=answer_type, try_number=number, rule=rule)
    if not rounds:
        return first
    return first * chance(lambda given: decide_confirmation(verdicts=given, **kind), rounds * n_models, p)


def chance_of_tries(numbers, **kind):
    return 1 - prod(1 - chance_of_try(number, **kind) for number in numbers)


ALLOWED_TRIES = range(1, 6)


@pytest.mark.parametrize(("n_models", "won"), [(6, 0.0000053), (4, 0.00088)])
def test_repetition_wins_next_to_nothing(n_models, won):
    """An easy item, p = 0.6: what the second to the fifth try add, for text and image panels."""
    by_repetition = chance_of_tries(ALLOWED_TRIES[1:], p=0.6, n_models=n_models)

    assert by_repetition <= 0.001
    assert by_repetition == pytest.approx(won, rel=0.02)


def test_luck_at_multiple_choice_wins_next_to_nothing():
    won = chance_of_tries(ALLOWED_TRIES, p=0.6, n_models=6, answer_type=CHOICE, n_options=5)

    assert won <= 0.0015
    assert won == pytest.approx(0.00058, rel=0.02)


@pytest.mark.parametrize(("n_models", "kept"), [(6, 0.996), (4, 0.999)])
def test_hard_items_are_not_lost_to_the_confirmation(n_models, kept):
    assert 1 - chance_of_tries(ALLOWED_TRIES, p=0.05, n_models=n_models) <= 0.01
    assert chance_of_tries(ALLOWED_TRIES, p=0.05, n_models=n_models) == pytest.approx(kept, abs=0.001)


def play(rng, *, p, n_models, n_tries, answer_type=EXACT, n_options=0):
    """The number of the first try that an attacker wins, else 0: every answer is right with chance p."""
    kind = {"answer_type": answer_type, "n_options": n_options, "rule": TWICE_MORE}
    for number in range(1, min(n_tries, len(ALLOWED_TRIES)) + 1):
        rounds = rounds_to_confirm(answer_type=answer_type, try_number=number, rule=TWICE_MORE)
        draws = [[None] * n_models for _draw in range(1 + rounds)]
        while due := ask_next(waves=[(0, 1), range(2, n_models)], draws=draws, **kind):
            for position in due.positions:
                draws[due.draw][position] = Verdict.CORRECT if rng.random() < p else Verdict.INCORRECT
        if decide_check(draws=draws, **kind) is Outcome.PASS:
            return number
    return 0


@pytest.mark.parametrize(
    ("kind", "most_won", "most_won_by_repetition"),
    [
        ({"n_models": 6}, 0.02, 0.001),
        ({"n_models": 4}, 0.05, 0.001),
        ({"n_models": 6, "answer_type": CHOICE, "n_options": 5}, 0.0015, 0.001),
    ],
)
def test_a_thousand_attackers_with_fifty_tries_each(kind, most_won, most_won_by_repetition):
    """Luck of a single try is what remains; it is no more than one check gives to anybody."""
    rng = random.Random(6)
    won = [play(rng, p=0.6, n_tries=50, **kind) for _attacker in range(1_000)]

    assert sum(number > 0 for number in won) / 1_000 <= most_won
    assert sum(number > 1 for number in won) / 1_000 <= most_won_by_repetition
