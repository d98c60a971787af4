"""Pages of questions: what each person meets, that nothing typed is lost, that hostile input is told so."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image

from grading.models import DifficultyCheck
from hle_site import pipeline
from hle_site.accounts.enums import DocumentKind
from hle_site.accounts.models import Acceptance
from hle_site.audit.models import AuditEvent
from questions import actions, workflow
from questions.enums import Action, Status
from questions.models import Attachment, Question
from review import actions as review_actions
from tests import factories
from tests.review.conftest import open_round, review, take

pytestmark = pytest.mark.django_db
SignIn = Callable[[Any], Client]

PROMPT = "smallest positive integer"
PAGES = ("detail", "history", "edit", "support", "check", "submit", "cancel", "keep", "revise", "withdraw", "findings")
POSTS = ("autosave", "autosave_support", "edit", "support", "check", "submit", "cancel", "keep", "revise", "withdraw")
TYPED = {
    "answer_type": "exactMatch",
    "prompt": "How many **trees** with $7$ labelled vertices are there?",
    "options": [],
    "answer": "16807",
    "category": "Math",
    "raw_subject": "Combinatorics",
    "language": "en",
}


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """The second factor of staff has its own tests."""
    settings.REQUIRE_STAFF_FACTOR = False


@pytest.fixture
def draft(contributor: Any) -> Question:
    """A draft of the contributor."""
    return factories.make_draft(by=contributor)


@pytest.fixture
def secret_draft(contributor: Any) -> Question:
    """A draft whose key cannot stand in a page by accident."""
    return factories.make_draft(by=contributor, answer="canary-key")


def at(name: str, question: Question | None = None) -> str:
    return reverse(f"questions:{name}", args=[question.pk] if question else [])


def fresh(question: Question) -> Question:
    return Question.objects.get(pk=question.pk)


def rename(user: Any, name: str) -> Any:
    """Give a person a name that no page holds by itself."""
    user.name = name
    user.save(update_fields=["name"])
    return user


def text(response: Any) -> str:
    return response.content.decode()


def opened(client: Client, address: str) -> int:
    """Open a file, close it again, and return the status."""
    response = client.get(address)
    response.close()
    return response.status_code


def picture(colour: str = "red", kind: str = "PNG") -> SimpleUploadedFile:
    """Return a small real picture as a browser sends it."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(out, format=kind)
    return SimpleUploadedFile("drawing.png", out.getvalue(), content_type="image/png")


# --- who may open what ---


@pytest.mark.parametrize("name", PAGES)
def test_page_of_another_contributor_does_not_exist(client_of: SignIn, draft: Question, name: str) -> None:
    stranger = client_of(factories.make_user("stranger"))

    assert stranger.get(at(name, draft)).status_code == 404


@pytest.mark.parametrize("name", POSTS)
def test_nothing_can_be_sent_to_a_question_of_another(client_of: SignIn, draft: Question, name: str) -> None:
    stranger = client_of(factories.make_user("stranger"))
    before = Question.objects.filter(pk=draft.pk).values().get()

    answer = stranger.post(at(name, draft), TYPED | {"version": "1", "accept": "on"})

    assert answer.status_code == 404
    assert Question.objects.filter(pk=draft.pk).values().get() == before
    assert fresh(draft).newest.answer == "192"


@pytest.mark.parametrize("name", [*PAGES, "list", "new"])
def test_page_asks_anonymous_readers_to_log_in(client: Client, draft: Question, name: str) -> None:
    answer = client.get(at(name, None if name in {"list", "new"} else draft))

    assert answer.status_code == 302
    assert answer.url.startswith(reverse("account_login"))


@pytest.mark.parametrize("name", ["edit", "support", "check", "submit", "cancel", "revise", "withdraw"])
def test_organiser_reads_a_draft_but_changes_nothing(
    client_of: SignIn, secret_draft: Question, organiser: Any, name: str
) -> None:
    client = client_of(organiser)

    page = client.get(at("detail", secret_draft))

    assert page.status_code == 200
    assert PROMPT in text(page)
    assert "canary-key" not in text(page)  # the key of a draft is nobody's but the contributor's
    assert client.post(at(name, secret_draft), {"version": "1", "accept": "on"}).status_code == 403
    assert fresh(secret_draft).status == Status.DRAFT


