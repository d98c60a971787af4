"""The order in which a panel is asked, worked out by hand; and which checks ask everybody."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grading.ordering import Record, cut, is_run_all, learn_order, learn_waves
from grading.policy import PolicyRule

EXACT, CHOICE = "exactMatch", "multipleChoice"
RULE = PolicyRule()


def record(right="", wrong="", **more):
    return Record({**dict.fromkeys(right, True), **dict.fromkeys(wrong, False)}, **more)


def order(models, records, costs, answer_type=EXACT):
    """The order learnt when each of the records comes fifty times."""
    return "".join(learn_order(models, records=records * 50, costs=costs, answer_type=answer_type, rule=RULE))


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


def test_too_few_checks_of_everybody_teach_nothing():
    for_all, stopped = [record("b", "a")] * 49, [record("b", "a", waves=("ab",))] * 900
    learnt = {"costs": {}, "answer_type": EXACT, "rule": RULE}

    assert learn_order("ab", records=for_all + stopped, **learnt) == ["a", "b"]
    assert learn_order("ab", records=[*for_all, record("b")], **learnt) == ["a", "b"]
    assert learn_order("ab", records=[*for_all, record("b", "a")], **learnt) == ["b", "a"]


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


def mean_cost(plan, records, costs):
    """Worked out apart from the module: every wave is paid whole until a model in it is right."""
    usd = 0
    for each in records:
        for wave in plan:
            usd += sum(costs[model] for model in wave)
            if any(each.is_right[model] for model in wave):
                break
    return usd / len(records)


def learn(models, sizes, records, costs):
    found = learn_waves(models, sizes=sizes, records=records, costs=costs, answer_type=EXACT, rule=RULE)
    return ["".join(wave) for wave in found]


def test_waves_are_better_than_the_order_cut_in_pieces():
    # one by one d is second, as it alone solves what a does not; beside a and b in one wave it is too dear
    records = [record("abc", "d")] * 100 + [record("d", "abc")] * 100 + [record("", "abcd")] * 50
    costs = {"a": 1, "b": 1.1, "c": 1.2, "d": 3}

    assert order("abcd", records, costs) == "adbc"
    assert learn("abcd", [2, 2], records, costs) == ["ad", "bc"]
    assert learn("abcd", [3, 1], records, costs) == ["abc", "d"]
    assert learn("abcd", [1, 3], records, costs) == ["a", "dbc"]


@given(st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_learnt_waves_cost_no_more_than_the_learnt_order(rng):
    costs = {model: rng.randint(1, 9) for model in "abcde"}
    chances = {model: rng.random() for model in "abcde"}
    records = [Record({model: rng.random() < chance for model, chance in chances.items()}) for _check in range(60)]
    greedy = cut(learn_order("abcde", records=records, costs=costs, answer_type=EXACT, rule=RULE), [2, 2])

    found = learn("abcde", [2, 2], records, costs)

    assert sorted("".join(found)) == list("abcde")
    assert [len(wave) for wave in found] == [2, 2, 1]
    assert mean_cost(found, records, costs) <= mean_cost(greedy, records, costs) + 1e-9


def test_too_few_checks_leave_the_panel_in_its_own_waves():
    assert learn("abcd", [3], [record("d", "abc")] * 49, {}) == ["abc", "d"]
