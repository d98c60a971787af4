"""Judges in the engine: one or two, over HTTP; what they may decide, and what is left to a person."""

import json
from typing import Any

import pytest

from grading import prompts
from grading.enums import (
    JUDGE_DETAIL,
    JUDGES_DISAGREE,
    NOTHING_STATED,
    CheckStatus,
    DecidedBy,
    JudgeSeat,
    LedgerState,
    OutcomeKind,
    PredictionState,
    Verdict,
)
from grading.models import DifficultyCheck, Judgement, Ledger, ModelSpec, Panel, Prediction, Provider
from questions.enums import Status
from questions.models import Question
from tests import factories
from tests.grading.conftest import work_until_settled

pytestmark = pytest.mark.django_db(transaction=True)

PROMPT, KEY, ANSWER = "Name the author of the novel, please.", "Charlotte Brontë", "Currer Bell"
ONE, TWO = "simulated-judge", "simulated-second-judge"
ALL = [ONE, TWO]


@pytest.fixture
def two_judges() -> Panel:
    """The simulated panel with a second judge of another provider."""
    panel = Panel.objects.get(slug="simulated")
    first = panel.judge.provider
    second = Provider.objects.create(
        slug="second",
        name="Second simulated provider",
        base_url_env=first.base_url_env,
        key_env=first.key_env,
        is_simulated=True,
        no_training_terms=first.no_training_terms,
        no_training_at=first.no_training_at,
    )
    panel.second_judge = ModelSpec.objects.create(provider=second, name=TWO, label=TWO, timeout_s=60)
    panel.save()
    return panel


def says(grade: str, quotation: str = ANSWER, **other: Any) -> dict[str, Any]:
    reply = {"extracted_final_answer": quotation, "reasoning": f"It says {grade}.", "correct": grade} | other
    return {"text": json.dumps({"confidence": 70, "strict": True} | reply)}


def judge(name: str, **reply: Any) -> dict[str, Any]:
    return {"contains": "Name the author", "models": name, **reply}


def answers(text: str = "", answer: str = ANSWER) -> dict[str, Any]:
    return {"contains": "Name the author", "models": "simulated-[!j]*", "answer": answer, "text": text}


def run(simulate: Any, *judges: dict[str, Any], **reply: Any) -> tuple[DifficultyCheck, Any]:
    """One check in which all models answer alike and the judges say what the script has them say."""
    simulator = simulate(fixed=[*judges, answers(**reply)])
    question = factories.make_checking(by=factories.make_user("author"), prompt=PROMPT, answer=KEY)
    return work_until_settled(question.checks.get()), simulator


def rows() -> set[tuple[str, str, str]]:
    return set(Prediction.objects.exclude(state="skipped").values_list("state", "verdict", "outcome_detail"))


def unscored(detail: str) -> set[tuple[str, str, str]]:
    return {(PredictionState.UNSCORED, Verdict.UNSCORED, f"{JUDGE_DETAIL}{detail}")}


def asked(simulator: Any, name: str) -> int:
    return sum(line["model"] == name for line in simulator.journal())


@pytest.mark.parametrize(
    ("grade", "verdict", "status"),
    [("no", Verdict.INCORRECT, CheckStatus.PASSED), ("yes", Verdict.CORRECT, CheckStatus.FAILED)],
)
def test_two_judges_that_agree_decide(
    simulate: Any, own_engine: Any, two_judges: Panel, grade: str, verdict: str, status: str
) -> None:
    check, simulator = run(simulate, judge(ONE, **says(grade)), judge(TWO, **says(grade)))

    n = Prediction.objects.exclude(state="skipped").count()
    assert check.status == status
    assert set(Prediction.objects.exclude(state="skipped").values_list("verdict", "decided_by")) == {
        (verdict, DecidedBy.JUDGE)
    }
    assert {name: asked(simulator, name) for name in ALL} == {ONE: n, TWO: n}
    assert Judgement.objects.filter(seat=JudgeSeat.FIRST).count() == n
    assert Judgement.objects.filter(seat=JudgeSeat.SECOND, model=two_judges.second_judge).count() == n
    assert Ledger.objects.exclude(judgement=None).filter(state=LedgerState.BILLED).count() == 2 * n


@pytest.mark.parametrize("grades", [("no", "yes"), ("yes", "no")])
def test_judges_that_disagree_leave_it_to_a_person(
    simulate: Any, own_engine: Any, two_judges: Panel, grades: tuple[str, str]
) -> None:
    check, _simulator = run(simulate, judge(ONE, **says(grades[0])), judge(TWO, **says(grades[1])))

    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    assert rows() == unscored(JUDGES_DISAGREE)
    assert Question.objects.get().status == Status.CHECKING


def test_second_judge_decides_alone_where_the_first_cannot_be_read(
    simulate: Any, own_engine: Any, two_judges: Panel
) -> None:
    check, simulator = run(simulate, judge(ONE, text="It depends."), judge(TWO, **says("no")))

    assert check.status == CheckStatus.PASSED
    assert {name: asked(simulator, name) for name in ALL} == {ONE: 18, TWO: 6}