def test_reading_by_an_organiser_is_logged_and_shown_to_the_contributor(
    client_of: SignIn, draft: Question, organiser: Any, contributor: Any
) -> None:
    rename(organiser, "Quentin Vogel")
    client_of(organiser).get(at("detail", draft))

    assert list(AuditEvent.objects.filter(action="question.read").values_list("actor_id", "object_id")) == [
        (organiser.pk, str(draft.pk))
    ]
    page = text(client_of(contributor).get(at("history", draft)))
    assert "Read by organisers" in page
    assert organiser.name not in page


def test_reviewer_sees_question_without_key_until_the_own_answer(
    client_of: SignIn, contributor: Any, reviewer: Any
) -> None:
    rename(contributor, "Quentin Vogel")
    question = factories.make_in_review(by=contributor, answer="canary-key")
    client = client_of(reviewer)

    assert client.get(at("detail", question)).status_code == 404
    mine = take(question, reviewer)
    page = text(client.get(at("detail", question)))
    assert PROMPT in page
    assert "canary-key" not in page
    assert "14 divisors is" not in page
    assert contributor.name not in page
    assert client.get(at("history", question)).status_code == 403
    review_actions.record_solve(assignment=mine, by=reviewer, answer="192")
    page = text(client.get(at("detail", question)))
    assert "14 divisors is" in page
    assert contributor.name not in page


def test_reviewer_never_reads_a_revision_that_was_not_submitted(
    client_of: SignIn, contributor: Any, reviewer: Any
) -> None:
    question = factories.make_in_review(by=contributor)
    mine = take(question, reviewer)
    review_actions.record_solve(assignment=mine, by=reviewer, answer="192")
    workflow.advance(question, Action.REQUEST_CHANGES, by=None)
    actions.revise(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"prompt": "A text that is not handed in yet."})
    actions.withdraw(question=question, by=contributor)

    page = text(client_of(reviewer).get(at("detail", question)))

    assert PROMPT in page
    assert "not handed in yet" not in page


# --- the first page ---


def test_first_page_says_to_strangers_what_this_is(client: Client) -> None:
    page = text(client.get("/"))

    assert "Write the question that no model can answer" in page
    for address in (reverse("account_signup"), reverse("account_login"), reverse("releases:index")):
        assert f'href="{address}"' in page


def test_first_page_says_to_people_what_is_next(client_of: SignIn, contributor: Any) -> None:
    page = text(client_of(contributor).get("/"))

    assert "What is next" in page
    assert at("new") in page


# --- the list ---


def test_list_shows_own_questions_with_who_acts_next(client_of: SignIn, contributor: Any, draft: Question) -> None:
    easy = factories.make_too_easy(by=contributor, prompt="Which **number** comes after forty-one, in words?")
    factories.make_draft(by=factories.make_user("other"), prompt="Another person's text")

    page = text(client_of(contributor).get(at("list")))

    assert draft.handle in page
    assert "Which number comes after forty-one" in page
    assert f'href="{at("detail", easy)}"' in page
    assert "Another person" not in page


def test_list_is_narrowed_by_an_address(client_of: SignIn, contributor: Any, draft: Question) -> None:
    easy = factories.make_too_easy(by=contributor)
    client = client_of(contributor)

    narrowed = text(client.get(at("list"), {"status": "too_easy"}))

    assert easy.handle in narrowed
    assert draft.handle not in narrowed
    assert "No question stands there" in text(client.get(at("list"), {"status": "approved"}))
    assert draft.handle in text(client.get(at("list"), {"status": "nonsense"}))


