"""What people type comes back as they typed it, by API and by form, or is refused with a sentence.

The rules: line ends become LF in everything of a question; a question, its options and what stands beside it keep the space
around them; one-line fields and all that is said about questions are kept without it.
"""

import html
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.throttling import UserRateThrottle

from hle_site.accounts.models import Conflict
from questions.models import Question
from review.models import Review
from tests import factories
from tests.api.conftest import token_client
from tests.review.conftest import take

pytestmark = pytest.mark.django_db

LIST = "/api/v1/questions/"
EDGES = (
    " ",
    "\t",
    "\n",
    "\n\nafter",
    " around ",
    "a\r\nb\rc",
    "\ufeffmark",
    "null",
    "0",
    "[]",
    "\\",
    "</textarea><b>",
    "x" * 120,
)
INSIDE = (
    *("a\u00a0b", "a\u2028b\u0085c", "\u200b", "\x7f", "e\u0301 \u212b \u2126 \ufb01", "ＡＢＣ", "İıſß", "שלום \u202eabc\u202c"),
    *("\U000e0041", "👩‍👩‍👧‍👦 🏳️‍🌈", "\U0010ffff", "\ue000", "None", "1e400", "NaN", "٣²", "{}", '""', "\\u0000", "%00", "&lt;&amp;lt;"),
    *("<b>&amp;</b>", "'; DROP TABLE users; --", "{{ 1 }}{% x %}", "%s%n", "${x}", "=1+1", "+1", "-1", "@x", "é" * 100, "Ω̸̡̢" * 20),
)  # fmt: skip


def packed(texts: Iterable[str], longest: int = 119) -> Iterator[str]:
    """Yield the texts beside each other, as many as a short field takes."""
    pack = ""
    for text in texts:
        if pack and len(pack) + len(text) + 1 > longest:
            yield pack
            pack = ""
        pack = f"{pack}|{text}" if pack else text
    yield pack


STRINGS = [*EDGES, *packed(INSIDE)]
REFUSED = ["with \x00 nul", "\x00"]


def sample_strings() -> list[str]:
    """Return the naughty strings of the sample data."""
    path = Path(os.environ.get("HLE_SAMPLE_DATA", "/nonexistent")) / "hostile" / "naughty_strings.json"
    return json.loads(path.read_bytes()) if path.is_file() else []


def plain(text: str) -> str:
    """The text with line ends as a question keeps them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def everywhere(text: str) -> dict[str, Any]:
    """A question with a text in every field, each as long as the field takes."""
    long = ("prompt", "answer", "image_alt", "rationale", "sources", "ai_use_note", "conflict_note")
    return dict.fromkeys(long, text) | {"options": [f"{n}{text}" for n in range(5)], "raw_subject": text[:120]}


def kept(sent: dict[str, Any]) -> dict[str, Any]:
    """What of it is kept."""
    found = {name: [*map(plain, text)] if isinstance(text, list) else plain(text) for name, text in sent.items()}
    return found | {"raw_subject": found["raw_subject"].strip()}


def typed(page: Any) -> dict[str, Any]:
    """What the fields of a page hold, as a browser reads them."""
    text = page.content.decode()
    areas = re.findall(r'<textarea name="(\w+)"[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
    found: dict[str, Any] = {name: html.unescape(value) for name, value in areas if name != "options"}
    if options := [html.unescape(value) for name, value in areas if name == "options"]:
        found["options"] = options
    subject = re.search(r'<input type="text" name="raw_subject"(?: value="([^"]*)")?', text)
    return found | ({"raw_subject": html.unescape(subject[1] or "")} if subject else {})


def differences(found: dict[str, Any], expected: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields that are not as they should be."""
    return {name: (found[name], value) for name, value in expected.items() if name in found and found[name] != value}


def through_api(client: Any, texts: Iterable[str], pages: Client) -> list[Any]:
    """Send each text in all fields at once, and return what does not come back from API and editor."""
    wrong: list[Any] = []
    for text in texts:
        sent = everywhere(text) | {"answer_type": "multipleChoice"}
        answer = client.post(LIST, sent, format="json")
        if answer.status_code != 201:
            wrong.append((text, answer.status_code))
            continue
        pk, expected = answer.json()["id"], kept(sent)
        read = client.get(f"{LIST}{pk}/").json()["revision"]
        editor, support = (pages.get(reverse(f"questions:{name}", args=[pk])) for name in ("edit", "support"))
        wrong += [(text, name) for name in expected if name not in read]
        wrong += [(text, differences(part, expected)) for part in (read, typed(editor), typed(support))]
    return [row for row in wrong if row[1]]


def through_forms(client: Any, texts: Iterable[str], pages: Client, question: Question) -> list[Any]:
    """Type each text into the editor, and return what the API does not give back."""
    wrong: list[Any] = []
    editor, support = (reverse(f"questions:{name}", args=[question.pk]) for name in ("edit", "support"))
    for text in texts:
        sent = everywhere(text) | {"answer_type": "multipleChoice", "correct": "B", "language": "en"}
        first, second = (
            pages.post(address, sent | {"version": question.revisions.get().version}) for address in (editor, support)
        )
        read = client.get(f"{LIST}{question.pk}/").json()["revision"]
        expected = kept(everywhere(text)) | {"answer": "B"}
        wrong += [(text, first.status_code, second.status_code)] * ({first.status_code, second.status_code} != {302})
        wrong += [(text, differences(read, expected))] * bool(differences(read, expected))
    return wrong


