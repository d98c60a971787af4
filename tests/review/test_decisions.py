"""Decisions, appeals and retractions take two people, a reason and an independent solution."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from hle_site import pipeline
from hle_site.accounts import actions as account_actions
from hle_site.accounts.models import User
from questions import actions as question_actions
from questions import guards
from questions.enums import Status
from questions.models import Question
from questions.workflow import InvalidTransition, Refused
from review import actions, solves
from review.enums import RoundKind
from review.models import Appeal, BlindSolve, Decision, Retraction, Round
from tests import factories
from tests.review.conftest import open_round, review, take

pytestmark = pytest.mark.django_db


def fresh(question: Question) -> Question:
    return Question.objects.get(pk=question.pk)


def also(user: Any, role: str) -> Any:
    account_actions.grant_role(user=user, role=role, by=None, reason="test")
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("outcome", "code", "status"),
    [("approve", "", Status.APPROVED), ("reject", "scope", Status.REJECTED), ("changes", "", Status.CHANGES_REQUESTED)],
)
def test_organiser_decides_over_exact_texts(
    awaiting: Question, organiser: Any, senior: Any, outcome: str, code: str, status: str
) -> None:
    actions.decide(question=awaiting, by=organiser, outcome=outcome, reason="As recommended.", reason_code=code)

    decision = Decision.objects.get(question=awaiting)
    newest = awaiting.newest
    assert fresh(awaiting).status == status
    assert (decision.by, decision.recommended_by) == (organiser, senior)
    assert (decision.tested_hash, decision.supporting_hash) == (newest.tested_hash, newest.supporting_hash)


def test_recommender_cannot_decide(awaiting: Question, senior: Any) -> None:
    with pytest.raises(PermissionDenied):
        actions.decide(question=awaiting, by=also(senior, "organiser"), outcome="approve", reason="Mine.")


def test_database_refuses_a_decision_by_its_recommender(awaiting: Question, senior: Any) -> None:
    with pytest.raises(IntegrityError, match="decision_needs_two_people"), transaction.atomic():
        Decision.objects.create(
            question=awaiting,
            revision=awaiting.newest,
            round=awaiting.rounds.last(),
            outcome="approve",
            reason="Mine.",
            recommended_by=senior,
            by=senior,
        )


def test_reviewer_of_round_one_cannot_decide(awaiting: Question, reviewer: Any) -> None:
    with pytest.raises(PermissionDenied):
        actions.decide(question=awaiting, by=also(reviewer, "organiser"), outcome="approve", reason="Mine.")


def test_author_cannot_decide(awaiting: Question, contributor: Any) -> None:
    with pytest.raises(PermissionDenied):
        actions.decide(question=awaiting, by=also(contributor, "organiser"), outcome="approve", reason="Mine.")


def test_organiser_of_the_same_institution_cannot_decide(awaiting: Question) -> None:
    colleague = factories.make_user("colleague", "organiser", institution="NORTH university")

    with pytest.raises(PermissionDenied):
        actions.decide(question=awaiting, by=colleague, outcome="approve", reason="A friend.")


def test_second_decision_comes_too_late(awaiting: Question, organiser: Any, second_organiser: Any) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")

    with pytest.raises(InvalidTransition):
        actions.decide(question=awaiting, by=second_organiser, outcome="reject", reason="No.", reason_code="scope")
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    ("outcome", "reason", "code"), [("approve", " ", ""), ("reject", "No.", ""), ("later", "No.", "")]
)
def test_incomplete_decision_is_refused(
    awaiting: Question, organiser: Any, outcome: str, reason: str, code: str
) -> None:
    with pytest.raises(Refused):
        actions.decide(question=awaiting, by=organiser, outcome=outcome, reason=reason, reason_code=code)
    assert fresh(awaiting).status == Status.AWAITING_DECISION


def reviewed(question: Question, people: list[Any], senior: Any, answers: list[str | None], **last: Any) -> Question:
    for person, answer in zip(people, answers, strict=True):
        review(question, person, solve=answer)
    review(question, senior, solve=last.pop("solve", "7"), **({"score": 5} | last))
    return fresh(question)


def test_nothing_is_approved_that_nobody_solved(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any, organiser: Any
) -> None:
    question = reviewed(in_review, [reviewer, second_reviewer], senior, ["7", "8"])

    with pytest.raises(Refused, match="No reviewer has reached the key"):
        actions.decide(question=question, by=organiser, outcome="approve", reason="It looks fine.")
    assert fresh(question).status == Status.AWAITING_DECISION
    assert not Decision.objects.exists()


def test_two_who_could_not_solve_and_a_checked_derivation_suffice(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any, organiser: Any
) -> None:
    question = reviewed(in_review, [reviewer, second_reviewer], senior, [None, None], depth="checked_rationale")

    actions.decide(question=question, by=organiser, outcome="approve", reason="The derivation holds.")

    evidence = guards.evidence([question.newest])[question.newest.pk]
    assert fresh(question).status == Status.APPROVED
    assert (evidence["key_checked_by_derivation"], evidence["solves_matching_key"]) == (True, 0)


@pytest.mark.parametrize("depth", ["solved", "format_only"])
def test_two_who_could_not_solve_do_not_suffice_alone(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any, depth: str
) -> None:
    question = reviewed(in_review, [reviewer, second_reviewer], senior, [None, None], depth=depth)

    assert len(solves.missing(question)) == 1


def test_own_check_of_those_who_could_not_solve_does_not_count(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any
) -> None:
    for person in (reviewer, second_reviewer):
        review(in_review, person, solve=None, depth="checked_rationale")
    review(in_review, senior, score=5, depth="solved")

    assert not solves.count(in_review, in_review.newest).suffices


def test_solve_of_an_earlier_text_does_not_count(in_second: Question, contributor: Any, senior: Any) -> None:
    review(in_second, senior, score=4)
    pipeline.sweep()
    question_actions.revise(question=fresh(in_second), by=contributor)
    revision = question_actions.save(
        question=fresh(in_second), by=contributor, content={"prompt": "Name the smallest integer with 14 divisors."}
    )

    assert solves.count(in_second, revision).matching == 0


def test_undecided_answer_counts_once_confirmed_by_another(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any, organiser: Any
) -> None:
    question = reviewed(in_review, [reviewer, second_reviewer], senior, ["two to the sixth times three", "8"])
    solve = BlindSolve.objects.get(matches_key=None)

    with pytest.raises(PermissionDenied):
        actions.confirm_match(solve=solve, by=also(reviewer, "organiser"), is_match=True, reason="Mine is right.")
    actions.confirm_match(solve=solve, by=organiser, is_match=True, reason="2^6 * 3 is 192.")

    assert solves.missing(question) == []
    with pytest.raises(Refused):
        actions.confirm_match(solve=solve, by=organiser, is_match=False, reason="On second thought.")


def test_open_key_alarm_stops_approval(
    contributor: Any, reviewer: Any, second_reviewer: Any, senior: Any, organiser: Any
) -> None:
    question = factories.make_in_review(by=contributor)
    for row in question.newest.predictions.all():
        row.answer = "191"
        row.save()
    question = reviewed(question, [reviewer, second_reviewer], senior, ["192", "192"])

    with pytest.raises(Refused):
        actions.decide(question=question, by=organiser, outcome="approve", reason="The key is right.")


def test_evidence_names_nobody(awaiting: Question, organiser: Any) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")

    facts = solves.evidence([awaiting.newest])[awaiting.newest.pk]

    assert facts == {
        "review_rounds": [
            {"round": 1, "kind": "first", "rubric": "hle-2025-1", "reviews": 2, "mean_score": 4.0},
            {"round": 2, "kind": "second", "rubric": "hle-2025-1", "reviews": 1, "mean_score": 5.0},
        ],
        "solves_matching_key": 2,
        "solves_recorded": 2,
        "key_checked_by_derivation": False,
        "decided_by_two_people": True,
    }


@pytest.fixture
def declined(awaiting: Question, organiser: Any) -> Question:
    actions.decide(
        question=awaiting, by=organiser, outcome="reject", reason="Found in a textbook.", reason_code="too_easy"
    )
    return fresh(awaiting)


APPEAL = "The textbook treats another case; ours needs the second kind of factorisation."


def test_upheld_appeal_reopens_for_a_senior_reviewer(
    declined: Question, contributor: Any, second_organiser: Any
) -> None:
    appeal = actions.file_appeal(question=declined, by=contributor, text=APPEAL)

    actions.decide_appeal(appeal=appeal, by=second_organiser, is_upheld=True, answer="You are right.")
    pipeline.sweep()

    assert fresh(declined).status == Status.IN_REVIEW
    assert open_round(declined).kind == RoundKind.ADJUDICATION


def test_dismissed_appeal_leaves_the_decision(declined: Question, contributor: Any, second_organiser: Any) -> None:
    appeal = actions.file_appeal(question=declined, by=contributor, text=APPEAL)

    actions.decide_appeal(appeal=appeal, by=second_organiser, is_upheld=False, answer="The case is the same.")

    assert (fresh(declined).status, Appeal.objects.get().status) == (Status.REJECTED, "dismissed")
    with pytest.raises(Refused):
        actions.file_appeal(question=declined, by=contributor, text=APPEAL)


def test_who_declined_cannot_answer_the_appeal(declined: Question, contributor: Any, organiser: Any) -> None:
    appeal = actions.file_appeal(question=declined, by=contributor, text=APPEAL)

    with pytest.raises(PermissionDenied):
        actions.decide_appeal(appeal=appeal, by=organiser, is_upheld=False, answer="No.")


def test_only_the_owner_appeals(declined: Question, reviewer: Any, organiser: Any) -> None:
    for person in (reviewer, organiser):
        with pytest.raises(PermissionDenied):
            actions.file_appeal(question=declined, by=person, text=APPEAL)


def test_approval_cannot_be_appealed(awaiting: Question, organiser: Any, contributor: Any) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")

    with pytest.raises(PermissionDenied):
        actions.file_appeal(question=fresh(awaiting), by=contributor, text=APPEAL)


@pytest.fixture
def approved(awaiting: Question, organiser: Any) -> Question:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")
    return fresh(awaiting)


def test_retraction_takes_two_organisers(approved: Question, organiser: Any, second_organiser: Any) -> None:
    retraction = actions.propose_retraction(
        question=approved, by=organiser, reason="A reader found an error.", public_reason="The answer was wrong."
    )
    with pytest.raises(Refused, match="two people"):
        actions.confirm_retraction(retraction=retraction, by=organiser)
    assert fresh(approved).status == Status.APPROVED

    actions.confirm_retraction(retraction=retraction, by=second_organiser)

    assert fresh(approved).status == Status.RETRACTED
    assert Retraction.objects.get().confirmed_by == second_organiser


def test_retraction_is_not_for_reviewers(approved: Question, senior: Any) -> None:
    with pytest.raises(PermissionDenied):
        actions.propose_retraction(question=approved, by=senior, reason="Wrong.", public_reason="Wrong.")


def test_senior_reviewer_of_the_last_round_may_request_changes_at_once(
    in_second: Question, senior: Any, second_senior: Any
) -> None:
    take(in_second, senior)
    with pytest.raises(PermissionDenied):
        actions.request_changes(question=in_second, by=second_senior, reason="Define the symbols.")

    actions.request_changes(question=in_second, by=senior, reason="Define the symbols.")
    pipeline.sweep()

    assert fresh(in_second).status == Status.CHANGES_REQUESTED
    assert not Round.objects.open().filter(question=in_second).exists()


def test_senior_person_in_round_one_is_no_editor(in_review: Question, senior: Any) -> None:
    take(in_review, senior)

    assert not senior.has_perm("questions.desk_reject_question", in_review)


def test_reopened_after_desk_rejection_starts_where_it_stood(in_review: Question, organiser: Any) -> None:
    question_actions.desk_reject(question=in_review, by=organiser, reason="Spam.", reason_code="spam")
    pipeline.sweep()

    actions.reopen(question=fresh(in_review), by=organiser, reason="It was not.")
    pipeline.sweep()

    assert open_round(in_review).kind == RoundKind.FIRST


def test_solve_is_final_and_compared_at_once(in_review: Question, reviewer: Any) -> None:
    mine = take(in_review, reviewer)
    solve = actions.record_solve(assignment=mine, by=reviewer, answer=" 192 ", confidence=80)

    assert (solve.answer, solve.matches_key, solve.confidence) == ("192", True, 80)
    with pytest.raises(Refused):
        actions.record_solve(assignment=mine, by=reviewer, answer="191")


@pytest.mark.parametrize(("answer", "expected"), [("C", True), ("b", False), ("(C)", True), ("both B and C", None)])
def test_choices_are_compared_by_letter(contributor: Any, reviewer: Any, answer: str, expected: bool | None) -> None:
    question = factories.make_in_review(
        by=contributor, answer_type="multipleChoice", options=["1", "2", "3", "4", "5"], answer="C"
    )
    mine = take(question, reviewer)

    assert actions.record_solve(assignment=mine, by=reviewer, answer=answer).matches_key is expected
