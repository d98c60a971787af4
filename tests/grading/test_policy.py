"""When a check passes, in which waves it runs, and when agreement against the key alarms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.enums import Verdict
from grading.policy import KeyAlarm, Outcome, PolicyRule, choice_agreement, decide, key_alarm, needs_wave, waves

SPELLED = {"c": Verdict.CORRECT, "i": Verdict.INCORRECT, "u": Verdict.UNSCORED, ".": None}
EXACT, CHOICE = "exactMatch", "multipleChoice"

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


@pytest.mark.parametrize(
    ("spelling", "wave", "due"),
    [
        ("......", 0, True),
        ("......", 1, False),
        ("i.....", 1, False),
        ("ii....", 0, False),
        ("ii....", 1, True),
        ("ii....", 2, False),
        ("iu....", 1, True),
        ("ic....", 1, False),
        ("iiii..", 2, True),
        ("iiiii.", 2, True),
        ("iiiiii", 2, False),
        ("iiii..", 3, False),
    ],
)
def test_needs_wave_while_the_question_is_alive(spelling, wave, due):
    assert needs_wave(wave=wave, answer_type=EXACT, verdicts=verdicts(spelling)) is due


def test_needs_wave_while_one_lucky_guess_is_allowed():
    assert needs_wave(wave=1, answer_type=CHOICE, n_options=5, verdicts=verdicts("ci....")) is True
    assert needs_wave(wave=1, answer_type=CHOICE, n_options=6, verdicts=verdicts("ci....")) is False


@pytest.mark.parametrize(
    ("answers", "alarm"),
    [
        ([], None),
        ([("7", 90)], None),
        ([("7", 90), ("8", 90)], None),
        ([("7", 90), ("7", 70), ("8", 90)], KeyAlarm("7", 2, 80.0)),
        ([("42", 90), ("42", 90)], None),
        ([("", 90), ("", 90)], None),
        ([("7", None), ("7", 50)], KeyAlarm("7", 2, 75.0)),
        ([("8", 1), ("8", 1), ("7", 9), ("7", 9), ("7", 9)], KeyAlarm("7", 3, 9.0)),
    ],
)
def test_key_alarm(answers, alarm):
    assert key_alarm(answers, "42") == alarm


def test_key_alarm_takes_the_most_frequent_answer_that_is_confident_enough():
    answers = [("8", 5), ("8", 5), ("8", 5), ("7", 90), ("7", 90)]

    assert key_alarm(answers, "42", min_confidence=50) == KeyAlarm("7", 2, 90.0)


@pytest.mark.parametrize(("n_members", "agreeing"), [(1, 2), (2, 2), (4, 3), (5, 3), (6, 4)])
def test_choice_agreement_is_a_majority(n_members, agreeing):
    assert choice_agreement(n_members) == agreeing