def test_list_says_what_to_do_when_empty(client_of: SignIn, contributor: Any) -> None:
    page = text(client_of(contributor).get(at("list")))

    assert "You have no questions yet" in page
    assert at("new") in page


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_the_database_equally_often(client_of: SignIn, contributor: Any, count: int) -> None:
    for _number in range(count):
        factories.make_draft(by=contributor)
    client = client_of(contributor)
    client.get(at("list"))

    with CaptureQueriesContext(connection) as asked:
        client.get(at("list"))

    about_questions = [query["sql"] for query in asked if "questions_" in query["sql"]]
    assert len(about_questions) == 2


def test_list_pages_by_key_in_both_directions(client_of: SignIn, contributor: Any) -> None:
    made = [factories.make_draft(by=contributor) for _number in range(32)]
    client = client_of(contributor)

    first = client.get(at("list"))
    assert [row.handle for row in first.context["rows"]] == [question.handle for question in reversed(made[2:])]
    second = client.get(at("list"), {"before": first.context["page"].older})
    assert [row.handle for row in second.context["rows"]] == [made[1].handle, made[0].handle]
    assert second.context["page"].older == ""
    back = client.get(at("list"), {"after": second.context["page"].newer})
    assert f"before={first.context['page'].older}".replace(":", "%3A").replace("+", "%2B") in text(first)
    assert [row.handle for row in back.context["rows"]] == [row.handle for row in first.context["rows"]]
    assert back.context["page"].newer == ""


@pytest.mark.parametrize("mark", ["x", "2026-01-01_x", "2026-01-01T00:00:00_" + "0" * 32, "\x00", "9" * 300])
def test_list_takes_a_broken_mark_for_the_first_page(
    client_of: SignIn, contributor: Any, draft: Question, mark: str
) -> None:
    answer = client_of(contributor).get(at("list"), {"before": mark})

    assert answer.status_code == 200
    assert draft.handle in text(answer)


# --- writing ---


def test_new_question_becomes_a_draft(client_of: SignIn, contributor: Any) -> None:
    client = client_of(contributor)
    token = client.get(at("new")).context["form"]["token"].value()

    answer = client.post(at("new"), TYPED | {"token": token, "do": "draft"})

    question = Question.objects.get()
    assert answer.url == at("edit", question) + "?new=1"
    assert question.contributor == contributor
    assert question.status == Status.DRAFT
    newest = question.newest
    assert (newest.prompt, newest.answer, newest.options, newest.category, newest.raw_subject, newest.language) == (
        TYPED["prompt"],
        "16807",
        [],
        "Math",
        "Combinatorics",
        "en",
    )
    assert 'name="draft-saved" content="question-new"' in text(client.get(answer.url))


def test_new_question_sent_twice_is_one_question(client_of: SignIn, contributor: Any) -> None:
    client = client_of(contributor)
    token = client.get(at("new")).context["form"]["token"].value()

    first = client.post(at("new"), TYPED | {"token": token, "do": "draft"})
    second = client.post(at("new"), TYPED | {"token": token, "do": "draft"})

    question = Question.objects.get()
    assert first.url == at("edit", question) + "?new=1"
    assert second.url == at("edit", question) + "?saved=1"
    assert question.newest.version == 1


