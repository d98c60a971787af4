"""Every act that the code writes down has words, and its code stays beside them for who follows the log."""

import re

import pytest

from hle_site.audit import words
from hle_site.embedded.places import CHECKOUT
from questions.enums import Action
from tests.factories import make_draft, make_user

WRITTEN = re.compile(
    r'(?:record\(|Act\(|_move\(|READ =|DONE =)[^"]{0,80}?"([a-z_]+\.[a-z_]+)"(?: if \w+ else "([a-z_]+\.[a-z_]+)")?'
)


def written() -> set[str]:
    """Return the codes that stand in the source, and those made of a transition's name."""
    sources = [
        path for app in ("hle_site", "questions", "review", "grading") for path in (CHECKOUT / app).rglob("*.py")
    ]
    pairs = [pair for path in sources for pair in WRITTEN.findall(path.read_text())]
    return {code for pair in pairs for code in pair if code} | {f"question.{action}" for action in Action.values}


def test_every_act_has_words_and_every_word_its_act():
    worded = {f"{area}.{act}" for area, (_name, acts) in words.ACTS.items() for act in acts}

    assert written() == worded


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.of_act("assignment.hand_back"), "Handed a question back"),
        (words.of_act("nothing.known"), "nothing.known"),
        (words.of_object("grading.difficultycheck"), "Difficulty check"),
        (words.of_object("gone.thing"), "gone.thing"),
        (words.of_state("awaiting_decision"), "awaiting decision"),
        (words.of_state("data_licence 1"), "data licence 1"),
        (words.of_state("paper_2025-v1"), "paper_2025-v1"),
    ],
)
def test_words(shown, expected):
    assert shown == expected


@pytest.mark.django_db
def test_log_shows_words_with_the_code_and_own_activity_without(contributor, client_of, settings):
    settings.REQUIRE_STAFF_FACTOR = False
    make_draft(by=contributor)
    auditor = make_user("auditor", "auditor", institution="Chamber")

    log = client_of(auditor).get("/people/audit/", {"action": "question.create"}).content.decode()
    own = client_of(contributor).get("/people/me/activity/").content.decode()

    assert 'Wrote a draft<br><code class="small muted">question.create</code>' in log
    assert '<option value="question.create" selected>Wrote a draft</option>' in log
    assert ("Wrote a draft" in own, "question.create" in own) == (True, False)