def test_a_text_comes_back_by_api_and_editor(contributor: Any, client_of: Callable[[Any], Client]) -> None:
    assert through_api(token_client(contributor, "draft"), STRINGS, client_of(contributor)) == []


def test_a_text_typed_into_the_editor_comes_back_by_api(contributor: Any, client_of: Callable[[Any], Client]) -> None:
    question = factories.make_draft(by=contributor)

    assert through_forms(token_client(contributor, "draft"), STRINGS, client_of(contributor), question) == []


# --- what is said about questions and people ---


def said(world: dict[str, Any]) -> dict[str, tuple[Client, str, dict[str, Any], Callable[[], Any], int]]:
    """Each place where something is said: who says it, where, with what else, where it is kept, how long it may be.

    Names of people have a rule of their own, told in `accounts.forms.readable_name`.
    """
    pages, mine, person = world["pages"], world["mine"], world["person"]
    token = {"scopes": ["review"], "days": "7"}
    work = reverse("review:autosave", args=[mine.pk])

    def kept_in(rows: Any, name: str) -> Callable[[], Any]:
        return lambda: getattr(rows.all().last(), name)

    review = Review.objects.filter(assignment=mine)
    return {
        "name of a token": (
            pages,
            reverse("accounts:tokens"),
            token,
            kept_in(person.tokens.order_by("created_at"), "name"),
            80,
        ),
        "reason": (
            pages,
            reverse("accounts:declare_conflict"),
            {"institution": "Far School"},
            kept_in(Conflict.objects.filter(user=person).order_by("pk"), "reason"),
            300,
        ),
        "feedback": (pages, work, {}, kept_in(review, "feedback"), 10_000),
        "private_note": (pages, work, {}, kept_in(review, "private_note"), 10_000),
    }


@pytest.fixture
def reviewing(contributor: Any, reviewer: Any, client_of: Callable[[Any], Client]) -> dict[str, Any]:
    """A reviewer with a place, signed in and with a token."""
    mine = take(factories.make_in_review(by=contributor), reviewer)
    pages = client_of(reviewer)
    pages.post(reverse("review:solve", args=[mine.pk]), {"answer": "192"})
    return {"pages": pages, "mine": mine, "person": reviewer, "api": token_client(reviewer, "review")}


def not_kept(world: dict[str, Any], texts: Iterable[str]) -> list[Any]:
    """Say each text at each place, and return where something else is kept or an error comes back."""
    wrong: list[Any] = []
    for name, (pages, url, beside, kept_there, longest) in said(world).items():
        for text in texts:
            sent = text[:longest].strip()
            answer = pages.post(url, beside | {name.split()[0]: text[:longest]})
            is_good = answer.status_code in {200, 302} and kept_there() == sent
            wrong += [(name, text, answer.status_code)] * (bool(sent) and not is_good)
    return wrong


def not_kept_by_api(world: dict[str, Any], texts: Iterable[str]) -> list[Any]:
    """Send each text as a review, and return what does not come back."""
    wrong: list[Any] = []
    for text in texts:
        url = f"/api/v1/review/assignments/{world['mine'].pk}/"
        answer = world["api"].put(f"{url}review/", {"feedback": text, "private_note": text}, format="json")
        read = world["api"].get(url).json()["review"]
        if answer.status_code != 200 or {read["feedback"], read["private_note"]} != {text.strip()}:
            wrong.append((text, answer.status_code, read))
    return wrong


def test_what_is_said_is_kept(reviewing: dict[str, Any]) -> None:
    assert not_kept(reviewing, STRINGS) == []
    assert not_kept_by_api(reviewing, STRINGS) == []


@pytest.mark.parametrize("text", REFUSED)
def test_characters_that_no_database_takes_are_refused_everywhere(reviewing: dict[str, Any], text: str) -> None:
    answers = [
        pages.post(url, beside | {name.split()[0]: text})
        for name, (pages, url, beside, *_rest) in said(reviewing).items()
    ]
    review = f"/api/v1/review/assignments/{reviewing['mine'].pk}/review/"

    assert {answer.status_code for answer in answers[:2]} == {400}
    assert {answer.status_code for answer in answers[2:]} == {200}  # a draft keeps the fields that are well-formed
    assert reviewing["api"].put(review, {"feedback": text}, format="json").status_code == 400
    assert Review.objects.get().feedback == ""


@pytest.mark.long
@pytest.mark.skipif(not sample_strings(), reason="HLE_SAMPLE_DATA names no folder with hostile/naughty_strings.json")
def test_every_naughty_string_comes_back(
    contributor: Any, client_of: Callable[[Any], Client], reviewing: dict[str, Any], monkeypatch: Any
) -> None:
    monkeypatch.setattr(UserRateThrottle, "allow_request", lambda *_values: True)
    client, pages, texts = token_client(contributor, "draft"), client_of(contributor), sample_strings()
    question = factories.make_draft(by=contributor)

    assert through_api(client, texts, pages) == []
    assert through_forms(client, texts, pages, question) == []
    assert not_kept(reviewing, texts) == []
    assert not_kept_by_api(reviewing, texts) == []