def test_token_of_a_new_question_cannot_be_forged(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client_of(contributor).post(at("new"), TYPED | {"token": str(draft.pk), "do": "draft"})

    assert Question.objects.count() == 2
    assert fresh(draft).newest.answer == "192"


def test_save_and_test_leads_to_the_check_page(client_of: SignIn, contributor: Any, draft: Question) -> None:
    answer = client_of(contributor).post(at("edit", draft), TYPED | {"version": "1", "do": "test"})

    assert answer.url == at("check", draft) + "?saved=1"
    assert draft.newest.answer == "16807"


def test_line_ends_of_browsers_do_not_change_a_text(client_of: SignIn, contributor: Any) -> None:
    draft = factories.make_draft(by=contributor, prompt="One line.\n\nAnother line, and what is asked of it?\n")
    before = draft.newest.tested_hash
    page = client_of(contributor).get(at("edit", draft)).context["form"]
    sent = {name: page[name].value() for name in ("answer_type", "answer", "category", "raw_subject", "language")}

    client_of(contributor).post(
        at("edit", draft), sent | {"prompt": draft.newest.prompt.replace("\n", "\r\n"), "version": "1", "do": "draft"}
    )

    assert draft.newest.tested_hash == before


def test_choices_keep_the_marked_one_when_empty_rows_go(client_of: SignIn, contributor: Any, draft: Question) -> None:
    rows = ["red", "", "green", "blue", "", "grey", "black"]

    client_of(contributor).post(
        at("edit", draft),
        TYPED | {"answer_type": "multipleChoice", "options": rows, "correct": "D", "answer": "", "version": "1"},
    )

    newest = draft.newest
    assert newest.options == ["red", "green", "blue", "grey", "black"]
    assert newest.answer == "C"


def test_key_of_choices_may_be_typed_as_a_letter(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client_of(contributor).post(
        at("edit", draft),
        TYPED | {"answer_type": "multipleChoice", "options": list("vwxyz"), "answer": " b ", "version": "1"},
    )

    assert draft.newest.answer == "B"


def test_draft_with_too_few_choices_is_saved_and_told_so(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client = client_of(contributor)

    answer = client.post(
        at("edit", draft),
        TYPED | {"answer_type": "multipleChoice", "options": ["one", "two"], "correct": "A", "version": "1"},
        follow=True,
    )

    assert draft.newest.options == ["one", "two"]
    assert "There are 2 options; at least 5 are needed" in text(answer)
    assert 'href="#id_options"' in text(answer)
    assert "at least 5 are needed" in text(client.get(at("findings", draft)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prompt": "x" * 30_001}, "at most 30000 characters"),
        ({"prompt": "what\x00ever"}, "Null characters are not allowed"),
        ({"answer": "x" * 2_001}, "at most 2000 characters"),
        ({"answer_type": "essay"}, "not one of the available choices"),
        ({"answer_type": "multipleChoice", "options": ["x" * 4_001]}, "One option has 4001 characters"),
        ({"answer_type": "multipleChoice", "options": ["\x00"]}, "Null characters are not allowed"),
        ({"answer_type": "multipleChoice", "options": ["o"] * 27}, "There are 27 options; 26 is the limit"),
        ({"category": "Astrology"}, "not one of the available choices"),
        ({"language": "tlh"}, "not one of the available choices"),
        ({"raw_subject": "s" * 121}, "at most 120 characters"),
        ({"version": "first"}, "whole number"),
    ],
)
def test_bad_input_is_told_and_typed_text_kept(
    client_of: SignIn, contributor: Any, draft: Question, change: dict[str, Any], sentence: str
) -> None:
    answer = client_of(contributor).post(at("edit", draft), {"version": "1"} | TYPED | {"image_alt": "kept"} | change)

    assert answer.status_code == 400
    assert sentence in text(answer)
    assert ">\nkept</textarea>" in text(answer)
    assert draft.newest.version == 1


@pytest.mark.parametrize("name", ["prompt", "answer", "raw_subject", "category", "options", "token", "kept_picture"])
@pytest.mark.parametrize("body", ["%ED%A0%80", "%FF%FE", "%00", "%F3%A0%81%81", "%E2%80%AE"])
def test_hostile_bytes_never_break_the_editor(
    client_of: SignIn, contributor: Any, draft: Question, name: str, body: str
) -> None:
    client = client_of(contributor)
    sent = f"answer_type=multipleChoice&version=1&{name}={body}"

    answer = client.post(at("edit", draft), sent, content_type="application/x-www-form-urlencoded")

    assert answer.status_code in {302, 400}
    assert client.get(at("edit", draft)).status_code == 200
    assert client.get(at("list")).status_code == 200


def test_two_windows_meet_without_loss(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client = client_of(contributor)
    client.post(at("edit", draft), TYPED | {"version": "1", "prompt": "Saved first, in another window."})

    answer = client.post(at("edit", draft), TYPED | {"version": "1", "prompt": "Typed here, a little later."})

    assert answer.status_code == 409
    page = text(answer)
    assert "saved in another window" in page
    assert "Typed here, a little later.</textarea>" in page
    for word in ("Saved", "first", "another"):
        assert word in page.split("<del>", 1)[1]
    assert draft.newest.prompt == "Saved first, in another window."
    again = client.post(
        at("edit", draft),
        TYPED | {"version": answer.context["form"]["version"].value(), "prompt": "Typed here, a little later."},
    )
    assert again.status_code == 302
    assert draft.newest.prompt == "Typed here, a little later."


def test_window_opened_before_a_revision_meets_its_conflict(client_of: SignIn, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    actions.revise(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"prompt": "The text of the second revision, saved."})

    answer = client_of(contributor).post(at("edit", question), TYPED | {"version": "1"})

    assert answer.status_code == 409
    assert question.newest.prompt == "The text of the second revision, saved."


def test_autosave_answers_with_the_next_version(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client = client_of(contributor)

    first = client.post(at("autosave", draft), TYPED | {"version": "1"})
    again = client.post(at("autosave", draft), TYPED | {"version": "2"})
    stale = client.post(at("autosave", draft), TYPED | {"version": "1", "prompt": "Older"})
    bad = client.post(at("autosave", draft), TYPED | {"version": "2", "prompt": "x" * 30_001})

    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert first.json()["saved_at"] == draft.newest.saved_at.isoformat()
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert (stale.status_code, stale.json()["version"]) == (409, 2)
    assert bad.status_code == 400
    assert draft.newest.prompt == TYPED["prompt"]


def test_autosave_leaves_the_picture_alone(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client = client_of(contributor)
    client.post(at("edit", draft), TYPED | {"version": "1", "upload": picture()})

    client.post(at("autosave", draft), TYPED | {"version": "2", "answer": "1", "remove_picture": "on"})

    assert draft.newest.answer == "1"
    assert draft.newest.image is not None


@pytest.mark.parametrize("make", [factories.make_checking, factories.make_eligible, factories.make_in_review])
def test_text_typed_into_a_closed_draft_is_kept_in_the_form(
    client_of: SignIn, contributor: Any, make: Callable[..., Question]
) -> None:
    question = make(by=contributor)
    client = client_of(contributor)

    answer = client.post(at("edit", question), TYPED | {"version": "1"})

    assert answer.status_code == 409
    assert "labelled vertices are there?</textarea>" in text(answer)
    assert client.post(at("autosave", question), TYPED | {"version": "1"}).status_code == 409
    assert question.newest.answer == "192"
    assert client.get(at("edit", question)).url == at("detail", question)


def test_preview_is_the_renderer_of_the_site(client_of: SignIn, contributor: Any) -> None:
    client = client_of(contributor)

    shown = client.post(at("preview"), {"text": "*Hello* $x^2$ <script>alert(1)</script>"})

    assert shown.status_code == 200
    assert "<em>Hello</em>" in text(shown)
    assert 'data-tex="x^2"' in text(shown)
    assert "<script" not in text(shown)
    assert client.post(at("preview"), {"text": "x" * 60_001}).status_code == 400
    assert client.get(at("preview")).status_code == 405


# --- pictures ---


def test_picture_is_stored_anew_and_shown(client_of: SignIn, contributor: Any, draft: Question) -> None:
    client = client_of(contributor)

    client.post(at("edit", draft), TYPED | {"version": "1", "upload": picture(), "image_alt": "A red field."})

    image = draft.newest.image
    shown = client.get(reverse("questions:picture", args=[image.pk]))
    assert shown.status_code == 200
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    assert shown["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown["Cache-Control"] == "private, max-age=3600"
    assert shown["Content-Disposition"].startswith("inline;")
    assert Image.open(io.BytesIO(b"".join(shown.streaming_content))).size == (40, 30)
    client.post(at("edit", draft), TYPED | {"version": "2", "remove_picture": "on"})
    assert draft.newest.image is None


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "This file is empty"),
        (b"<svg onload=alert(1)>", "not a PNG, JPEG or WebP picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "damaged or incomplete"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * (5 * 1024 * 1024), "the limit is 5 MB"),
    ],
)
def test_hostile_picture_is_refused_with_a_sentence_and_text_kept(
    client_of: SignIn, contributor: Any, data: bytes, sentence: str
) -> None:
    upload = SimpleUploadedFile("../../evil.php", data, content_type="image/png")

    answer = client_of(contributor).post(at("new"), TYPED | {"upload": upload, "do": "draft"})

    assert answer.status_code == 400
    assert sentence in text(answer)
    assert "labelled vertices are there?</textarea>" in text(answer)
    assert not Question.objects.exists()
    assert not Attachment.objects.exists()


def test_good_picture_survives_the_mistake_of_another_field(
    client_of: SignIn, contributor: Any, draft: Question
) -> None:
    client = client_of(contributor)

    refused = client.post(at("edit", draft), TYPED | {"version": "1", "raw_subject": "s" * 121, "upload": picture()})
    kept = refused.context["form"]["kept_picture"].value()
    client.post(at("edit", draft), TYPED | {"version": "1", "kept_picture": kept})

    assert refused.status_code == 400
    assert str(draft.newest.image_id) == kept


def test_picture_of_another_cannot_be_adopted_or_read(client_of: SignIn, contributor: Any, draft: Question) -> None:
    stranger = factories.make_user("stranger")
    theirs = actions.store_picture(data=picture("blue").read(), by=stranger)
    client = client_of(contributor)

    client.post(at("edit", draft), TYPED | {"version": "1", "kept_picture": str(theirs.pk)})

    assert draft.newest.image is None
    assert client.get(reverse("questions:picture", args=[theirs.pk])).status_code == 404
    assert opened(client_of(stranger), reverse("questions:picture", args=[theirs.pk])) == 200


def test_picture_of_the_rationale_is_read_with_the_key_only(client_of: SignIn, contributor: Any, reviewer: Any) -> None:
    question = factories.make_eligible(by=contributor)
    image = actions.store_picture(data=picture().read(), by=contributor)
    actions.save(question=question, by=contributor, content={"rationale_image": image})
    actions.submit_for_review(question=question, by=contributor, licence_version="1")
    pipeline.sweep()
    mine = take(question, reviewer)
    address = reverse("questions:picture", args=[image.pk])

    assert client_of(reviewer).get(address).status_code == 404
    review_actions.record_solve(assignment=mine, by=reviewer, answer="192")
    assert opened(client_of(reviewer), address) == 200


# --- from status to status ---


def test_check_page_says_what_stands_against_a_test(client_of: SignIn, contributor: Any) -> None:
    draft = factories.make_draft(
        by=contributor, answer="", prompt="Prove that there are infinitely many primes, please."
    )
    client = client_of(contributor)

    page = text(client.get(at("check", draft)))
    answer = client.post(at("check", draft), {"version": "1", "accept": "on"})

    assert "The answer is empty" in page
    assert "open-ended task" in page
    assert "Contributor terms, version 1" in page
    assert answer.status_code == 400
    assert "The answer is empty" in text(answer)
    assert fresh(draft).status == Status.DRAFT


def test_check_starts_once_however_often_it_is_clicked(
    client_of: SignIn, contributor: Any, draft: Question, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(contributor)

    unticked = client.post(at("check", draft), {"version": "1"})
    answers = [client.post(at("check", draft), {"version": "1", "accept": "on"}) for _click in range(2)]
    pipeline.sweep()

    assert unticked.status_code == 400
    assert "tick the box" in text(unticked)
    assert [answer.url for answer in answers] == [at("detail", draft)] * 2
    question = fresh(draft)
    assert (question.status, question.terms_version) == (Status.CHECKING, "1")
    assert DifficultyCheck.objects.filter(question=draft).count() == 1
    assert Acceptance.objects.filter(user=contributor, kind=DocumentKind.CONTRIBUTOR_TERMS, version="1").count() == 1


def test_check_needs_the_terms_in_force(client_of: SignIn, contributor: Any, draft: Question) -> None:
    answer = client_of(contributor).post(at("check", draft), {"version": "0", "accept": "on"})

    assert answer.status_code == 400
    assert "accept the current contributor terms (version 1)" in text(answer)
    assert fresh(draft).status == Status.DRAFT


def test_check_page_tells_the_used_up_allowance(
    client_of: SignIn, contributor: Any, draft: Question, settings: Any
) -> None:
    settings.CHECKS_PER_DAY = 0

    page = text(client_of(contributor).get(at("check", draft)))

    assert "You have used all 0 tests of today" in page


def test_whole_way_of_a_question_by_pages(client_of: SignIn, contributor: Any) -> None:
    client = client_of(contributor)
    client.post(at("new"), TYPED | {"do": "draft"})
    question = Question.objects.get()
    client.post(at("check", question), {"version": "1", "accept": "on"})
    pipeline.sweep()
    factories.settle_check(fresh(question), verdicts=("incorrect",) * 6)

    page = text(client.get(at("detail", question)))
    assert "Add rationale and submit" in page
    refused = client.post(at("submit", question), {"version": "1", "accept": "on"})
    assert refused.status_code == 400
    assert "The rationale is missing" in text(refused)
    support = {"rationale": "By the formula of Cayley there are 7^5 of them.", "ai_use_note": "None.", "do": "submit"}
    saved = client.post(at("support", question), support | {"version": question.newest.version})
    assert saved.url == at("submit", question) + "?saved=1"
    for _click in range(2):
        assert client.post(at("submit", question), {"version": "1", "accept": "on"}).url == at("detail", question)
    assert fresh(question).status == Status.IN_REVIEW
    assert question.changes.filter(action=Action.SUBMIT_FOR_REVIEW).count() == 1
    assert client.post(at("support", question), support | {"version": "2"}).status_code == 409


def test_changed_support_keeps_the_check_and_a_changed_key_does_not(client_of: SignIn, contributor: Any) -> None:
    question = factories.make_in_review(by=contributor)
    workflow.advance(question, Action.REQUEST_CHANGES, by=None)
    client = client_of(contributor)
    assert client.get(at("revise", question)).status_code == 200
    assert client.post(at("revise", question)).url == at("edit", question)
    assert client.post(at("revise", question)).url == at("edit", question)

    version = question.newest.version
    client.post(at("edit", question), TYPED | {"version": version})
    refused = client.post(at("keep", question))
    assert refused.status_code == 400
    assert "has not passed the test" in text(refused)
    unchanged = {name: factories.CONTENT[name] for name in TYPED} | {"version": version + 1, "image_alt": "new words"}
    client.post(at("edit", question), unchanged)
    assert at("keep", question) in text(client.get(at("edit", question)))
    assert client.post(at("keep", question)).url == at("detail", question)
    assert fresh(question).status == Status.IN_REVIEW


def test_cancel_and_withdraw_ask_first_and_may_be_clicked_twice(client_of: SignIn, contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    client = client_of(contributor)

    assert "Stop the test" in text(client.get(at("cancel", question)))
    assert fresh(question).status == Status.CHECKING
    for _click in range(2):
        assert client.post(at("cancel", question)).url == at("detail", question)
    assert fresh(question).status == Status.DRAFT
    for _click in range(2):
        assert client.post(at("withdraw", question), {"reason": "A slip."}).url == at("detail", question)
    change = question.changes.get(action=Action.WITHDRAW)
    assert (change.after, change.reason) == (Status.WITHDRAWN, "A slip.")
    late = client.post(at("revise", question))
    assert late.status_code == 409
    assert "is not possible while the question is" in text(late)


# --- the page of a question and its history ---


STATES = {
    "draft": (factories.make_draft, "Next: You", {"edit", "check", "support", "withdraw"}),
    "checking": (factories.make_checking, "Next: The platform", {"cancel", "withdraw"}),
    "too_easy": (factories.make_too_easy, "Next: You", {"revise", "withdraw"}),
    "eligible": (factories.make_eligible, "Next: You", {"support", "revise", "withdraw"}),
    "in_review": (factories.make_in_review, "Next: Reviewers", {"withdraw"}),
}


@pytest.mark.parametrize("status", STATES)
def test_page_says_who_acts_next_and_offers_what_is_possible(client_of: SignIn, contributor: Any, status: str) -> None:
    make, following, offered = STATES[status]
    question = make(by=contributor)

    answer = client_of(contributor).get(at("detail", question))

    assert following in text(answer)
    buttons = answer.context["buttons"]
    assert {button.url for button in buttons} == {at(name, question) for name in offered}
    assert sum(button.is_primary for button in buttons) == (status in {"draft", "too_easy", "eligible"})


def test_page_includes_the_model_test_without_script(client_of: SignIn, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)

    page = text(client_of(contributor).get(at("detail", question)))

    assert 'id="model-test"' in page
    assert "Its answer" in page


def test_feedback_appears_on_the_page_without_names(client_of: SignIn, contributor: Any, reviewer: Any) -> None:
    question = factories.make_in_review(by=contributor)
    rename(reviewer, "Quentin Vogel")
    review(question, reviewer, score=1)
    second = rename(factories.make_user("second", "reviewer", institution="East Academy"), "Yasmin Okafor")
    review(question, second, score=1)
    client = client_of(contributor)
    pipeline.sweep()

    question = fresh(question)
    page = text(client.get(at("detail", question)))

    assert question.status == Status.CHANGES_REQUESTED
    assert 'id="feedback"' in page
    assert '<a class="btn" href="#feedback">Read the feedback</a>' in page
    assert "leaves no doubt" in page
    assert "Between us" not in page
    for person in (reviewer, second):
        assert person.name not in page
    history = text(client.get(at("history", question)))
    assert "Changes requested" in history
    assert reviewer.name not in history


def test_history_compares_revisions(client_of: SignIn, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    actions.revise(question=question, by=contributor)
    actions.save(question=question, by=contributor, content={"answer": "193", "rationale": "A new way."})
    client = client_of(contributor)

    page = client.get(at("history", question))

    assert [(diff.title, diff.old, diff.new) for diff in page.context["diffs"]] == [
        ("Answer", "192", "193"),
        ("Rationale", factories.CONTENT["rationale"], "A new way."),
    ]
    turned = client.get(at("history", question), {"from": "2", "to": "1"})
    assert turned.context["diffs"][0].new == "192"
    assert client.get(at("history", question), {"from": "x", "to": "99"}).status_code == 200


def test_history_leads_back_to_every_part_of_the_page(client_of: SignIn, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)

    page = text(client_of(contributor).get(at("history", question)))

    assert f'<li><a href="{at("detail", question)}#model-test">Model test</a></li>' in page


@pytest.mark.parametrize(("person", "current"), [("contributor", ["My questions"]), ("organiser", [])])
def test_menu_counts_the_questions_of_others_not_among_ones_own(
    client_of: SignIn, contributor: Any, organiser: Any, person: str, current: list[str]
) -> None:
    question = factories.make_in_review(by=contributor)
    client = client_of({"contributor": contributor, "organiser": organiser}[person])

    menus = [client.get(at(name, question)).context["nav"].work for name in ("detail", "history")]

    assert [[entry.label for entry in menu if entry.current] for menu in menus] == [current, current]


def test_open_round_is_not_named_to_the_contributor(client_of: SignIn, contributor: Any, reviewer: Any) -> None:
    rename(reviewer, "Quentin Vogel")
    question = factories.make_in_review(by=contributor)
    review(question, reviewer, score=4)
    assert open_round(question)

    page = text(client_of(contributor).get(at("detail", question)))

    assert "leaves no doubt" not in page
    assert reviewer.name not in page
