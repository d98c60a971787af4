"""Who sees what of a review: blind before the own answer, others after the own review, the contributor no names at all."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from hle_site import pipeline
from hle_site.accounts import actions as account_actions
from hle_site.accounts.models import User
from questions import actions as question_actions
from questions.enums import Status
from questions.models import Question
from questions.workflow import Refused
from review import actions, assignment, presenters
from review.enums import Audience, Blinding
from review.models import Assignment, Comment, Review, Round, Triage
from tests import factories
from tests.review.conftest import COMPLETE, open_round, review, take

pytestmark = pytest.mark.django_db


def fresh(question: Question) -> Question:
    return Question.objects.get(pk=question.pk)


def seen(user: Any) -> set[Any]:
    return set(Review.objects.visible_to(user).values_list("assignment__reviewer", flat=True))


def test_text_opens_with_the_place_and_key_with_the_own_answer(in_review: Question, reviewer: Any) -> None:
    before = (
        reviewer.has_perm("questions.view_question", in_review),
        reviewer.has_perm("questions.view_key", in_review),
    )
    mine = take(in_review, reviewer)
    taken = (
        reviewer.has_perm("questions.view_question", in_review),
        reviewer.has_perm("questions.view_key", in_review),
    )
    actions.record_solve(assignment=mine, by=reviewer, answer="7")
    solved = (
        reviewer.has_perm("questions.view_question", in_review),
        reviewer.has_perm("questions.view_key", in_review),
    )

    assert (before, taken, solved) == ((False, False), (True, False), (True, True))


def test_review_cannot_be_scored_before_the_own_answer(in_review: Question, reviewer: Any) -> None:
    mine = take(in_review, reviewer)

    with pytest.raises(Refused, match="own answer first"):
        actions.save_review(assignment=mine, by=reviewer, content=COMPLETE)
    with pytest.raises(Refused, match="own answer first"):
        actions.submit_review(assignment=mine, by=reviewer)


def test_others_reviews_open_once_the_own_is_in(in_review: Question, reviewer: Any, second_reviewer: Any) -> None:
    review(in_review, reviewer)
    mine = take(in_review, second_reviewer)
    assert seen(second_reviewer) == set()
    actions.record_solve(assignment=mine, by=second_reviewer, answer="192")
    actions.save_review(assignment=mine, by=second_reviewer, content=COMPLETE)
    assert seen(second_reviewer) == {second_reviewer.pk}

    actions.submit_review(assignment=mine, by=second_reviewer)

    assert seen(second_reviewer) == {reviewer.pk, second_reviewer.pk}
    assert seen(reviewer) == {reviewer.pk, second_reviewer.pk}


def test_own_draft_is_for_its_writer_alone(in_review: Question, reviewer: Any, organiser: Any) -> None:
    mine = take(in_review, reviewer)
    actions.record_solve(assignment=mine, by=reviewer, answer="192")
    actions.save_review(assignment=mine, by=reviewer, content=COMPLETE)

    assert (seen(reviewer), seen(organiser)) == ({reviewer.pk}, set())


def test_reviews_by_reader(
    in_second: Question, reviewer: Any, second_reviewer: Any, senior: Any, contributor: Any
) -> None:
    both = {reviewer.pk, second_reviewer.pk}
    take(in_second, senior)
    outsider = factories.make_user("outsider", "reviewer")
    conflicted = factories.make_user("conflicted", "organiser", institution="North University")
    readers = {
        "senior reviewer of round 2": (senior, both),
        "organiser": (factories.make_user("org", "organiser"), both),
        "auditor": (factories.make_user("aud", "auditor"), both),
        "contributor": (contributor, set()),
        "reviewer elsewhere": (outsider, set()),
        "organiser in conflict": (conflicted, set()),
        "administrator": (factories.make_user("adm", "administrator"), set()),
        "other contributor": (factories.make_user("other"), set()),
    }

    assert {name: seen(user) for name, (user, _expected) in readers.items()} == {
        name: expected for name, (_user, expected) in readers.items()
    }


def test_reviews_of_a_later_round_stay_closed_to_earlier_reviewers(
    awaiting: Question, reviewer: Any, senior: Any
) -> None:
    assert senior.pk not in seen(reviewer)


def test_conflict_closes_even_the_own_review(in_second: Question, reviewer: Any, contributor: Any) -> None:
    account_actions.declare_conflict(user=reviewer, by=reviewer, other=contributor)

    assert seen(reviewer) == set()


def test_organiser_who_reviews_is_blind_like_every_reviewer(in_review: Question, reviewer: Any) -> None:
    both = factories.make_user("both", "organiser", "reviewer")
    review(in_review, reviewer)
    assert both.has_perm("questions.view_key", in_review)

    mine = take(in_review, both)

    assert not both.has_perm("questions.view_key", in_review)
    assert (seen(both), list(Round.objects.visible_to(both))) == (set(), [])
    actions.record_solve(assignment=mine, by=both, answer="192")
    assert both.has_perm("questions.view_key", in_review)
    assert seen(both) == set()


def test_reviews_close_fourteen_days_after_the_decision(awaiting: Question, reviewer: Any, organiser: Any) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")
    assert len(seen(reviewer)) == 2

    Question.objects.filter(pk=awaiting.pk).update(status_changed_at=timezone.now() - timedelta(days=15))

    assert seen(reviewer) == {reviewer.pk}
    assert not reviewer.has_perm("questions.view_question", fresh(awaiting))


def test_another_persons_assignment_cannot_be_worked_on(
    in_review: Question, reviewer: Any, second_reviewer: Any, organiser: Any
) -> None:
    mine = take(in_review, reviewer)

    for person in (second_reviewer, organiser):
        with pytest.raises(PermissionDenied):
            actions.record_solve(assignment=mine, by=person, answer="192")


def test_submitted_review_is_final(in_review: Question, reviewer: Any) -> None:
    mine = review(in_review, reviewer)

    with pytest.raises(Refused):
        actions.save_review(assignment=mine, by=reviewer, content={"score": 0})
    assert Review.objects.get(assignment=mine).score == 4


@pytest.mark.parametrize(
    "gap",
    [
        {"score": None},
        {"score": 6},
        {"depth": ""},
        {"is_safe": None},
        {"feedback": "Too short."},
        {"feedback": " " * 40},
    ],
)
def test_incomplete_review_is_kept_but_not_taken(in_review: Question, reviewer: Any, gap: dict[str, Any]) -> None:
    mine = take(in_review, reviewer)
    actions.record_solve(assignment=mine, by=reviewer, answer="192")
    actions.save_review(assignment=mine, by=reviewer, content=COMPLETE | gap)

    with pytest.raises(Refused):
        actions.submit_review(assignment=mine, by=reviewer)
    assert Assignment.objects.get(pk=mine.pk).status == "in_progress"


def test_two_windows_do_not_overwrite_each_other(in_review: Question, reviewer: Any) -> None:
    mine = take(in_review, reviewer)
    actions.record_solve(assignment=mine, by=reviewer, answer="192")
    first = actions.save_review(assignment=mine, by=reviewer, content={"feedback": "From the first window"}, version=0)
    actions.save_review(assignment=mine, by=reviewer, content={"feedback": "Newer"}, version=first.version)

    with pytest.raises(actions.EditConflict):
        actions.save_review(assignment=mine, by=reviewer, content={"feedback": "Older"}, version=first.version)
    assert Review.objects.get(assignment=mine).feedback == "Newer"


def values(thing: Any) -> str:
    return str(dataclasses.asdict(thing))


def test_contributor_reads_feedback_of_a_round_at_once_and_without_names(
    in_review: Question, reviewer: Any, second_reviewer: Any
) -> None:
    review(
        in_review,
        reviewer,
        score=2,
        feedback="Name the base, and say that zero is excluded.",
        private_note="cnry-private",
    )
    assert presenters.feedback(in_review) == []

    review(in_review, second_reviewer, score=2, feedback="The wording invites a second reading of “divisor”.")
    pipeline.sweep()

    (card,) = presenters.feedback(fresh(in_review))
    assert {item.feedback[:4] for item in card.items} == {"Name", "The "}
    assert card.outcome_label == "Changes requested"
    text = values(card)
    for secret in (str(reviewer), str(second_reviewer), str(reviewer.pk), reviewer.email, "cnry-private", "Reviewer"):
        assert secret not in text


def test_contributor_reads_nothing_while_the_next_round_runs(in_second: Question) -> None:
    assert presenters.feedback(in_second) == []


def test_feedback_shows_no_recommendation(awaiting: Question, organiser: Any) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="reject", reason="Searchable.", reason_code="too_easy")

    cards = presenters.feedback(fresh(awaiting))

    assert [card.number for card in cards] == [2, 1]
    assert [card.outcome_label for card in cards] == ["", ""]


def test_order_of_reviews_is_stored_not_the_order_of_arrival(
    in_review: Question, reviewer: Any, second_reviewer: Any
) -> None:
    review(in_review, reviewer, score=2)
    review(in_review, second_reviewer, score=2, feedback="Second to arrive, but that must not be seen.")
    pipeline.sweep()
    round_ = Round.objects.get(question=in_review)
    orders = set()
    for seed in range(12):
        Round.objects.filter(pk=round_.pk).update(order_seed=seed)
        orders.add(tuple(item.feedback for item in presenters.feedback(in_review)[0].items))

    assert len(orders) == 2


def test_colleagues_have_pseudonyms_that_differ_between_questions(
    contributor: Any, in_review: Question, reviewer: Any, second_reviewer: Any
) -> None:
    User.objects.filter(pk=reviewer.pk).update(name="Quentin Quill")
    review(in_review, reviewer)
    review(in_review, second_reviewer)
    other = factories.make_draft(by=contributor)

    (card,) = presenters.rounds_for(second_reviewer, in_review)

    authors = {item.author for item in card.reviews}
    assert authors == {"You", presenters.pseudonym(in_review, reviewer)}
    assert presenters.pseudonym(in_review, reviewer) != presenters.pseudonym(other, reviewer)
    assert "Quill" not in values(card)


def test_names_of_colleagues_open_with_the_own_review_where_the_call_lets_them(
    in_second: Question, reviewer: Any, second_reviewer: Any, senior: Any
) -> None:
    Round.objects.update(blinding=Blinding.B0)
    mine = take(in_second, senior)

    def authors() -> set[str]:
        return {item.author for card in presenters.rounds_for(senior, fresh(in_second)) for item in card.reviews}

    before = authors()
    actions.save_review(assignment=mine, by=senior, content=COMPLETE | {"score": 5})
    actions.submit_review(assignment=mine, by=senior)

    people = [reviewer, second_reviewer]
    assert before == {presenters.pseudonym(in_second, person) for person in people}
    assert authors() == {"You", *map(str, people)}


def test_private_note_reaches_organisers_not_colleagues(
    in_review: Question, reviewer: Any, second_reviewer: Any, organiser: Any
) -> None:
    review(in_review, reviewer, private_note="cnry-private")
    review(in_review, second_reviewer)

    colleague, staff = (presenters.rounds_for(user, in_review) for user in (second_reviewer, organiser))

    assert "cnry-private" not in "".join(map(values, colleague))
    assert "cnry-private" in "".join(map(values, staff))


def test_recommendation_is_hidden_from_reviewers_of_its_question(
    in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any
) -> None:
    review(in_review, reviewer, score=5)
    review(in_review, second_reviewer, score=0)
    actions.adjudicate(assignment=take(in_review, senior), by=senior, outcome="rejection", reason="cnry-reason")

    assert "cnry-reason" not in "".join(values(card) for card in presenters.rounds_for(reviewer, fresh(in_review)))


def test_contributor_and_reviewers_talk_without_names(
    in_review: Question, contributor: Any, reviewer: Any, second_reviewer: Any
) -> None:
    review(in_review, reviewer, score=2)
    review(in_review, second_reviewer, score=2)
    pipeline.sweep()
    round_ = Round.objects.get(question=in_review)

    actions.comment(round_=round_, by=contributor, audience=Audience.CONTRIBUTOR, text="Which base do you mean?")
    actions.comment(round_=round_, by=reviewer, audience=Audience.CONTRIBUTOR, text="Ten, as everybody does.")
    actions.comment(round_=round_, by=reviewer, audience=Audience.REVIEWERS, text="cnry-among-us")

    (card,) = presenters.feedback(fresh(in_review))
    assert [(message.author, message.text) for message in card.messages] == [
        ("You", "Which base do you mean?"),
        ("Reviewers and organisers", "Ten, as everybody does."),
    ]
    assert set(Comment.objects.visible_to(contributor)) == set(Comment.objects.filter(audience="contributor"))
    assert Comment.objects.visible_to(second_reviewer).count() == 3


def test_contributor_cannot_write_into_a_running_round(in_review: Question, contributor: Any) -> None:
    with pytest.raises(PermissionDenied):
        actions.comment(
            round_=open_round(in_review), by=contributor, audience=Audience.CONTRIBUTOR, text="Please hurry."
        )


def test_reviewer_cannot_join_the_discussion_before_the_own_review(in_review: Question, reviewer: Any) -> None:
    mine = take(in_review, reviewer)
    actions.record_solve(assignment=mine, by=reviewer, answer="192")

    with pytest.raises(PermissionDenied):
        actions.comment(round_=mine.round, by=reviewer, audience=Audience.REVIEWERS, text="What do you think?")


def test_visible_rows_agree_with_the_table(
    awaiting: Question, contributor: Any, reviewer: Any, senior: Any, organiser: Any
) -> None:
    people = [
        contributor,
        reviewer,
        senior,
        organiser,
        factories.make_user("x", "reviewer"),
        factories.make_user("y", "auditor"),
    ]
    people.append(factories.make_user("z", "organiser", institution="North University"))

    for person in people:
        user = User.objects.get(pk=person.pk)
        rounds = Round.objects.visible_to(user).filter(question=awaiting).exists()
        assert rounds == user.has_perm("review.view_reviews", awaiting), user


def asked(question: Question, senior: Any, by: Any) -> Triage:
    return actions.ask_senior(question=question, senior=senior, by=by, reason="Is the verdict right?")


def rights(user: Any, question: Question) -> list[bool]:
    names = ("view_question", "view_key", "override_check_question")
    return [user.has_perm(f"questions.{name}", fresh(question)) for name in names]


def test_senior_who_is_asked_reads_and_overrides_until_the_question_moves_on(
    contributor: Any, senior: Any, organiser: Any
) -> None:
    question = factories.make_too_easy(by=contributor)
    before = rights(senior, question)
    asked(question, senior, organiser)
    during = rights(senior, question)

    question_actions.override_check(question=fresh(question), by=senior, reason="The match was by chance.")

    assert (before, during, rights(senior, question)) == ([False] * 3, [True] * 3, [False] * 3)
    assert fresh(question).status == Status.ELIGIBLE
    change = fresh(question).changes.get(action="override_check")
    assert (change.by, change.reason) == (senior, "The match was by chance.")


def test_senior_without_being_asked_cannot_override(
    contributor: Any, senior: Any, second_senior: Any, organiser: Any
) -> None:
    question = factories.make_too_easy(by=contributor)
    asked(question, second_senior, organiser)

    with pytest.raises(PermissionDenied):
        question_actions.override_check(question=fresh(question), by=senior, reason="I think so.")

    assert fresh(question).status == Status.TOO_EASY


def test_author_never_overrides_the_check(organiser: Any, second_organiser: Any) -> None:
    account_actions.grant_role(user=organiser, role="senior_reviewer", by=None, reason="Also judges.")
    question = factories.make_too_easy(by=User.objects.get(pk=organiser.pk))
    author = User.objects.get(pk=organiser.pk)

    with pytest.raises(Refused, match="may not look"):
        asked(question, author, second_organiser)
    Triage.objects.create(
        question=question,
        senior=author,
        since=question.status_changed_at,
        reason="By hand.",
        assigned_by=second_organiser,
    )
    with pytest.raises(PermissionDenied):
        question_actions.override_check(question=fresh(question), by=author, reason="It is mine.")


@pytest.mark.parametrize("who", ["conflicted", "reviewer", "asker"])
def test_only_an_impartial_senior_can_be_asked(contributor: Any, reviewer: Any, organiser: Any, who: str) -> None:
    question = factories.make_too_easy(by=contributor)
    people = {
        "conflicted": factories.make_user("near", "senior_reviewer"),
        "reviewer": reviewer,
        "asker": organiser,
    }
    if who == "conflicted":
        account_actions.declare_conflict(user=people[who], by=people[who], question_id=question.pk, reason="Friends.")

    with pytest.raises(Refused, match="may not look"):
        asked(question, people[who], organiser)

    assert not Triage.objects.exists()


def test_who_was_asked_to_look_takes_no_blind_place_later(contributor: Any, senior: Any, organiser: Any) -> None:
    question = factories.make_eligible(by=contributor)
    asked(question, senior, organiser)

    question_actions.submit_for_review(
        question=fresh(question), by=contributor, licence_version=question.call.data_licence.version
    )
    pipeline.sweep()

    assert not assignment.pool(senior).exists()
    assert not senior.has_perm("review.take_round", open_round(question))


def test_a_question_in_review_is_not_triaged(in_review: Question, senior: Any, organiser: Any) -> None:
    with pytest.raises(Refused, match="neither a draft nor in review"):
        asked(in_review, senior, organiser)
