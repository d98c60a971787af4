"""Twin worlds: two that differ in one hidden fact are the same, byte for byte, to everybody whose cell for it is empty."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Reverse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from grading.enums import CheckStatus
from grading.models import DifficultyCheck, Prediction
from hle_site.accounts import actions as account_actions
from questions.enums import Split
from questions.models import Question, Revision, StatusChange
from review.models import Assignment, Decision, Recommendation, Review, Round
from tests import factories
from tests.access.oracle import REGISTRY, may_read
from tests.access.test_lists import RESTLESS
from tests.access.walker import ECHO, address, call
from tests.access.world import Place, World

pytestmark = [pytest.mark.django_db, pytest.mark.long]
STRANGERS = ("AN", "CX", "RU", "RC", "OC", "AD", "RS")
# pages that know of no question at all
APART = ("account", "mfa", "panels:", "health", "ready", "schema", "money:")
# every sort, filter and page of a list, and words that only hidden texts hold
QUERIES = {
    "questions:list": ("?status=in_review", "?status=draft", "?page=2", "?before=x", "?ordering=answer"),
    "search": ("?q=tax", "?q=charters", "?q=cnry-question-key", "?q=contract&page=2", "?q=alloy"),
    "review:dashboard": ("?tab=pool", "?tab=continue", "?tab=done", "?tab=discussion", "?tab=adjudicate"),
    "review:desk": ("?page=2", "?status=approved"),
    "releases:index": ("?page=2",),
    "releases:errata": ("?show=all",),
    "duplicates:index": ("?state=open", "?state=confirmed", "?kind=lexical"),
    "accounts:people": ("?q=cnry", "?role=reviewer"),
    "accounts:audit": ("?action=review", "?action=question", "?before=400"),
    "notifications:inbox": ("?page=2", "?unread=1"),
    "api-questions-list": (
        "?status=in_review",
        "?ordering=answer",
        "?contributor=x",
        "?expand=revision",
        "?format=api",
    ),
    "api-assignments-list": ("?status=submitted", "?ordering=reviewer", "?fields=reviewer", "?limit=1"),
    "api-pool": ("?category=Math", "?ordering=reviews_in"),
    "api-releases-list": ("?ordering=title", "?limit=1"),
}
MAIN = (
    "questions:detail",
    "questions:history",
    "grading:check",
    "review:question",
    "review:feedback",
    "questions:picture",
)


class Fact(NamedTuple):
    """Something hidden: how the other world differs, where, and who must not notice."""

    change: Callable[[World, dict[str, Any]], Any]
    places: tuple[str, ...]
    readers: tuple[str, ...]


def _set_key(world: World, *names: str) -> None:
    """Give questions another key, as if it had been the key from the beginning: with the hashes of another text."""
    questions = [world[name].question.pk for name in names]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # past the triggers that keep a frozen text
        Revision.objects.filter(question__in=questions).update(answer="another key", tested_hash=Reverse("tested_hash"))
        cursor.execute("SET LOCAL session_replication_role = origin")
    DifficultyCheck.objects.filter(question__in=questions).update(tested_hash=Reverse("tested_hash"))
    Prediction.objects.filter(revision__question__in=questions).update(tested_hash=Reverse("tested_hash"))
    Decision.objects.filter(question__in=questions).update(tested_hash=Reverse("tested_hash"))


def _of(world: World, *names: str) -> dict[str, Any]:
    return {"question__in": [world[name].question.pk for name in names]}


def _reviewed_by_another(world: World, people: dict[str, Any], name: str) -> None:
    mine = Assignment.objects.filter(reviewer=world.people["RX"], round__question=world[name].question)
    assert mine.update(reviewer=people["reviewer"]) == 1


def _written_by(world: World, person: Any, *names: str) -> None:
    """Let somebody else have written questions, and have taken each step that their contributor took."""
    for question in (world[name].question for name in names):
        StatusChange.objects.filter(question=question, by=question.contributor_id).update(by=person)
        Question.objects.filter(pk=question.pk).update(contributor=person)


def _score(world: World, _people: dict[str, Any]) -> None:
    rows = Review.objects.filter(assignment__in=Assignment.objects.filter(round__question=world["in-review"].question))
    assert rows.update(score=2) == 1


def _recommend(world: World, _people: dict[str, Any]) -> None:
    rounds = Round.objects.filter(**_of(world, "awaiting"))
    assert Recommendation.objects.filter(round__in=rounds).update(outcome="reject") == 1
    assert rounds.filter(outcome="approval").update(outcome="rejection") == 1


def _one_more_place(world: World, people: dict[str, Any]) -> None:
    round_ = Round.objects.get(**_of(world, "in-review"))
    due_at = timezone.now() + timedelta(days=14)
    Assignment.objects.create(round=round_, reviewer=people["reviewer"], assigned_by=world.second, due_at=due_at)


def _conflict(world: World, people: dict[str, Any]) -> None:
    person = people["reviewer"]
    account_actions.declare_conflict(
        user=person, by=person, question_id=world["in-review"].question.pk, reason="A friend's."
    )


def _try_again(world: World, _people: dict[str, Any]) -> None:
    check = DifficultyCheck.objects.get(question=world["too-easy"].question)
    for number in range(3):
        check.pk, check._state.adding = None, True
        DifficultyCheck.objects.create(
            **{field.attname: getattr(check, field.attname) for field in check._meta.fields if field.name != "id"}
            | {"tested_hash": f"{number}" * 64, "status": CheckStatus.FAILED}
        )


def _draw(world: World, _people: dict[str, Any]) -> None:
    rows = Prediction.objects.filter(revision__question__in=_of(world, "eligible", "in-review")["question__in"], draw=1)
    assert rows.update(verdict=Value("correct")) == 12


FACTS = {
    "reviewer, round under way": Fact(
        lambda world, people: _reviewed_by_another(world, people, "in-review"),
        ("in-review",),
        (*STRANGERS, "CO", "RA", "SR"),
    ),
    "reviewer, round settled": Fact(
        lambda world, people: _reviewed_by_another(world, people, "rejected"), ("rejected",), (*STRANGERS, "CO")
    ),
    "score": Fact(_score, ("in-review",), (*STRANGERS, "CO", "RA", "SR")),
    "recommendation": Fact(_recommend, ("awaiting",), (*STRANGERS, "CO", "RA", "RX")),
    "question exists as a draft": Fact(
        lambda _world, people: factories.make_draft(by=people["contributor"], prompt="Who tells of this draft?"),
        (),
        (*STRANGERS, "CO", "RA", "SR", "AU"),
    ),
    "question exists, tested": Fact(
        lambda _world, people: factories.make_too_easy(
            by=people["contributor"], prompt="Who tells of this one, tested?"
        ),
        (),
        (*STRANGERS, "CO", "RA", "SR"),
    ),
    "held out": Fact(
        lambda world, _people: Question.objects.filter(pk=world["approved"].question.pk).update(split=Split.HELD_OUT),
        ("approved",),
        (*STRANGERS, "CO", "RA", "SR"),
    ),
    "open assignments": Fact(_one_more_place, ("in-review",), (*STRANGERS, "CO", "RA", "SR")),
    "contributor": Fact(
        lambda world, people: _written_by(world, people["contributor"], "in-review", "last-round", "awaiting"),
        ("in-review", "last-round", "awaiting"),
        (*STRANGERS, "RA", "RX", "SR"),
    ),
    "conflict": Fact(_conflict, ("in-review",), (*STRANGERS, "CO", "RA", "SR")),
    "tries": Fact(_try_again, ("too-easy",), (*STRANGERS, "RA", "RX")),
    "key": Fact(
        lambda world, _people: _set_key(world, "in-review", "rejected", "approved"),
        ("in-review", "rejected", "approved"),
        (*STRANGERS, "RA"),
    ),
    "key of a held-out question": Fact(
        lambda world, _people: _set_key(world, "held-out"), ("held-out",), (*STRANGERS, "RA", "RX", "SR", "OR", "AU")
    ),
    "further draw": Fact(_draw, ("eligible", "in-review"), (*STRANGERS, "CO", "RA")),
}


@pytest.fixture(scope="module")
def people(world: World) -> Iterator[dict[str, Any]]:
    """Two more people, in both worlds, and a clock that stands still."""
    now = timezone.now()
    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(timezone, "now", lambda: now)  # pages tell ages in words
        yield {
            "reviewer": factories.make_user("twin reviewer", "reviewer", institution="Twin College"),
            "contributor": factories.make_user("twin contributor", institution="North University"),
        }
        transaction.set_rollback(True)


Known = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def known() -> Known:
    """What was answered in the first world: each request is made there once."""
    return {}


def requests(world: World, code: str, places: Iterable[Place]) -> list[str]:
    """The addresses that a reader asks for in both worlds: lists with their queries, and what there is of these places."""
    found = []
    for line in REGISTRY.values():
        if line.objects or not line.reads or line.name in RESTLESS or line.name.startswith(APART):
            continue
        found += [reverse(line.name) + query for query in ("", *QUERIES.get(line.name, ()))]
    for line, place in product(REGISTRY.values(), places):
        is_asked = line.of_question and line.reads and (may_read("question.prompt", place, code) or line.name in MAIN)
        found += [address(line, world, place, code)] if is_asked else []
    return [url for url in found if url]


def told_apart_by(
    world: World, clients: dict[str, Client], people: dict[str, Any], known: Known, fact: Fact
) -> tuple[list[str], int]:
    """Return which answers tell the two worlds apart, and how many pairs of answers were compared."""
    pairs = [
        (code, url) for code in fact.readers for url in requests(world, code, [world[name] for name in fact.places])
    ]
    for code, url in pairs:
        if (code, url) not in known:
            known[code, url] = answered(clients[code], url)
    with transaction.atomic():
        fact.change(world, people)
        other = {(code, url): answered(clients[code], url) for code, url in pairs}
        transaction.set_rollback(True)
    differing = [pair for pair in pairs if other[pair] != known[pair]]
    # the database's clock goes on: what has changed with it is the same in the first world by now
    known |= {(code, url): answered(clients[code], url) for code, url in differing}
    return [f"{code} {url}" for code, url in differing if other[code, url] != known[code, url]], len(pairs)


def answered(client: Client, url: str) -> str:
    """Status, headers and body of an answer, without what no two answers share; nothing that reading changes is kept."""
    with transaction.atomic():
        answer = call(client, "GET", url)
        transaction.set_rollback(True)
    return f"{answer.status} {ECHO.sub('', answer.body)}"


@pytest.mark.parametrize("name", FACTS)
def test_a_hidden_fact_changes_no_answer(
    world: World, clients: dict[str, Client], people: dict[str, Any], known: Known, name: str
) -> None:
    found, pairs = told_apart_by(world, clients, people, known, FACTS[name])

    assert found == []
    assert pairs > 400


def test_walker_finds_a_fact_that_its_reader_may_know(
    world: World, clients: dict[str, Client], people: dict[str, Any], known: Known
) -> None:
    fact = FACTS["score"]._replace(readers=("OR",))

    found, _pairs = told_apart_by(world, clients, people, known, fact)

    assert found == [f"OR {reverse('review:question', args=[world['in-review'].question.pk])}"]
