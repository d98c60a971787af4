"""Pages of near-duplicates: who sees which pair, what they show and hide, and what may be done there."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse

from hle_site.accounts import actions as account_actions
from hle_site.audit.models import AuditEvent
from questions.duplicates import actions, search
from questions.enums import PairState, Split
from questions.models import DuplicatePair, Question
from tests import factories
from tests.questions.duplicates.conftest import FAR, GERMAN, NEAR, ONE
from tests.questions.releases.worlds import World

pytestmark = pytest.mark.django_db
INDEX = "/duplicates/"


@pytest.fixture(autouse=True)
def without_factor(settings: Any) -> None:
    """Leave out the second factor, which has its own tests."""
    settings.REQUIRE_STAFF_FACTOR = False


@pytest.fixture
def auditor(db: None) -> Any:
    """An auditor from elsewhere."""
    return factories.make_user("auditor", "auditor", institution="Audit Office")


@pytest.fixture
def handed_in(contributor: Any) -> DuplicatePair:
    """A pair of near texts, both in review."""
    for prompt in (ONE, NEAR):
        factories.make_in_review(by=contributor, prompt=prompt)
    search.search_due()
    return DuplicatePair.objects.get()


def address(pair: DuplicatePair, step: str = "pair") -> str:
    return reverse(f"duplicates:{step}", args=[pair.pk])


def text_of(client: Any, url: str) -> str:
    return client.get(url).content.decode()


def test_an_organiser_reads_both_texts_side_by_side(pair: DuplicatePair, organiser: Any, client_of: Any) -> None:
    client = client_of(organiser)

    listed, page = text_of(client, INDEX), text_of(client, address(pair))

    assert pair.first.handle in listed
    assert pair.second.handle in listed
    assert "complete graph" not in listed
    assert ONE in page
    assert NEAR in page
    assert "192" not in page  # the key


def test_reading_a_text_before_it_is_handed_in_is_logged(pair: DuplicatePair, organiser: Any, client_of: Any) -> None:
    client = client_of(organiser)
    client.get(INDEX)
    before = AuditEvent.objects.filter(action="question.read").count()

    client.get(address(pair))

    read = AuditEvent.objects.filter(action="question.read", actor_id=organiser.pk)
    assert before == 0
    assert {row.object_id for row in read} == {str(pair.first_id), str(pair.second_id)}


def test_reading_what_is_in_review_is_not_logged(handed_in: DuplicatePair, organiser: Any, client_of: Any) -> None:
    client_of(organiser).get(address(handed_in))

    assert not AuditEvent.objects.filter(action="question.read").exists()


@pytest.mark.parametrize("roles", [(), ("reviewer",), ("reviewer", "senior_reviewer"), ("administrator",)])
def test_nobody_else_learns_that_there_are_pairs(pair: DuplicatePair, client_of: Any, roles: tuple[str, ...]) -> None:
    client = client_of(factories.make_user("other", *roles, institution="Elsewhere"))

    answers = [client.get(INDEX), client.get(address(pair)), client.post(address(pair, "dismiss"), {"reason": "No."})]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert "uplicates" not in client.get("/").content.decode()


def test_the_contributor_learns_nothing(handed_in: DuplicatePair, contributor: Any, client_of: Any) -> None:
    client = client_of(contributor)
    pages = [text_of(client, reverse("questions:detail", args=[handed_in.first_id])), text_of(client, "/")]

    assert client.get(INDEX).status_code == 403
    assert not any("duplicate" in page.lower() or handed_in.second.handle in page for page in pages)


def test_an_organiser_with_a_conflict_finds_no_such_pair(
    pair: DuplicatePair, contributor: Any, organiser: Any, client_of: Any
) -> None:
    account_actions.declare_conflict(user=organiser, by=organiser, question_id=pair.first_id, reason="A friend's.")
    client = client_of(organiser)

    listed = text_of(client, INDEX)

    assert pair.second.handle not in listed
    assert client.get(address(pair)).status_code == 404
    assert client.post(address(pair, "dismiss"), {"reason": "No."}).status_code == 404


def test_an_organiser_who_wrote_one_of_them_finds_no_such_pair(tested: Any, organiser: Any, client_of: Any) -> None:
    tested(ONE, by=organiser)
    tested(NEAR)
    search.search_due()
    client = client_of(organiser)

    assert client.get(address(DuplicatePair.objects.get())).status_code == 404
    assert "No near-duplicates" in text_of(client, INDEX)


def test_a_held_out_question_is_in_no_pair_that_is_shown(
    handed_in: DuplicatePair, organiser: Any, client_of: Any
) -> None:
    Question.objects.filter(pk=handed_in.first_id).update(split=Split.HELD_OUT)
    client = client_of(organiser)

    assert client.get(address(handed_in)).status_code == 404
    assert handed_in.second.handle not in text_of(client, INDEX)


def test_auditors_read_what_was_handed_in_and_change_nothing(
    handed_in: DuplicatePair, auditor: Any, client_of: Any
) -> None:
    client = client_of(auditor)

    page = text_of(client, address(handed_in))
    answer = client.post(address(handed_in, "dismiss"), {"reason": "No."})

    assert ONE in page
    assert "They are not duplicates" not in page
    assert answer.status_code == 403
    assert DuplicatePair.objects.get().state == PairState.OPEN


def test_auditors_find_no_pair_that_was_not_handed_in(pair: DuplicatePair, auditor: Any, client_of: Any) -> None:
    assert client_of(auditor).get(address(pair)).status_code == 404


def test_a_pair_is_dismissed_with_a_reason_and_that_is_taken_back(
    pair: DuplicatePair, organiser: Any, client_of: Any
) -> None:
    client = client_of(organiser)

    refused = client.post(address(pair, "dismiss"), {"reason": " "})
    done = client.post(address(pair, "dismiss"), {"reason": "Loops matter here."})
    dismissed = DuplicatePair.objects.get()
    page = text_of(client, address(pair))
    again = client.post(address(pair, "dismiss"), {"reason": "Once more."})
    client.post(address(pair, "undo"))

    assert (refused.status_code, done.status_code, again.status_code) == (400, 302, 409)
    assert (dismissed.state, dismissed.reason, dismissed.decided_by) == (
        PairState.DISMISSED,
        "Loops matter here.",
        organiser,
    )
    assert "Loops matter here." in page
    assert DuplicatePair.objects.get().state == PairState.OPEN
    events = AuditEvent.objects.filter(action__startswith="pair.").values_list("action", "before", "after")
    assert list(events) == [("pair.dismiss", "open", "dismissed"), ("pair.undo", "dismissed", "open")]


def test_a_stranger_cannot_dismiss(pair: DuplicatePair, contributor: Any) -> None:
    with pytest.raises(PermissionDenied):
        actions.dismiss(pair=pair, by=contributor, reason="Mine are all different.")


def test_closing_as_a_duplicate_names_the_original(handed_in: DuplicatePair, organiser: Any, client_of: Any) -> None:
    client = client_of(organiser)
    url = reverse("review:act", args=[handed_in.second_id, "mark_duplicate"])
    link = f"{url}?original={handed_in.first.handle}"

    page, form = text_of(client, address(handed_in)), text_of(client, link)
    client.post(url, {"original": handed_in.first.handle, "reason": "The same question."})

    assert link in page
    assert f'value="{handed_in.first.handle}"' in form
    assert DuplicatePair.objects.get().state == PairState.OPEN  # the reaction comes after the commit
    assert Question.objects.get(pk=handed_in.second_id).original == handed_in.first


def test_a_question_in_its_test_offers_no_closing(pair: DuplicatePair, organiser: Any, client_of: Any) -> None:
    page = text_of(client_of(organiser), address(pair))

    assert "mark_duplicate" not in page
    assert "Neither can be closed as a duplicate where it stands now" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", True),
        ("?state=open", True),
        ("?state=", True),
        ("?state=dismissed", False),
        ("?kind=lexical", True),
        ("?kind=embedding", False),
        ("?languages=same", False),
        ("?languages=across", True),
        ("?state=nonsense&kind=%00&languages=7&before=x&after=y", True),
    ],
)
def test_the_list_is_narrowed(tested: Any, organiser: Any, client_of: Any, query: str, shown: bool) -> None:
    question = tested(ONE)
    tested(NEAR, language="de")
    search.search_due()

    assert (question.handle in text_of(client_of(organiser), INDEX + query)) == shown


def test_the_list_has_pages(tested: Any, organiser: Any, client_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from questions import paging

    for number in range(3):
        tested(f"{ONE} Again, {number}.")
    search.search_due()
    monkeypatch.setattr(paging.page, "__kwdefaults__", {"size": 2})
    client = client_of(organiser)

    first = client.get(INDEX)
    second = client.get(INDEX, {"before": first.context["page"].older})

    assert [len(answer.context["rows"]) for answer in (first, second)] == [2, 1]


def test_the_page_says_what_is_missing_without_an_encoder(organiser: Any, client_of: Any) -> None:
    page = text_of(client_of(organiser), INDEX)

    assert "Only letters and words are compared" in page
    assert "DUPLICATE_EMBEDDER names a word list or an encoder, as the README says." in page


def test_the_page_names_the_encoder_that_works(tested: Any, word_bag: None, organiser: Any, client_of: Any) -> None:
    from questions import tasks

    tested(GERMAN, language="de")
    client = client_of(organiser)
    waiting = text_of(client, INDEX)
    tasks.embed_texts()
    tested(FAR)

    working = text_of(client, INDEX)

    assert "No worker of the queue “embeddings” has loaded it yet" in waiting
    assert "by meaning with word-bag:1" in working
    assert "One text waits for it." in working


@pytest.mark.parametrize("count", [1, 3])
def test_queries_of_the_list_do_not_grow(
    tested: Any, organiser: Any, client_of: Any, django_assert_num_queries: Any, count: int
) -> None:
    tested(ONE)
    for number in range(count):
        tested(FAR + f" {number}" if number else NEAR)
    search.search_due()
    client = client_of(organiser)
    client.get(INDEX)

    with django_assert_num_queries(6):
        client.get(INDEX)


# --- a freeze ---


@pytest.fixture
def world(db: None) -> World:
    """Two approved questions with near texts, and a draft of a release."""
    made = World()
    made.approve(prompt=ONE)
    made.approve(prompt=NEAR)
    return made


def test_a_freeze_asks_for_open_pairs_to_be_accepted(world: World, client_of: Any) -> None:
    release = world.draft()
    client = client_of(world.first)
    url = reverse("releases:freeze", args=[release.version])

    refused = client.post(url)  # nobody has searched yet: the freeze does
    release.refresh_from_db()
    state = release.status
    page = text_of(client, reverse("releases:prepare", args=[release.version]))
    asked = text_of(client, url)
    without_box = client.post(url)
    client.post(url, {"accepts_duplicates": "on"})
    release.refresh_from_db()

    assert (refused.status_code, state) == (409, "draft")
    assert "One open pair of near-duplicates would go in" in page
    assert "I have looked at the open pairs" in asked
    assert without_box.status_code == 400
    assert release.status == "frozen"
    assert AuditEvent.objects.get(action="release.accept_duplicates").after == "1"


def test_a_dismissed_pair_does_not_stand_in_the_way(world: World) -> None:
    from questions.releases import freeze

    search.finish(Question.objects.all())
    actions.dismiss(pair=DuplicatePair.objects.get(), by=world.second, reason="Loops matter here.")

    assert freeze.freeze(release=world.draft(), by=world.first).status == "frozen"


def test_a_question_that_stays_out_makes_no_pair(world: World) -> None:
    from questions.releases import freeze

    release = world.draft()
    freeze.hold_back(release=release, question=Question.objects.first(), reason="One is enough.", by=world.first)

    assert freeze.freeze(release=release, by=world.first).status == "frozen"
