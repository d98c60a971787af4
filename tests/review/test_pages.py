"""Pages of review: what each person meets at each step, and that nothing typed is lost."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from grading import checks
from hle_site import pipeline
from hle_site.accounts import actions as account_actions
from hle_site.accounts.models import Conflict
from questions import actions as question_actions
from questions.enums import Status
from questions.models import Question
from review import actions, assignment
from review.models import Appeal, Assignment, BlindSolve, Comment, Decision, Review, Round
from tests import factories
from tests.review.conftest import COMPLETE, FEEDBACK, open_round, review, take

pytestmark = pytest.mark.django_db
SignIn = Callable[[Any], Client]

PROMPT = "smallest positive integer"
RATIONALE = "An integer with 14 divisors"
CHECKS = dict.fromkeys(("is_precise", "is_single_answer", "is_not_searchable", "is_not_artificial", "is_safe"), "yes")
TYPED = CHECKS | {"score": "4", "depth": "solved", "feedback": FEEDBACK, "private_note": "Between us."}


def fresh(question: Question) -> Question:
    return Question.objects.get(pk=question.pk)


def at(name: str, thing: Any) -> str:
    return reverse(f"review:{name}", args=[getattr(thing, "pk", thing)])


def test_dashboard_offers_the_next_question_without_its_text_or_author(
    client_of: SignIn, in_review: Question, reviewer: Any, contributor: Any
) -> None:
    page = client_of(reviewer).get(reverse("review:dashboard")).content.decode()

    assert "Review next: Number theory" in page
    assert "0 of 2 reviews" in page
    for secret in (
        PROMPT,
        contributor.name,
        contributor.email,
        in_review.handle,
        str(in_review.pk),
        "North University",
    ):
        assert secret not in page


def test_dashboard_says_what_to_do_when_nothing_waits(client_of: SignIn, reviewer: Any) -> None:
    page = client_of(reviewer).get(reverse("review:dashboard")).content.decode()

    assert "The pool is empty for you" in page


def test_dashboard_is_for_reviewers(client_of: SignIn, contributor: Any, organiser: Any) -> None:
    codes = [client_of(user).get(reverse("review:dashboard")).status_code for user in (contributor, organiser)]
    codes.append(Client().get(reverse("review:dashboard")).status_code)

    assert codes == [403, 403, 302]


@pytest.mark.parametrize(
    "tab", ["continue", "invitations", "returned", "pool", "adjudicate", "discussion", "done", "nonsense"]
)
def test_each_list_renders_for_a_senior_reviewer(client_of: SignIn, awaiting: Question, senior: Any, tab: str) -> None:
    assert client_of(senior).get(reverse("review:dashboard"), {"tab": tab}).status_code == 200


def test_dashboard_needs_the_same_queries_for_one_row_and_three(
    client_of: SignIn, contributor: Any, reviewer: Any, django_assert_num_queries: Any
) -> None:
    client = client_of(reviewer)
    counts = []
    for number in range(3):
        factories.make_in_review(by=contributor, prompt=f"How many divisors has ${number + 50}!$, counted with care?")
        if number in {0, 2}:
            with django_assert_num_queries(10_000, exact=False) as captured:
                client.get(reverse("review:dashboard"))
            counts.append(len(captured))

    assert counts[0] == counts[1]


def test_taking_leads_to_the_question_without_key_or_models(client_of: SignIn, contributor: Any, reviewer: Any) -> None:
    question = factories.make_in_review(by=contributor, answer="cnry-key")
    client = client_of(reviewer)

    answer = client.post(at("take", open_round(question)), follow=True)

    page = answer.content.decode()
    assert PROMPT in page
    assert "Solve it first" in page
    for secret in (RATIONALE, "cnry-key", "simulated-small", "elementary number theory"):
        assert secret not in page


def test_pictures_open_with_the_text_and_those_of_the_derivation_with_the_key(
    client_of: SignIn, contributor: Any, reviewer: Any
) -> None:
    pictures = []
    for colour in ("navy", "maroon"):
        data = BytesIO()
        Image.new("RGB", (40, 30), colour).save(data, "PNG")
        pictures.append(question_actions.store_picture(data=data.getvalue(), by=contributor))
    question = factories.make_in_review(
        by=contributor, image=pictures[0], image_alt="A plain square", rationale_image=pictures[1]
    )
    mine = take(question, reviewer)
    client = client_of(reviewer)
    asked = client.get(at("work", mine)).content.decode()
    actions.record_solve(assignment=mine, by=reviewer, answer="192")

    revealed = client.get(at("work", mine)).content.decode()

    assert [str(picture.pk) in asked for picture in pictures] == [True, False]
    assert [str(picture.pk) in revealed for picture in pictures] == [True, True]


def test_a_place_outside_the_own_pool_leads_back(client_of: SignIn, in_review: Question) -> None:
    colleague = factories.make_user("colleague", "reviewer", institution="North University")
    answers = [
        client_of(colleague).post(at("take", thing), follow=True).content
        for thing in (open_round(in_review), in_review.pk)
    ]

    assert not Assignment.objects.exists()
    assert b"not free any more" in answers[0]
    assert b"not free any more" in answers[1]


def test_own_answer_reveals_key_derivation_and_models(client_of: SignIn, in_review: Question, reviewer: Any) -> None:
    mine = take(in_review, reviewer)

    page = (
        client_of(reviewer).post(at("solve", mine), {"answer": "7", "confidence": "80"}, follow=True).content.decode()
    )

    assert BlindSolve.objects.get(assignment=mine).answer == "7"
    for shown in (
        RATIONALE,
        "192",
        "simulated-small",
        "Differs from the key",
        "0 of 6 models reached the key",
        "simulated",
    ):
        assert shown in page


def test_revisions_are_linked_once_the_own_answer_is_in(client_of: SignIn, in_review: Question, reviewer: Any) -> None:
    mine, client = take(in_review, reviewer), client_of(reviewer)
    link = reverse("questions:history", args=[in_review.pk])

    before = client.get(at("work", mine)).content.decode()
    client.post(at("solve", mine), {"answer": "192", "confidence": "80"})
    after = client.get(at("work", mine)).content.decode()

    assert (link in before, link in after) == (False, True)
    assert client.get(link).status_code == 200


def test_doubt_about_the_key_is_shown_after_the_own_answer_and_not_before(
    client_of: SignIn, contributor: Any, reviewer: Any
) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="191")
    question = Question.objects.get(pk=question.pk)
    checks.confirm_key(question=question, by=contributor, reason="WHY-CANARY: worked out by hand.")
    question_actions.submit_for_review(
        question=question, by=contributor, licence_version=question.call.data_licence.version
    )
    pipeline.sweep()
    mine = take(question, reviewer)
    client = client_of(reviewer)

    before = client.get(at("work", mine)).content.decode()
    after = client.post(at("solve", mine), {"answer": "7", "confidence": "80"}, follow=True).content.decode()

    assert [text in before for text in ("Models agree", "191", "WHY-CANARY")] == [False] * 3
    assert [text in after for text in ("Models agree", "191", "WHY-CANARY")] == [True] * 3


def test_doubt_about_the_key_reaches_nobody_who_may_not_know_the_key(
    client_of: SignIn, contributor: Any, reviewer: Any, second_reviewer: Any, senior: Any, organiser: Any, settings: Any
) -> None:
    settings.REQUIRE_STAFF_FACTOR = False
    question = doubted(contributor)
    people = {
        "contributor": contributor,
        "answered": reviewer,
        "before the own answer": second_reviewer,
        "without a place": senior,
        "organiser": organiser,
        "auditor": factories.make_user("auditor", "auditor"),
        "organiser in conflict": factories.make_user("close", "organiser", institution="North University"),
        "administrator": factories.make_user("admin", "administrator"),
        "other contributor": factories.make_user("other"),
    }
    places = {"answered": take(question, reviewer), "before the own answer": take(question, second_reviewer)}
    actions.record_solve(assignment=places["answered"], by=reviewer, answer="7")

    def told() -> set[str]:
        return {
            name
            for name, person in people.items()
            if any("Models agree" in page for page in pages_on(question, client_of(person), places.get(name)))
        }

    assert told() == {"contributor", "answered", "organiser", "auditor"}
    question_actions.desk_reject(question=question, by=organiser, reason="Out of scope.", reason_code="scope")
    assert told() == {"contributor", "organiser", "auditor"}


def doubted(contributor: Any) -> Question:
    """A question in review against whose key all models agree."""
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="191")
    question = Question.objects.get(pk=question.pk)
    checks.confirm_key(question=question, by=contributor, reason="Worked out by hand, twice.")
    question_actions.submit_for_review(
        question=question, by=contributor, licence_version=question.call.data_licence.version
    )
    pipeline.sweep()
    return Question.objects.get(pk=question.pk)


def pages_on(question: Question, client: Client, place: Assignment | None) -> list[str]:
    """What a person gets at every address that tells of a question's test."""
    of_question = ("questions:detail", "questions:history", "grading:check", "review:question", "api-questions-check")
    of_place = ("review:work", "api-assignments-detail") if place else ()
    addresses = [reverse(name, args=[question.pk]) for name in of_question]
    addresses += [reverse(name, args=[place.pk]) for name in of_place]
    return [client.get(address).content.decode() for address in addresses]


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"answer": "", "reason": ""}, "Write your own answer"),
        ({"is_unsolved": "on", "answer": "perhaps 7"}, "perhaps 7"),
    ],
)
def test_incomplete_answer_is_asked_for_again_with_what_was_typed(
    client_of: SignIn, in_review: Question, reviewer: Any, typed: dict[str, str], kept: str
) -> None:
    mine = take(in_review, reviewer)

    answer = client_of(reviewer).post(at("solve", mine), typed)

    assert (answer.status_code, kept in answer.content.decode()) == (400, True)
    assert RATIONALE not in answer.content.decode()