def test_first_judge_does_not_decide_alone_where_the_second_cannot_be_read(
    simulate: Any, own_engine: Any, two_judges: Panel
) -> None:
    check, simulator = run(simulate, judge(ONE, **says("no")), judge(TWO, text="It depends."))

    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    assert rows() == unscored(OutcomeKind.UNPARSED)
    assert {name: asked(simulator, name) for name in ALL} == {ONE: 6, TWO: 18}


@pytest.mark.parametrize("away", ALL)
def test_judge_that_is_away_replaces_nobody(simulate: Any, own_engine: Any, two_judges: Panel, away: str) -> None:
    (other,) = set(ALL) - {away}
    check, _simulator = run(simulate, judge(away, fault="throttle", retry_after="0"), judge(other, **says("no")))

    assert check.status in {CheckStatus.RUNNING, CheckStatus.PARKED}
    assert set(Prediction.objects.values_list("verdict", flat=True)) == {Verdict.UNSCORED}
    assert Judgement.objects.filter(model__name=away).exists()


def test_judge_is_not_asked_twice_for_what_it_has_said(simulate: Any, own_engine: Any, two_judges: Panel) -> None:
    away = judge(TWO, fault="throttle", retry_after="0", attempts=[1, 2, 3])
    check, simulator = run(simulate, judge(ONE, **says("no")), away, judge(TWO, **says("no")))

    assert check.status == CheckStatus.PASSED
    assert {name: asked(simulator, name) for name in ALL} == {ONE: 6, TWO: 9}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Solution", says("yes", "Solution")),
        (":", says("yes", KEY)),
        ("Thought process:", says("yes", "Thought process:")),
        ("Let's solve this step by step.", says("yes", KEY)),
    ],
)
def test_opening_without_an_answer_is_put_before_no_judge(
    simulate: Any, own_engine: Any, reply: str, said: dict[str, Any]
) -> None:
    check, simulator = run(simulate, judge(ONE, **said), text=reply)

    assert (check.status, check.due_at) == (CheckStatus.PARKED, None)
    assert rows() == unscored(NOTHING_STATED)
    assert asked(simulator, ONE) == 0


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("I think of a well-known novelist.", says("yes", KEY)),
        ("I think of a well-known novelist.", says("yes", "None")),
        (f"Explanation: not {KEY}.\nAnswer: {ANSWER}\nConfidence: 9%", says("yes", KEY)),
        (f"Explanation: not {KEY}.\nAnswer: {ANSWER}\nConfidence: 9%", says("no", KEY)),
    ],
)
def test_judgement_about_another_answer_than_the_stated_one_decides_nothing(
    simulate: Any, own_engine: Any, reply: str, said: dict[str, Any]
) -> None:
    check, simulator = run(simulate, judge(ONE, **said), text=reply)

    assert check.status == CheckStatus.PARKED
    assert rows() == unscored(OutcomeKind.UNPARSED)
    assert set(Judgement.objects.values_list("outcome", "is_correct")) == {(OutcomeKind.UNPARSED, None)}
    assert asked(simulator, ONE) == 18


@pytest.mark.parametrize(("grade", "quotation"), [("yes", "17"), ("no", "192")])
def test_judge_is_not_believed_against_a_comparison(simulate: Any, own_engine: Any, grade: str, quotation: str) -> None:
    said = {"contains": "divisors", "models": ONE, **says(grade, quotation)}
    simulate(fixed=[said, {"contains": "divisors", "text": f"After much thought I come to {quotation} here."}])
    question = factories.make_checking(by=factories.make_user("author"))

    check = work_until_settled(question.checks.get())

    assert check.status == CheckStatus.PARKED
    assert rows() == unscored(OutcomeKind.UNPARSED)
    assert set(Judgement.objects.values_list("outcome_detail", flat=True)) == {
        "the answer that it quotes compares otherwise"
    }


def test_answer_that_only_the_judge_found_is_stored(simulate: Any, own_engine: Any) -> None:
    run(simulate, judge(ONE, **says("no")), text=f"Surely it was {ANSWER} who wrote it.")

    assert set(Prediction.objects.values_list("answer", "confidence", "verdict")) == {(ANSWER, 70, Verdict.INCORRECT)}


def test_letter_that_only_the_judge_found_is_stored_as_the_authors(simulate: Any, own_engine: Any) -> None:
    said = {"contains": "Which colour", "models": ONE, **says("no", "B")}
    simulate(fixed=[said, {"contains": "Which colour", "text": "It can only be B, as I see it."}])
    options = ["red", "green", "blue", "white", "black"]
    question = factories.make_checking(
        by=factories.make_user("author"),
        prompt="Which colour is it?",
        answer_type="multipleChoice",
        options=options,
        answer="C",
    )

    work_until_settled(question.checks.get())

    rows = list(Prediction.objects.filter(decided_by=DecidedBy.JUDGE))
    assert len(rows) > 0
    assert [row.answer for row in rows] == [
        prompts.options_order(row.option_seed, 5).letter_of_author("B") for row in rows
    ]
