"""Rounds open, settle and lead on as the policy says, once, from exactly the submitted reviews."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.utils import timezone

from hle_site import pipeline
from hle_site.accounts import actions as account_actions
from hle_site.notifications.models import Notice
from questions import actions as question_actions
from questions.enums import Status
from questions.models import Question
from questions.workflow import Refused
from review import actions, assignment, deadlines, rounds
from review.enums import AssignmentStatus, RoundKind, RoundOutcome
from review.models import Assignment, Recommendation, Review, Round
from tests import factories
from tests.review.conftest import COMPLETE, open_round, review, take

pytestmark = pytest.mark.django_db


def fresh(question: Question) -> Question:
    return Question.objects.get(pk=question.pk)


def test_submission_opens_one_first_round(in_review: Question) -> None:
    change = in_review.changes.get(after=Status.IN_REVIEW)

    rounds.open_next(change=change)
    rounds.open_next(change=change)

    opened = Round.objects.get(question=in_review)
    assert (opened.number, opened.kind, opened.quorum, opened.is_blind_solve, opened.change) == (
        1,
        "first",
        2,
        True,
        change,
    )


def test_late_delivery_after_the_round_settled_opens_nothing(in_second: Question, senior: Any) -> None:
    review(in_second, senior, score=3)

    rounds.open_next(change=in_second.changes.get(after=Status.IN_REVIEW))

    assert [round_.kind for round_ in Round.objects.filter(question=in_second)] == ["first", "second"]


def test_first_review_alone_settles_nothing(in_review: Question, reviewer: Any) -> None:
    review(in_review, reviewer)

    assert open_round(in_review).number == 1
    assert fresh(in_review).status == Status.IN_REVIEW


@pytest.mark.parametrize(
    ("scores", "outcome", "following", "status"),
    [
        ((4, 3), "next_round", "second", Status.IN_REVIEW),
        ((2, 2), "changes", None, Status.CHANGES_REQUESTED),
        ((5, -1), "adjudication", "adjudication", Status.IN_REVIEW),
        ((5, 2), "adjudication", "adjudication", Status.IN_REVIEW),
    ],
)
def test_first_round_leads_on(
    in_review: Question, reviewer: Any, second_reviewer: Any, scores: Any, outcome: str, following: Any, status: str
) -> None:
    review(in_review, reviewer, score=scores[0])
    review(in_review, second_reviewer, score=scores[1])

    first = Round.objects.get(question=in_review, number=1)
    opened = Round.objects.open().filter(question=in_review).values_list("kind", flat=True)
    assert (first.outcome, list(opened)) == (outcome, [following] if following else [])
    assert fresh(in_review).status == status


def test_requested_changes_carry_a_due_date(in_review: Question, reviewer: Any, second_reviewer: Any) -> None:
    review(in_review, reviewer, score=2)
    review(in_review, second_reviewer, score=2)

    days = (fresh(in_review).due_at - timezone.now()).days
    assert days == 20


@pytest.mark.parametrize(
    ("score", "status", "outcome"), [(5, "awaiting_decision", "approve"), (1, "awaiting_decision", "reject")]
)
def test_second_round_recommends_in_the_name_of_its_reviewer(
    in_second: Question, senior: Any, score: int, status: str, outcome: str
) -> None:
    review(in_second, senior, score=score)

    recommendation = Recommendation.objects.get(round__question=in_second)
    assert (recommendation.outcome, recommendation.by, fresh(in_second).status) == (outcome, senior, status)


def test_second_round_that_asks_for_changes_recommends_nothing(in_second: Question, senior: Any) -> None:
    review(in_second, senior, score=4)

    assert fresh(in_second).status == Status.CHANGES_REQUESTED
    assert not Recommendation.objects.exists()


def resubmit(question: Question, contributor: Any, **content: Any) -> None:
    question_actions.revise(question=fresh(question), by=contributor)
    question_actions.save(question=fresh(question), by=contributor, content=content)
    if "prompt" in content:
        question_actions.start_check(
            question=fresh(question), by=contributor, terms_version=question.call.contributor_terms.version
        )
        pipeline.sweep()
        factories.settle_check(fresh(question))
        question_actions.submit_for_review(
            question=fresh(question), by=contributor, licence_version=question.call.data_licence.version
        )
    else:
        question_actions.keep_check(question=fresh(question), by=contributor)
    pipeline.sweep()


def test_revision_after_round_one_comes_back_to_its_reviewers(
    in_review: Question, contributor: Any, reviewer: Any, second_reviewer: Any
) -> None:
    review(in_review, reviewer, score=2)
    review(in_review, second_reviewer, score=2)
    pipeline.sweep()

    resubmit(in_review, contributor, prompt="What is the least positive integer that has exactly $14$ divisors?")

    opened = open_round(in_review)
    invited = opened.assignments.values_list("reviewer", "status")
    assert (opened.number, opened.kind, opened.revision.number) == (2, "first", 2)
    assert set(invited) == {(reviewer.pk, "invited"), (second_reviewer.pk, "invited")}


def test_rationale_alone_comes_back_to_round_two_without_a_new_check(
    in_second: Question, contributor: Any, senior: Any
) -> None:
    review(in_second, senior, score=4)
    pipeline.sweep()

    resubmit(in_second, contributor, rationale="Fourteen is 2 times 7, so the integer is p^13 or p^6 q; 192 = 2^6 * 3.")

    opened = open_round(in_second)
    assert (opened.number, opened.kind, opened.is_blind_solve) == (3, "second", False)


def test_text_changed_after_round_two_must_be_solved_again(in_second: Question, contributor: Any, senior: Any) -> None:
    review(in_second, senior, score=4)
    pipeline.sweep()

    resubmit(in_second, contributor, prompt="Which positive integer is the smallest with exactly $14$ divisors?")

    assert open_round(in_second).is_blind_solve


def test_withdrawal_ends_the_round_and_its_places(in_review: Question, contributor: Any, reviewer: Any) -> None:
    mine = take(in_review, reviewer)

    question_actions.withdraw(question=fresh(in_review), by=contributor)
    pipeline.sweep()

    assert Round.objects.get(question=in_review).outcome == RoundOutcome.CANCELLED
    assert Assignment.objects.get(pk=mine.pk).status == AssignmentStatus.INVALIDATED


def test_conflict_found_later_takes_the_review_out_of_the_quorum(
    in_review: Question, contributor: Any, reviewer: Any, second_reviewer: Any
) -> None:
    first = review(in_review, reviewer, score=0)
    account_actions.declare_conflict(user=reviewer, by=reviewer, other=contributor)

    review(in_review, second_reviewer, score=4)

    assert Assignment.objects.get(pk=first.pk).status == AssignmentStatus.INVALIDATED
    assert open_round(in_review).number == 1


def test_adjudication_is_not_for_those_who_disagreed(
    in_review: Question, senior: Any, reviewer: Any, second_senior: Any
) -> None:
    review(in_review, senior, score=5)
    review(in_review, reviewer, score=1)

    assert list(assignment.pool(senior)) == []
    with pytest.raises(PermissionDenied):
        take(in_review, senior)
    assert list(assignment.pool(second_senior)) == [open_round(in_review)]


@pytest.mark.parametrize(
    ("outcome", "status", "kinds"),
    [
        ("next_round", Status.IN_REVIEW, ["first", "adjudication", "second"]),
        ("changes", Status.CHANGES_REQUESTED, ["first", "adjudication"]),
        ("rejection", Status.AWAITING_DECISION, ["first", "adjudication"]),
    ],
)
def test_adjudication_leads_on(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any, outcome: str, status: str, kinds: list[str]
) -> None:
    review(in_review, reviewer, score=5)
    review(in_review, second_reviewer, score=0)
    mine = take(in_review, senior)

    actions.adjudicate(
        assignment=mine,
        by=senior,
        outcome=outcome,
        reason="The doubt is settled.",
        feedback="Please define every symbol.",
    )

    assert fresh(in_review).status == status
    assert [round_.kind for round_ in Round.objects.filter(question=in_review)] == kinds


def test_adjudication_after_round_one_cannot_recommend_approval(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any
) -> None:
    review(in_review, reviewer, score=5)
    review(in_review, second_reviewer, score=0)
    mine = take(in_review, senior)

    with pytest.raises(Refused):
        actions.adjudicate(assignment=mine, by=senior, outcome="approval", reason="It is fine.")


def test_place_is_given_once(in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any) -> None:
    take(in_review, reviewer)
    take(in_review, second_reviewer)

    assert list(assignment.pool(senior)) == []
    with pytest.raises(Refused):
        take(in_review, senior)
    with pytest.raises(Refused):
        take(in_review, reviewer)


def test_load_is_limited(contributor: Any, reviewer: Any) -> None:
    asked = ("divisors of $50!$", "groups of order 16", "knots with seven crossings", "primes under $10^5$")
    unlike = (
        *asked,
        "trees on nine labelled nodes",
        "perfect matchings in a cube",
    )  # else they are tries at one question
    questions = [factories.make_in_review(by=contributor, prompt=f"Count the {what}.") for what in unlike]
    for question in questions[:5]:
        take(question, reviewer)

    with pytest.raises(Refused, match="5 open reviews"):
        take(questions[5], reviewer)


def test_pool_orders_own_subjects_then_fewest_reviews_then_age(
    contributor: Any, reviewer: Any, second_reviewer: Any
) -> None:
    other = factories.make_in_review(by=contributor, prompt="Which acid is strongest?", category="Chemistry")
    reviewed = factories.make_in_review(by=contributor, prompt="How many primes are below $10^3$?")
    new = factories.make_in_review(by=contributor, prompt="How many primes are below $10^4$?")
    review(reviewed, second_reviewer)

    assert [round_.question for round_ in assignment.pool(reviewer)] == [new, reviewed, other]


def test_pool_hides_own_and_conflicted_questions(contributor: Any, in_review: Question) -> None:
    account_actions.grant_role(user=contributor, role="reviewer", by=None, reason="test")
    colleague = factories.make_user("colleague", "reviewer", institution="North University")

    assert list(assignment.pool(contributor)) == []
    assert list(assignment.pool(colleague)) == []
    for person in (contributor, colleague):
        with pytest.raises(PermissionDenied):
            take(in_review, person)


def test_handed_back_place_is_free_again_but_not_for_the_same_person(
    in_review: Question, reviewer: Any, second_reviewer: Any
) -> None:
    mine = take(in_review, reviewer)
    take(in_review, second_reviewer)

    assignment.hand_back(assignment=mine, by=reviewer, reason="Not my field")

    assert list(assignment.pool(reviewer)) == []
    assert open_round(in_review).assignments.active().count() == 1


def test_invited_third_reviewer_is_waited_for(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any, organiser: Any
) -> None:
    take(in_review, reviewer)
    take(in_review, second_reviewer)

    invitation = assignment.invite(round_=open_round(in_review), reviewer=senior, by=organiser)
    assignment.accept(assignment=invitation, by=senior)

    assert open_round(in_review).quorum == 3


def test_reviewer_cannot_invite(in_review: Question, reviewer: Any, second_reviewer: Any) -> None:
    with pytest.raises(PermissionDenied):
        assignment.invite(round_=open_round(in_review), reviewer=second_reviewer, by=reviewer)


def test_overdue_place_expires_and_people_are_told_once(in_review: Question, reviewer: Any, organiser: Any) -> None:
    mine = take(in_review, reviewer)
    late = mine.due_at + timedelta(hours=1)

    deadlines.sweep(now=late)
    deadlines.sweep(now=late)

    assert Assignment.objects.get(pk=mine.pk).status == AssignmentStatus.EXPIRED
    assert Notice.objects.filter(kind="review_expired", recipient=reviewer).count() == 1
    assert Notice.objects.filter(kind="overdue", recipient=organiser).count() == 1
    assert fresh(in_review).status == Status.IN_REVIEW


def test_expired_place_may_be_taken_again_with_its_draft(in_review: Question, reviewer: Any) -> None:
    mine = take(in_review, reviewer)
    actions.record_solve(assignment=mine, by=reviewer, answer="192")
    actions.save_review(assignment=mine, by=reviewer, content={"feedback": "Half a thought"})
    deadlines.sweep(now=mine.due_at + timedelta(hours=1))

    again = take(in_review, reviewer)

    assert again.pk == mine.pk
    assert Review.objects.get(assignment=again).feedback == "Half a thought"


@pytest.mark.parametrize(("before_days", "kinds"), [(8, []), (6, ["review_due_7"]), (1, ["review_due_2"])])
def test_reminders_come_at_seven_and_two_days(
    in_review: Question, reviewer: Any, before_days: int, kinds: list[str]
) -> None:
    mine = take(in_review, reviewer)

    for _again in range(2):
        deadlines.sweep(now=mine.due_at - timedelta(days=before_days))

    found = Notice.objects.filter(recipient=reviewer, kind__startswith="review_due")
    assert [notice.kind for notice in found] == kinds


def test_overdue_changes_inform_organisers_and_change_no_status(
    in_review: Question, reviewer: Any, second_reviewer: Any, organiser: Any
) -> None:
    review(in_review, reviewer, score=2)
    review(in_review, second_reviewer, score=2)

    deadlines.sweep(now=timezone.now() + timedelta(days=30))

    assert Notice.objects.filter(kind="overdue", recipient=organiser).count() == 1
    assert fresh(in_review).status == Status.CHANGES_REQUESTED


@pytest.mark.django_db(transaction=True)
def test_last_two_reviewers_together_settle_once() -> None:
    contributor = factories.make_user("author", institution="North University")
    people = [factories.make_user(f"rev {n}", "reviewer", institution=f"School {n}") for n in range(2)]
    question = factories.make_in_review(by=contributor)
    held = []
    for person in people:
        mine = take(question, person)
        actions.record_solve(assignment=mine, by=person, answer="192")
        actions.save_review(assignment=mine, by=person, content=COMPLETE)
        held.append(mine)
    start, failures = threading.Barrier(2), []

    def hand_in(mine: Assignment, person: Any) -> None:
        try:
            start.wait()
            actions.submit_review(assignment=mine, by=person)
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=hand_in, args=pair) for pair in zip(held, people, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert [round_.kind for round_ in Round.objects.filter(question=question)] == [RoundKind.FIRST, RoundKind.SECOND]


@pytest.mark.django_db(transaction=True)
def test_last_place_goes_to_one_of_two() -> None:
    contributor = factories.make_user("author", institution="North University")
    people = [factories.make_user(f"rev {n}", "reviewer", institution=f"School {n}") for n in range(3)]
    question = factories.make_in_review(by=contributor)
    take(question, people[2])
    round_, start, refused = open_round(question), threading.Barrier(2), []

    def grab(person: Any) -> None:
        try:
            start.wait()
            assignment.take(round_=round_, by=person)
        except Refused as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=grab, args=(person,)) for person in people[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert round_.assignments.active().count() == 2
