"""Answers that wait for a person: who finds them, what they see, and what follows from a decision."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from grading import checks, disagreements, evidence
from grading.enums import (
    JUDGE_DETAIL,
    JUDGES_DISAGREE,
    CheckStatus,
    DecidedBy,
    JudgeSeat,
    OutcomeKind,
    PredictionState,
    Verdict,
)
from grading.models import DifficultyCheck, Judgement, Prediction
from hle_site.accounts import actions as account_actions
from hle_site.audit.models import AuditEvent
from questions.enums import Status
from questions.models import Question
from review import actions as review_actions
from tests import factories
from tests.grading.test_checks import FIRST, SECOND, THIRD, answer, fail

pytestmark = pytest.mark.django_db

Sign = Callable[[Any], Client]
LIST = "grading:disagreements"


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """Staff sign in with a password alone here; the second factor has tests of its own."""
    settings.REQUIRE_STAFF_FACTOR = False


def said(row: Prediction, *, is_correct: bool | None, seat: int = JudgeSeat.FIRST, attempt: int = 1) -> Judgement:
    return Judgement.objects.create(
        prediction=row,
        model=row.panel.judge,
        seat=seat,
        attempt=attempt,
        judge_version="test",
        answered_at=timezone.now(),
        outcome=OutcomeKind.ANSWER if is_correct is not None else OutcomeKind.UNPARSED,
        is_correct=is_correct,
        extracted_answer="Currer Bell",
        reasoning=f"REASONING-{seat}",
    )


@pytest.fixture
def disputed(contributor: Any) -> Prediction:
    """An answer on which two judges differ, in a test that is parked for it."""
    question = factories.make_checking(by=contributor, prompt="Who wrote the novel PROMPT-CANARY, please?")
    check = question.checks.get()
    for names in (FIRST, SECOND, THIRD):
        answer(question, *names)
        fail(question, "simulated-small", OutcomeKind.ANSWER, f"{JUDGE_DETAIL}{JUDGES_DISAGREE}")
        checks.settle(check)
    row = Prediction.objects.get(model__name="simulated-small")
    said(row, is_correct=True)
    said(row, is_correct=False, seat=JudgeSeat.SECOND)
    return row


def rejudged(question: Question, *, verdict: str, again: bool | None) -> Prediction:
    """An answer with a verdict, about which a judge was asked once more."""
    row = Prediction.objects.filter(tested_hash=question.newest.tested_hash, verdict=verdict).order_by("position")[0]
    Prediction.objects.filter(pk=row.pk).update(decided_by=DecidedBy.JUDGE)
    said(row, is_correct=again, seat=JudgeSeat.AGAIN)
    row.refresh_from_db()
    return row


def judge_url(row: Prediction) -> str:
    return reverse("grading:judge", args=[row.revision.question_id, row.pk])


def test_list_names_no_text_and_leads_to_the_answer(client_of: Sign, disputed: Prediction, organiser: Any) -> None:
    text = client_of(organiser).get(reverse(LIST)).content.decode()

    assert "The judges disagree" in text
    assert disputed.revision.question.handle in text
    assert judge_url(disputed) in text
    assert "PROMPT-CANARY" not in text


def test_answer_stands_beside_key_and_both_judgements(client_of: Sign, disputed: Prediction, organiser: Any) -> None:
    text = client_of(organiser).get(judge_url(disputed)).content.decode()

    for shown in ("PROMPT-CANARY", "192", "REASONING-1", "REASONING-2", "Second judge", "Currer Bell"):
        assert shown in text
    assert "Incorrect: Two" not in text
    assert AuditEvent.objects.filter(action="prediction.read", actor_id=organiser.pk).count() == 1


def test_nothing_in_the_reply_is_hidden_from_the_person(client_of: Sign, disputed: Prediction, organiser: Any) -> None:
    Prediction.objects.filter(pk=disputed.pk).update(reply="An\u200bswer: 7\u202e91")

    text = client_of(organiser).get(judge_url(disputed)).content.decode()

    assert "An&lt;U+200B&gt;swer: 7&lt;U+202E&gt;91" in text


def test_parked_test_says_that_judges_disagree_and_never_incorrect(
    client_of: Sign, disputed: Prediction, contributor: Any
) -> None:
    question = disputed.revision.question

    text = client_of(contributor).get(reverse("grading:check", args=[question.pk])).content.decode()

    assert question.checks.get().parked_reason == "simulated-small: The judges disagree. Not counted."
    assert "The judges disagree. Not counted as right or wrong." in text
    assert "REASONING-1" not in text


def test_decision_lets_the_test_go_on_and_leads_to_the_next(
    client_of: Sign,
    disputed: Prediction,
    organiser: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    other = factories.make_eligible(by=factories.make_user("other"), prompt="Another question about divisors?")
    later = rejudged(other, verdict=Verdict.INCORRECT, again=True)
    client = client_of(organiser)

    with django_capture_on_commit_callbacks(execute=True):
        sent = client.post(judge_url(disputed), {"verdict": "incorrect", "reason": "Another author altogether."})

    assert (sent.status_code, sent["Location"]) == (302, judge_url(later))
    disputed.refresh_from_db()
    assert (disputed.verdict, disputed.decided_by) == (Verdict.INCORRECT, DecidedBy.PERSON)
    assert disputed.revision.question.checks.get().status == CheckStatus.PASSED
    assert [one.prediction.pk for one in disagreements.waiting_for(organiser)] == [later.pk]


@pytest.mark.parametrize(
    ("verdict", "again", "is_listed"),
    [
        (Verdict.INCORRECT, True, True),
        (Verdict.INCORRECT, False, False),
        (Verdict.INCORRECT, None, False),
        (Verdict.CORRECT, False, True),
        (Verdict.CORRECT, True, False),
    ],
)
def test_later_judgement_is_listed_where_it_differs(
    contributor: Any, organiser: Any, verdict: str, again: bool | None, is_listed: bool
) -> None:
    row = rejudged(factories.make_too_easy(by=contributor), verdict=verdict, again=again)

    found = disagreements.waiting_for(organiser)

    assert [one.prediction.pk for one in found] == ([row.pk] if is_listed else [])
    row.refresh_from_db()
    assert row.verdict == verdict


def test_only_the_newest_later_judgement_counts(contributor: Any, organiser: Any) -> None:
    row = rejudged(factories.make_too_easy(by=contributor), verdict=Verdict.CORRECT, again=False)
    said(row, is_correct=True, seat=JudgeSeat.AGAIN, attempt=2)

    assert disagreements.waiting_for(organiser) == []


def test_what_a_person_decided_is_not_listed_again(contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = rejudged(question, verdict=Verdict.CORRECT, again=False)

    follows = checks.judge_by_person(
        prediction=row, question=question, by=organiser, verdict=Verdict.CORRECT, reason="It is the key."
    )

    assert follows == "recorded"
    assert disagreements.waiting_for(organiser) == []
    with pytest.raises(checks.people.Refused):
        checks.judge_by_person(
            prediction=row, question=question, by=organiser, verdict=Verdict.INCORRECT, reason="Or is it?"
        )


def test_pass_is_withdrawn_when_a_model_was_right_after_all(contributor: Any, organiser: Any) -> None:
    question = factories.make_eligible(by=contributor)
    row = rejudged(question, verdict=Verdict.INCORRECT, again=True)

    follows = checks.judge_by_person(
        prediction=row, question=question, by=organiser, verdict=Verdict.CORRECT, reason="It means the same."
    )

    assert follows == "no_longer"
    assert DifficultyCheck.objects.get().status == CheckStatus.STALE
    assert evidence.stands(question, question.newest) is False
    assert AuditEvent.objects.filter(action="check.withdraw").count() == 1


def test_failed_test_passes_when_its_one_right_answer_was_wrong(contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, verdicts=("correct",) + ("incorrect",) * 5)
    question = Question.objects.get(pk=question.pk)
    row = rejudged(question, verdict=Verdict.CORRECT, again=False)

    follows = checks.judge_by_person(
        prediction=row, question=question, by=organiser, verdict=Verdict.INCORRECT, reason="Another number."
    )

    assert follows == "passed"
    assert Question.objects.get().status == Status.ELIGIBLE


def test_conflict_hides_the_answer_and_its_page(client_of: Sign, disputed: Prediction) -> None:
    account_actions.set_institution(user=disputed.revision.question.contributor, institution="North University")
    close = factories.make_user("close organiser", "organiser", institution="North University")
    client = client_of(close)

    text = client.get(reverse(LIST)).content.decode()

    assert disputed.revision.question.handle not in text
    assert "Nothing waits for a person" in text
    assert client.get(judge_url(disputed)).status_code == 404
    assert client.post(judge_url(disputed), {"verdict": "correct", "reason": "x" * 20}).status_code == 404


def test_own_answer_is_nobodys_to_decide(client_of: Sign, contributor: Any, disputed: Prediction) -> None:
    client = client_of(contributor)

    assert client.get(reverse(LIST)).status_code == 403
    assert client.get(judge_url(disputed)).status_code == 403


def test_organiser_does_not_find_what_they_wrote(client_of: Sign, contributor: Any, disputed: Prediction) -> None:
    account_actions.grant_role(user=contributor, role="organiser", by=None, reason="test")
    client = client_of(type(contributor).objects.get(pk=contributor.pk))

    text = client.get(reverse(LIST)).content.decode()

    assert "Nothing waits for a person" in text
    assert client.get(judge_url(disputed)).status_code == 403


def test_senior_reviewer_finds_only_what_they_were_asked_to_look_at(
    client_of: Sign, contributor: Any, organiser: Any, senior: Any
) -> None:
    question = factories.make_too_easy(by=contributor)
    row = rejudged(question, verdict=Verdict.CORRECT, again=False)
    client = client_of(senior)
    before = client.get(reverse(LIST)).content.decode()

    review_actions.ask_senior(question=question, senior=senior, by=organiser, reason="Is the verdict right?")

    assert "Nothing waits for a person" in before
    assert judge_url(row) in client.get(reverse(LIST)).content.decode()
    assert client.get(judge_url(row)).status_code == 200


def test_list_asks_a_fixed_number_of_queries(
    client_of: Sign, contributor: Any, organiser: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(organiser)
    for number in range(3):
        question = factories.make_too_easy(by=contributor, prompt=f"Question {number} about divisors, please?")
        rejudged(question, verdict=Verdict.CORRECT, again=False)
    client.get(reverse(LIST))

    with django_assert_max_num_queries(14):
        text = client.get(reverse(LIST)).content.decode()

    assert text.count("Judged again, otherwise") == 3


def test_settled_answer_that_nobody_doubts_needs_no_person(client_of: Sign, contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.filter(state=PredictionState.SETTLED)[0]

    answer = client_of(organiser).get(judge_url(row), follow=True)

    assert answer.redirect_chain == [(reverse(LIST), 302)]
    assert "needs no person any more" in answer.content.decode()
    assert question.handle not in answer.content.decode()
