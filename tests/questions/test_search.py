"""The search: what it finds, for whom, what it never tells, and what it answers to hostile input."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from questions import actions, paging, search
from questions.models import Question
from tests import factories
from tests.review.conftest import take

pytestmark = pytest.mark.django_db
SignIn = Callable[[Any], Client]
CHOICES = ["A tundra hare", "An arctic fox", "A grey seal", "A snow owl", "A musk ox"]


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """The second factor of staff has its own tests."""
    settings.REQUIRE_STAFF_FACTOR = False


def found(text: str, user: Any) -> list[str]:
    """The prompts that the user finds, newest question first."""
    rows = search.rows(search.found(text, user), text)
    return ["".join(row.title) for row in rows]


def ask(client: Client, **parameters: str) -> Any:
    return client.get(reverse("search"), parameters)


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("divisors", True),
        ("DIVISORS", True),
        ("divis", True),
        ("divisors written", True),
        ('"smallest positive"', True),
        ('"positive smallest"', False),
        ("divisors OR walrus", True),
        ("divisors -written", False),
        ("exactly $14$", True),
        (r"\frac{1}", False),
        ("number theory", True),
        ("walrus", False),
        ("192", False),  # the key
        ("p^13", False),  # the rationale
        ("elementary", False),  # the sources
        ("None.", False),  # the note on AI tools
    ],
)
def test_words_that_find_a_question(contributor: Any, text: str, is_found: bool) -> None:
    factories.make_draft(by=contributor)

    assert bool(found(text, contributor)) is is_found


def test_latex_is_found_by_a_piece(contributor: Any) -> None:
    factories.make_draft(by=contributor, prompt=r"Evaluate $\int_0^1 \frac{\ln(1+x)}{1+x^2}\,dx$ to four digits.")

    assert len(found(r"\frac{\ln(1+x)}", contributor)) == 1
    assert found(r"\frac{\ln(1-x)}", contributor) == []


@pytest.mark.parametrize(
    ("text", "answer_type", "count"), [("arctic", "multipleChoice", 1), ("arctic", "exactMatch", 0)]
)
def test_options_count_where_they_are_shown(contributor: Any, text: str, answer_type: str, count: int) -> None:
    factories.make_draft(by=contributor, answer_type=answer_type, options=CHOICES, answer="B")

    assert len(found(text, contributor)) == count


def test_handle_finds_its_question(contributor: Any, organiser: Any) -> None:
    question, other = (factories.make_draft(by=contributor) for _n in range(2))

    assert list(search.found(question.handle, contributor)) == [question]
    assert list(search.found(question.handle.lower().replace("-", ""), organiser)) == [question]
    assert other.handle != question.handle


def test_question_is_found_by_its_owner_alone(contributor: Any, reviewer: Any, senior: Any) -> None:
    question = factories.make_in_review(by=contributor)
    others = [factories.make_user("other"), reviewer, senior, factories.make_user("root", "administrator")]

    assert len(found("divisors", contributor)) == 1
    assert [found(text, user) for user in others for text in ("divisors", question.handle)] == [[]] * 8


def test_blind_reviewer_finds_the_text_and_not_the_key(contributor: Any, reviewer: Any) -> None:
    question = factories.make_in_review(by=contributor, answer="canary key")
    take(question, reviewer)

    assert len(found("divisors", reviewer)) == 1
    assert [found(text, reviewer) for text in ("canary", "canary key", "2^6 * 3", "p^13")] == [[]] * 4


def test_a_conflict_hides_the_question(contributor: Any) -> None:
    question = factories.make_in_review(by=contributor)
    close = factories.make_user("close", "organiser", institution="North University")

    assert [found(text, close) for text in ("divisors", question.handle)] == [[], []]


def test_text_that_was_not_handed_in_is_found_by_its_handle_alone(contributor: Any, organiser: Any) -> None:
    question = factories.make_eligible(by=contributor)

    assert found("divisors", organiser) == []
    assert found(question.handle, organiser) == [""]


def test_others_search_what_was_handed_in_and_not_what_is_being_revised(contributor: Any, organiser: Any) -> None:
    question = factories.make_in_review(by=contributor)
    Question.objects.filter(pk=question.pk).update(status="changes_requested")
    actions.revise(question=Question.objects.get(pk=question.pk), by=contributor)
    draft = Question.objects.get(pk=question.pk)
    changed = factories.CONTENT | {"prompt": "How many walruses fit on a floe of ten square metres?"}
    actions.save(question=draft, by=contributor, version=draft.newest.version, content=changed)

    assert [len(found(text, organiser)) for text in ("divisors", "walruses")] == [1, 0]
    assert [len(found(text, contributor)) for text in ("divisors", "walruses")] == [0, 1]


def test_page_shows_where_the_words_stand(client_of: SignIn, contributor: Any) -> None:
    prompt = "Count the trees. " * 20 + "Then name the rare <b>dendrochronologist</b> of Bergen & Oslo."
    question = factories.make_draft(by=contributor, prompt=prompt)

    page = ask(client_of(contributor), q="Dendrochronologist").content.decode()

    assert "&lt;b&gt;<mark>dendrochronologist</mark>&lt;/b&gt; of Bergen &amp; Oslo." in page
    assert reverse("questions:detail", args=[question.pk]) in page
    assert "1 question<" in page


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 200),
        ("   ", 200),
        ("a\x00b", 400),
        ("x" * 201, 400),
        ("x" * 10_000, 400),
        ("%", 200),
        ("_", 200),
        ("\\", 200),
        ("%_\\", 200),
        ("a & | ! <-> :* (", 200),
        ("'; DROP TABLE questions_question; --", 200),
        ('"unclosed', 200),
        ("-" * 200, 200),
        ("\ud7ff\ufdd0\U0010ffff", 200),
        ("<script>alert(1)</script>", 200),
    ],
)
def test_hostile_text_gets_an_answer(client_of: SignIn, contributor: Any, text: str, status: int) -> None:
    factories.make_draft(by=contributor)

    answer = ask(client_of(contributor), q=text)

    assert answer.status_code == status
    assert "<script>alert(1)" not in answer.content.decode()


def test_no_text_is_too_odd_for_the_database(contributor: Any) -> None:
    factories.make_draft(by=contributor)
    odd = random.Random(7)
    texts = ["".join(odd.choices("- \"or!&|<>():*'", k=200)) for _number in range(50)]

    counts = {len(search.found(text, contributor)) for text in texts}

    assert counts <= {0, 1}


@pytest.mark.parametrize("text", ["%", "_", "\\", "%_\\"])
def test_signs_of_patterns_stand_for_themselves(contributor: Any, text: str) -> None:
    factories.make_draft(by=contributor)
    marked = factories.make_draft(by=contributor, prompt=f"What does {text}{text} stand for in the notation above?")

    assert list(search.found(text, contributor)) == [marked]


@pytest.mark.parametrize("mark", ["x", "2026-01-01_", "2026-13-45T00:00:00+00:00_00"])
def test_a_broken_mark_shows_the_first_page(client_of: SignIn, contributor: Any, mark: str) -> None:
    factories.make_draft(by=contributor)

    assert "1 question<" in ask(client_of(contributor), q="divisors", before=mark).content.decode()


def test_pages_of_thirty(client_of: SignIn, contributor: Any) -> None:
    for number in range(31):
        question = factories.make_draft(by=contributor, prompt=f"Which prime follows the number {number} squared?")
        Question.objects.filter(pk=question.pk).update(created_at=question.created_at + timedelta(minutes=number))
    client = client_of(contributor)

    first = ask(client, q="prime")
    rest = ask(client, q="prime", before=first.context["page"].older)

    assert [len(page.context["rows"]) for page in (first, rest)] == [30, 1]
    assert "31 questions<" in rest.content.decode()


def test_count_ends_where_people_stop_reading(contributor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _number in range(3):
        factories.make_draft(by=contributor)
    monkeypatch.setattr(search, "COUNTED", 2)

    every = search.found("divisors", contributor)

    assert [search.count(every, paging.page(every, {}, size=size)) for size in (1, 30)] == [2, 3]


def test_queries_of_the_page(client_of: SignIn, contributor: Any, organiser: Any, senior: Any) -> None:
    counts = []
    for number in range(3):
        factories.make_in_review(by=contributor, prompt=f"How many divisors has ${number + 50}!$, exactly?")
        for user in (contributor, organiser, senior):
            client = client_of(user)
            ask(client, q="divisors")
            with CaptureQueriesContext(connection) as captured:
                ask(client, q="divisors")
            counts.append(len(captured))

    assert counts[3:6] == counts[6:]
    assert max(counts) <= 12


def test_menu_of_a_phone_leads_to_the_search(client_of: SignIn, contributor: Any) -> None:
    pages = [client.get(reverse("home")).content.decode() for client in (client_of(contributor), Client())]

    assert [f'<a href="{reverse("search")}">Search</a>' in page for page in pages] == [True, False]


def test_search_asks_for_a_login() -> None:
    assert ask(Client(), q="divisors").status_code == 302
