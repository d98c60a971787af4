"""When models agree against a key, and when they only seem to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grading.alarms import AlarmRule, Given, KeyAlarm, against_key

OPEN, CHOICE = "exactMatch", "multipleChoice"
OPTIONS = ["red", "green", "blue", "white", "black"]


def answers(*texts, right=0):
    """Wrong answers of one model each, stated with or without a confidence, and so many right ones."""
    stated = [text if isinstance(text, tuple) else (text, 90) for text in texts]
    wrong = [Given(f"m{n}", text, confidence) for n, (text, confidence) in enumerate(stated)]
    return wrong + [Given(f"r{n}", "right", 90, is_correct=True) for n in range(right)]


def alarm(given, key="42", answer_type=OPEN, **other):
    found = against_key(given, answer_type=answer_type, key=key, **other)
    return found and (found.answer, found.count)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], None),
        (["7"], None),
        (["7", "8"], None),
        (["7", "7", "8"], ("7", 2)),
        (["42", "42"], None),
        (["", ""], None),
        (["7", "$7$", "7.0"], ("7", 3)),
        (["8", "8", "7", "7", "7"], ("7", 3)),
        ([("7", None), ("7", None)], ("7", 2)),
        ([("7", 49), ("7", 50)], None),
        ([("8", 5), ("8", 5), ("8", 5), ("7", 90), ("7", 90)], ("7", 2)),
    ],
)
def test_two_that_agree_with_confidence(given, found):
    assert alarm(answers(*given)) == found


def test_alarm_names_the_models_and_how_sure_they_were():
    assert against_key(answers(("7", 80), "8", ("7", 60)), answer_type=OPEN, key="42") == KeyAlarm(
        "7", ("m0", "m2"), 70
    )


@pytest.mark.parametrize(("right", "found"), [(0, ("7", 2)), (1, ("7", 2)), (2, None), (3, None)])
def test_as_many_that_reach_the_key_speak_for_it(right, found):
    assert alarm(answers("7", "7", right=right)) == found


@pytest.mark.parametrize(
    ("key", "given", "found"),
    [
        ("33389.35", ["33240", "33312"], None),  # both within 1 % of the key
        ("9.05", ["-9.05", "-9.02"], ("-9.02", 2)),
        ("9.05", ["5.00", "5.04"], ("5.00", 2)),
        ("9.05", ["5.00", "5.10"], None),
        ("905", ["500", "503"], None),  # whole numbers are meant exactly
        ("1.5", ["3.14", "3.14159", "3.1416"], ("3.14", 3)),
        ("[1, 2]", ["[2, 3]", "(2, 3)"], ("(2, 3)", 2)),
        ("Charlotte Brontë", ["Jane Austen", "jane austen."], ("Jane Austen", 2)),
        ("x^2", ["x^3", "x^{3}"], None),  # formulas are compared as they are written
    ],
)
def test_answers_that_mean_the_same_agree(key, given, found):
    assert alarm(answers(*given), key=key) == found


@pytest.mark.parametrize(
    ("n", "others", "found"), [(2, 4, None), (3, 3, None), (4, 2, ("B", 4)), (2, 1, ("B", 2)), (3, 2, ("B", 3))]
)
def test_choice_needs_a_majority(n, others, found):
    given = answers(*["B"] * n, *"CDECDE"[:others])

    assert alarm(given, key="A", answer_type=CHOICE, options=OPTIONS) == found


@pytest.mark.parametrize(
    ("key", "given", "found"),
    [
        ("True", ["False", "no", "7", "8"], None),
        ("True", ["False", "no", "false", "8"], ("no", 3)),
        ("42", ["False", "False", "7", "8"], None),
        ("42", ["False", "False", "7", "7", "8"], ("7", 2)),
    ],
)
def test_yes_or_no_needs_a_majority(key, given, found):
    assert alarm(answers(*given), key=key) == found


def test_model_counts_once():
    given = [Given("m", "7", 90), Given("m", "7", 90)]

    assert against_key(given, answer_type=OPEN, key="42") is None


def test_rule_may_ask_for_more():
    assert alarm(answers("7", "7"), rule=AlarmRule(min_agreeing=3)) is None


@given(st.lists(st.text(max_size=12), max_size=6), st.text(max_size=12), st.sampled_from([OPEN, CHOICE]))
def test_alarm_is_never_for_one_answer_nor_for_the_key(texts, key, answer_type):
    found = against_key(answers(*texts), answer_type=answer_type, key=key, options=OPTIONS)

    assert found is None or (found.count >= 2 and found.answer != key)
