"""The order in which a panel is asked, worked out by hand; and which checks ask everybody."""

from itertools import product

import pytest

from grading.ordering import Record, cut, is_run_all, learn_order
from grading.policy import PolicyRule

EXACT, CHOICE = "exactMatch", "multipleChoice"
RULE = PolicyRule()


def record(right="", wrong="", **more):
    return Record({**dict.fromkeys(right, True), **dict.fromkeys(wrong, False)}, **more)


def order(models, records, costs, answer_type=EXACT):
    return "".join(learn_order(models, records=records, costs=costs, answer_type=answer_type, rule=RULE))


def test_order_is_cost_over_the_chance_to_solve_what_is_left():
    # a solves 6 of 10, b solves 5 of which a solves 5 too, c solves 2 that neither solves
    records = [record("ab", "c")] * 5 + [record("a", "bc")] + [record("c", "ab")] * 2 + [record("", "abc")] * 2

    assert order("abc", records, {"a": 1, "b": 1, "c": 1}) == "acb"
    assert order("abc", records, {"a": 3, "b": 1, "c": 1}) == "bca"  # then a: 1 of 5 for 3, c: 2 of 5 for 1


def test_price_alone_does_not_lead():
    records = [record("a", "b")] * 10 + [record("b", "a")] * 1 + [record("", "ab")] * 9

    assert order("ba", records, {"a": 2, "b": 1}) == "ab"
    assert order("ab", records, {"a": 20, "b": 1}) == "ba"


def test_without_costs_all_cost_the_same():
    records = [record("b", "a"), record("", "ab")]

    assert order("ab", records, {}) == "ba"
    assert order("ab", records, {"a": 0.0, "b": 0.0}) == "ba"


def test_free_model_comes_before_priced_ones():
    assert order("ab", [record("a", "b")] * 20, {"a": 1.0, "b": 0.0}) == "ba"


def test_nothing_known_leaves_the_order_as_it_is():
    assert order("dabc", [], {}) == "dabc"
    assert order("dabc", [], dict.fromkeys("abcd", 2.0)) == "dabc"


def test_every_permutation_of_the_records_gives_one_order():
    records = [record("a", "bc"), record("b", "ac"), record("", "abc")]

    assert {order("abc", list(turn), {}) for turn in product(records, repeat=3) if len(set(map(id, turn))) == 3} == {
        "abc"
    }


def test_choice_is_alive_while_one_lucky_answer_is_allowed():
    # of six options one right answer in six ends the test, of five it does not
    ended = [record("a", "bcdef", n_options=6)] * 5 + [record("b", "acdef", n_options=6)] * 4
    alive = [record("ac", "bdef", n_options=5)] * 5 + [record("b", "acdef", n_options=5)] * 4

    assert order("abcdef", ended, {}, CHOICE) == "abcdef"
    assert order("abcdef", alive, {}, CHOICE)[:2] == "ac"


def test_stopped_checks_teach_nothing_of_models_that_were_asked_late():
    """That c solves what a and b could not says nothing of "c first"."""
    for_all = [record("a", "bc")] * 6 + [record("bc", "a")] * 3 + [record("", "abc")] * 11
    stopped = [record("c", "ab", waves=("ab", "c"))] * 50 + [record("a", "b", waves=("ab", "c"))] * 25

    assert order("abc", for_all + stopped, {}) == "acb"


def test_stopped_checks_teach_what_a_late_model_does_after_all_before_it():
    for_all = [record("ab", "cd")] * 40 + [record("b", "acd")] * 30 + [record("a", "bcd")] * 12 + [record("", "abcd")]
    stopped = [record("", "abcd", waves=("ab", "cd"))] * 2 + [record("d", "abc", waves=("ab", "cd"))] * 20

    assert order("abcd", for_all, {}) == "bacd"
    assert order("abcd", for_all + stopped, {}) == "badc"


@pytest.mark.parametrize(
    ("sizes", "waves"),
    [([2, 2, 2], ["ab", "cd", "ef"]), ([2, 4], ["ab", "cdef"]), ([6], ["abcdef"]), ([1, 1], ["a", "b", "cdef"])],
)
def test_order_is_cut_into_the_sizes_of_the_panel(sizes, waves):
    assert ["".join(wave) for wave in cut("abcdef", sizes)] == waves


def test_share_of_checks_that_ask_everybody():
    chosen = [number for number in range(20_000) if is_run_all(number, percent=3, key="k")]

    assert 520 <= len(chosen) <= 680  # 600 expected, four standard deviations either side
    assert chosen == [number for number in range(20_000) if is_run_all(number, percent=3, key="k")]
    assert chosen != [number for number in range(20_000) if is_run_all(number, percent=3, key="other")]
    assert not any(is_run_all(number, percent=0, key="k") for number in range(1_000))
    assert all(is_run_all(number, percent=100, key="k") for number in range(1_000))