@pytest.fixture
def solved(in_review: Question, reviewer: Any) -> Assignment:
    mine = take(in_review, reviewer)
    actions.record_solve(assignment=mine, by=reviewer, answer="192")
    return mine


def test_complete_review_is_handed_in(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    answer = client_of(reviewer).post(at("submit", solved), TYPED | {"version": "0", "do": "next"}, follow=True)

    stored = Review.objects.get(assignment=solved)
    assert (stored.score, stored.depth, stored.is_safe, stored.private_note) == (4, "solved", True, "Between us.")
    assert stored.submitted_at is not None
    assert "Your review is in" in answer.content.decode()


def test_incomplete_review_is_saved_and_every_gap_named(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    typed = TYPED | {"score": "", "is_safe": "", "feedback": "Short, but mine", "version": "0"}

    answer = client_of(reviewer).post(at("submit", solved), typed)

    page = answer.content.decode()
    stored = Review.objects.get(assignment=solved)
    assert answer.status_code == 400
    assert (stored.feedback, stored.submitted_at) == ("Short, but mine", None)
    for shown in ("3 things need a change", "Choose a score.", "Short, but mine", 'name="version" value="1"'):
        assert shown in page


def test_saving_asks_for_nothing(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    client = client_of(reviewer)
    client.post(at("submit", solved), {"feedback": "Half a thought", "version": "0", "do": "save"})

    assert "Half a thought" in client.get(at("work", solved)).content.decode()


def test_autosave_answers_with_the_next_version_and_refuses_an_old_one(
    client_of: SignIn, solved: Assignment, reviewer: Any
) -> None:
    client = client_of(reviewer)
    first = client.post(at("autosave", solved), {"feedback": "One", "version": "0"})
    second = client.post(at("autosave", solved), {"feedback": "Two", "version": first.json()["version"]})
    late = client.post(at("autosave", solved), {"feedback": "Late", "version": first.json()["version"]})

    assert (first.status_code, second.status_code, late.status_code) == (200, 200, 409)
    assert Review.objects.get(assignment=solved).feedback == "Two"


def test_conflict_of_windows_keeps_what_was_typed(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    client = client_of(reviewer)
    client.post(at("autosave", solved), {"feedback": "In the other window", "version": "0"})

    answer = client.post(at("submit", solved), TYPED | {"feedback": "Long words from this window.", "version": "0"})

    assert answer.status_code == 409
    assert "Long words from this window." in answer.content.decode()
    assert Review.objects.get(assignment=solved).feedback == "In the other window"


def test_own_review_opens_the_others(
    client_of: SignIn, in_review: Question, reviewer: Any, second_reviewer: Any
) -> None:
    review(in_review, reviewer, feedback="The remark of the first reviewer.")
    mine = take(in_review, second_reviewer)
    actions.record_solve(assignment=mine, by=second_reviewer, answer="192")
    client = client_of(second_reviewer)
    before = client.get(at("work", mine)).content.decode()

    client.post(at("submit", mine), TYPED | {"version": "0"})

    after = client.get(at("work", mine)).content.decode()
    assert ("The remark of the first" in before, "The remark of the first" in after) == (False, True)
    assert reviewer.name not in after.replace("Reviewers", "").replace("Reviewer ", "")


def test_pages_of_another_do_not_exist(
    client_of: SignIn, solved: Assignment, second_reviewer: Any, organiser: Any
) -> None:
    for user in (second_reviewer, organiser):
        client = client_of(user)
        gets = [client.get(at(name, solved)).status_code for name in ("work", "decline", "hand_back", "conflict")]
        posts = [
            client.post(at(name, solved)).status_code
            for name in ("solve", "autosave", "submit", "accept", "adjudicate")
        ]

        assert (gets, posts) == ([404] * 4, [404] * 5)


def test_declared_conflict_closes_the_page_at_once(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    client = client_of(reviewer)

    client.post(at("conflict", solved), {"reason": "We share an office."})

    page = client.get(at("work", solved)).content.decode()
    assert Conflict.objects.get(user=reviewer).question_id == solved.round.question_id
    assert PROMPT not in page
    assert "This assignment is closed" in page


def test_handing_back_asks_first_and_works_without_script(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    client = client_of(reviewer)
    assert client.get(at("hand_back", solved)).status_code == 200

    client.post(at("hand_back", solved), {"reason": "Not my field"})

    assert Assignment.objects.get(pk=solved.pk).status == "handed_back"


def test_invitation_shows_no_text_until_accepted(
    client_of: SignIn, in_review: Question, reviewer: Any, organiser: Any
) -> None:
    client_of(organiser).post(at("invite", open_round(in_review)), {"reviewer": str(reviewer.pk)})
    mine = Assignment.objects.get(reviewer=reviewer)
    client = client_of(reviewer)
    before = client.get(at("work", mine)).content.decode()

    client.post(at("accept", mine))

    after = client.get(at("work", mine)).content.decode()
    assert (PROMPT in before, in_review.handle in before, PROMPT in after) == (False, False, True)


def test_senior_reviewer_sees_round_one_and_recommends(client_of: SignIn, in_second: Question, senior: Any) -> None:
    mine = take(in_second, senior)
    client = client_of(senior)
    page = client.get(at("work", mine)).content.decode()

    client.post(at("submit", mine), TYPED | {"score": "6", "version": "0"})

    assert page.count(FEEDBACK) == 2
    assert "Top question in its category" in page
    assert fresh(in_second).status == Status.AWAITING_DECISION


def test_disagreement_is_settled_on_its_page(
    client_of: SignIn, in_review: Question, reviewer: Any, second_reviewer: Any, senior: Any
) -> None:
    review(in_review, reviewer, score=5)
    review(in_review, second_reviewer, score=0)
    mine = take(in_review, senior)
    client = client_of(senior)
    assert "Your decision on the disagreement" in client.get(at("work", mine)).content.decode()

    refused = client.post(
        at("adjudicate", mine), {"outcome": "changes", "reason": "Both have a point.", "feedback": ""}
    )
    assert (refused.status_code, "Both have a point." in refused.content.decode()) == (400, True)
    client.post(at("adjudicate", mine), {"outcome": "next_round", "reason": "The doubt is settled.", "feedback": ""})

    assert open_round(in_review).kind == "second"


def test_desk_lists_what_waits_with_its_recommendation(client_of: SignIn, awaiting: Question, organiser: Any) -> None:
    page = client_of(organiser).get(reverse("review:desk")).content.decode()

    assert awaiting.handle in page
    assert "Recommended: Approve" in page
    assert PROMPT not in page


def test_desk_hides_questions_in_conflict(client_of: SignIn, awaiting: Question) -> None:
    colleague = factories.make_user("colleague", "organiser", institution="North University")
    client = client_of(colleague)

    assert awaiting.handle not in client.get(reverse("review:desk")).content.decode()
    assert client.get(at("question", awaiting)).status_code == 404


@pytest.mark.parametrize(
    ("role", "desk", "page"),
    [("organiser", 200, 200), ("auditor", 200, 200), ("administrator", 403, 404), ("reviewer", 403, 404)],
)
def test_desk_and_question_by_role(client_of: SignIn, awaiting: Question, role: str, desk: int, page: int) -> None:
    client = client_of(factories.make_user(role, role))

    assert (client.get(reverse("review:desk")).status_code, client.get(at("question", awaiting)).status_code) == (
        desk,
        page,
    )


def test_owner_reads_no_organisers_page(client_of: SignIn, awaiting: Question, contributor: Any) -> None:
    assert client_of(contributor).get(at("question", awaiting)).status_code == 403


def test_auditor_reads_and_changes_nothing(client_of: SignIn, awaiting: Question) -> None:
    client = client_of(factories.make_user("auditor", "auditor"))
    page = client.get(at("question", awaiting)).content.decode()

    answer = client.post(at("decide", awaiting), {"outcome": "approve", "reason": "No."})

    assert FEEDBACK in page
    assert "<form" not in page.split("<main")[1].split("</main>")[0]
    assert (answer.status_code, Decision.objects.count()) == (403, 0)


def test_decision_needs_a_reason_and_keeps_what_was_typed(
    client_of: SignIn, awaiting: Question, organiser: Any
) -> None:
    client = client_of(organiser)
    page = client.get(at("question", awaiting)).content.decode()
    missing = client.post(
        at("decide", awaiting), {"outcome": "reject", "reason": "A long explanation.", "reason_code": ""}
    )

    assert "Nothing stands against approval" in page
    assert (missing.status_code, "A long explanation." in missing.content.decode()) == (400, True)
    client.post(at("decide", awaiting), {"outcome": "approve", "reason": "As recommended."})
    assert fresh(awaiting).status == Status.APPROVED


def test_recommender_is_told_that_somebody_else_decides(client_of: SignIn, in_second: Question, senior: Any) -> None:
    account_actions.grant_role(user=senior, role="organiser", by=None, reason="test")
    review(in_second, senior, score=5)
    client = client_of(senior)

    page = client.get(at("question", in_second)).content.decode()

    assert "Somebody else decides here" in page
    assert client.post(at("decide", in_second), {"outcome": "approve", "reason": "Mine."}).status_code == 403


def test_contributor_replies_and_appeals(
    client_of: SignIn, awaiting: Question, contributor: Any, organiser: Any, second_organiser: Any
) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="reject", reason="Searchable.", reason_code="too_easy")
    client = client_of(contributor)
    round_ = Round.objects.get(question=awaiting, number=2)

    client.post(at("reply", round_), {"text": "Please see the second derivation."})
    short = client.post(at("appeal", awaiting), {"text": "Unfair."})
    client.post(at("appeal", awaiting), {"text": "The search result treats another case entirely."})

    assert Comment.objects.get().audience == "contributor"
    assert (short.status_code, "Unfair." in short.content.decode()) == (400, True)
    answer = client_of(second_organiser).post(
        at("answer_appeal", awaiting), {"is_upheld": "yes", "answer": "You are right."}
    )
    pipeline.sweep()
    assert (answer.status_code, Appeal.objects.get().status, fresh(awaiting).status) == (
        302,
        "upheld",
        Status.IN_REVIEW,
    )


@pytest.mark.parametrize(
    "place", ["https://example.com/", "//example.com/", "👩🏽", "review:desk", "\r\n", "a" * 9_000]
)
def test_reply_leads_back_only_within_the_site(
    client_of: SignIn, awaiting: Question, contributor: Any, organiser: Any, place: str
) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="reject", reason="Searchable.", reason_code="too_easy")
    round_ = Round.objects.get(question=awaiting, number=2)

    answer = client_of(contributor).post(at("reply", round_), {"text": "Hello.", "next": place})

    assert answer.url == reverse("questions:detail", args=[awaiting.pk])


def test_organiser_desk_rejects_with_a_reason(client_of: SignIn, in_review: Question, organiser: Any) -> None:
    address = reverse("review:act", args=[in_review.pk, "desk_reject"])
    client = client_of(organiser)
    assert client.get(address).status_code == 200
    assert client.post(address, {"reason": "", "reason_code": "spam"}).status_code == 400

    client.post(address, {"reason": "Spam.", "reason_code": "spam"})

    assert fresh(in_review).status == Status.REJECTED


def test_organiser_asks_for_changes_once_the_reviewers_are_done(
    client_of: SignIn, in_second: Question, senior: Any, organiser: Any
) -> None:
    address = reverse("review:act", args=[in_second.pk, "request_changes"])
    client = client_of(organiser)

    refused = client.post(address, {"reason": "Define the symbols."})
    before = fresh(in_second).status
    review(in_second, senior, score=5)
    client.post(address, {"reason": "Define the symbols."})

    assert (refused.status_code, before) == (403, Status.IN_REVIEW)
    assert fresh(in_second).status == Status.CHANGES_REQUESTED


def test_duplicate_names_an_original_that_the_reader_may_see(
    client_of: SignIn, in_review: Question, organiser: Any, contributor: Any
) -> None:
    original = factories.make_in_review(
        by=contributor, prompt="Which integer is the least with $14$ divisors, as above?"
    )
    address = reverse("review:act", args=[in_review.pk, "mark_duplicate"])
    client = client_of(organiser)

    refused = client.post(address, {"original": "Q-000000", "reason": "The same."})
    client.post(address, {"original": original.handle, "reason": "The same."})

    assert (refused.status_code, fresh(in_review).status, fresh(in_review).original) == (
        400,
        Status.DUPLICATE,
        original,
    )


def test_reviewer_may_not_act_as_an_editor(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    question = solved.round.question

    assert (
        client_of(reviewer).post(reverse("review:act", args=[question.pk, "desk_reject"]), {"reason": "x"}).status_code
        == 403
    )
    assert client_of(reviewer).get(reverse("review:act", args=[question.pk, "approve"])).status_code == 404


def test_retraction_by_two_on_their_pages(
    client_of: SignIn, awaiting: Question, organiser: Any, second_organiser: Any
) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")
    address = reverse("review:act", args=[awaiting.pk, "retract"])

    client_of(organiser).post(address, {"reason": "A reader found an error.", "public_reason": "The answer was wrong."})
    client_of(organiser).post(at("confirm_retraction", awaiting))
    assert fresh(awaiting).status == Status.APPROVED
    assert "Proposed retraction" in client_of(second_organiser).get(at("question", awaiting)).content.decode()
    client_of(second_organiser).post(at("confirm_retraction", awaiting))

    assert fresh(awaiting).status == Status.RETRACTED


def test_undecided_answer_is_compared_on_its_page(
    client_of: SignIn, in_review: Question, reviewer: Any, second_reviewer: Any, organiser: Any
) -> None:
    review(in_review, reviewer, solve="two to the sixth times three")
    solve = BlindSolve.objects.get()
    client = client_of(organiser)
    assert "Compare by hand" in client.get(at("question", in_review)).content.decode()
    assert client_of(second_reviewer).get(at("match", solve)).status_code == 404

    form = client.get(at("match", solve)).context["form"]
    client.post(at("match", solve), {"is_match": "yes", "reason": "2^6 * 3 is 192."})

    assert [(field.name, field.value()) for field in form] == [("is_match", None), ("reason", None)]
    assert BlindSolve.objects.get().matches_key is True


def test_returned_question_shows_what_changed(
    client_of: SignIn, in_review: Question, contributor: Any, reviewer: Any, second_reviewer: Any
) -> None:
    from tests.review.test_rounds import resubmit  # shared step

    review(in_review, reviewer, score=2)
    review(in_review, second_reviewer, score=2)
    pipeline.sweep()
    resubmit(in_review, contributor, prompt="What is the least positive integer with exactly $14$ divisors?")
    mine = Assignment.objects.get(reviewer=reviewer, round=open_round(in_review))
    client = client_of(reviewer)
    assert "Returned to me" in client.get(reverse("review:dashboard")).content.decode()
    assert "Would you review it again?" in client.get(at("work", mine)).content.decode()

    assignment.accept(assignment=mine, by=reviewer)

    page = client.get(at("work", mine)).content.decode()
    assert "What changed since your review" in page
    assert FEEDBACK not in page


def test_get_changes_nothing(client_of: SignIn, solved: Assignment, reviewer: Any) -> None:
    client = client_of(reviewer)
    codes = [
        client.get(at(name, solved)).status_code for name in ("solve", "submit", "autosave", "accept", "adjudicate")
    ]

    assert codes == [405] * 5


def test_closed_question_leaves_handle_score_and_outcome(
    client_of: SignIn, awaiting: Question, reviewer: Any, organiser: Any
) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")

    page = client_of(reviewer).get(reverse("review:dashboard"), {"tab": "done"}).content.decode()

    assert "your score 4 · Approved" in page


def test_nothing_of_a_review_goes_into_mails(awaiting: Question, organiser: Any) -> None:
    from hle_site.notifications.models import Mail, Notice  # only here

    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="cnry-reason")
    pipeline.sweep()
    texts = "".join(f"{row.subject} {row.body}" for row in [*Mail.objects.all(), *Notice.objects.all()])

    for secret in (PROMPT, RATIONALE, FEEDBACK, "cnry-reason", COMPLETE["feedback"]):
        assert secret not in texts


def test_contributor_reads_feedback_with_the_decision_on_one_page(
    client_of: SignIn, awaiting: Question, contributor: Any, organiser: Any, reviewer: Any
) -> None:
    client = client_of(contributor)
    before = client.get(at("feedback", awaiting)).content.decode()
    actions.decide(question=awaiting, by=organiser, outcome="reject", reason="Found in a book.", reason_code="too_easy")

    after = client.get(at("feedback", awaiting)).content.decode()

    assert ("No feedback yet" in before, FEEDBACK in before) == (True, False)
    for shown in ("Found in a book.", FEEDBACK, "Appeal against the decision", "Reply to the reviewers"):
        assert shown in after
    assert organiser.name not in after
    assert client_of(reviewer).get(at("feedback", awaiting)).status_code == 403


def test_question_page_shows_feedback_to_its_owner_alone(
    client_of: SignIn, awaiting: Question, contributor: Any, organiser: Any
) -> None:
    actions.decide(question=awaiting, by=organiser, outcome="approve", reason="As recommended.")
    address = reverse("questions:detail", args=[awaiting.pk])

    shown = {user: FEEDBACK in client_of(user).get(address).content.decode() for user in (contributor, organiser)}

    assert shown == {contributor: True, organiser: False}


def test_senior_reviewer_is_offered_the_editors_steps(client_of: SignIn, in_second: Question, senior: Any) -> None:
    mine = take(in_second, senior)
    client = client_of(senior)

    page = client.get(at("work", mine)).content.decode()
    answer = client.post(
        reverse("review:act", args=[in_second.pk, "desk_reject"]), {"reason": "Copied.", "reason_code": "spam"}
    )
    pipeline.sweep()

    assert "Decline without review" in page
    assert (answer.url, fresh(in_second).status) == (reverse("review:dashboard"), Status.REJECTED)


def test_organiser_asks_a_senior_who_lets_the_question_pass(
    client: Client, contributor: Any, senior: Any, organiser: Any
) -> None:
    question = factories.make_too_easy(by=contributor)
    client.force_login(organiser)
    offered = client.get(reverse("review:question", args=[question.pk])).content.decode()
    client.post(
        reverse("review:ask_senior", args=[question.pk]), {"senior": senior.pk, "reason": "Chance, says the author."}
    )
    client.force_login(senior)
    first = client.get("/").context["actions"][0]
    board = client.get(reverse("review:dashboard")).content.decode()
    page = client.get(reverse("questions:detail", args=[question.pk])).content.decode()
    step = reverse("review:act", args=[question.pk, "override_check"])
    done = client.post(step, {"reason": "Two models guessed the number."})

    assert "Ask a senior reviewer" in offered
    assert (first.title, first.count) == ("You were asked to look", 1)
    assert "Chance, says the author." in board
    assert f'<a href="{reverse("questions:detail", args=[question.pk])}">Number theory</a>' in board
    assert "Models solved it" in board
    assert step in page
    assert "Chance, says the author." in page
    assert contributor.name not in page
    assert done.status_code == 302
    question.refresh_from_db()
    assert question.status == "eligible"
    assert client.get(reverse("questions:detail", args=[question.pk])).status_code == 404
