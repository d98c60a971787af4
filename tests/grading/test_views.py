"""The model test page and the acts around it, for every kind of reader."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from grading.enums import PredictionState, Verdict
from grading.models import Contest, DifficultyCheck, Judgement, Prediction
from hle_site.audit.models import AuditEvent
from questions.models import Question
from review.actions.triage import ask_senior
from tests import factories
from tests.grading.test_checks import parked_for_a_person

pytestmark = pytest.mark.django_db

Sign = Callable[[Any], Client]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """Staff sign in with a password alone here; the second factor has tests of its own."""
    settings.REQUIRE_STAFF_FACTOR = False


def page(question: Question) -> str:
    return reverse("grading:check", args=[question.pk])


def test_owner_reads_answers_verdicts_and_reasons(client_of: Sign, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)

    text = client_of(contributor).get(page(question)).content.decode()

    assert text.count("<article") == 6
    assert "Compared automatically (rule “test”)" in text
    assert "Contest this verdict" in text
    assert "19 of 20 tests left today" in text
    assert text.count(">simulated<") >= 6


def test_live_check_polls_and_a_finished_one_does_not(client_of: Sign, contributor: Any) -> None:
    live = factories.make_checking(by=contributor)
    done = factories.make_eligible(by=contributor, prompt="Another text about numbers and their divisors?")
    client = client_of(contributor)

    texts = [client.get(page(question), headers=HTMX).content.decode() for question in (live, done)]

    assert [f'data-poll="{page(question)}"' in text for question, text in zip((live, done), texts, strict=True)] == [
        True,
        False,
    ]
    assert ["<html" in text for text in texts] == [False, False]
    assert "among the first 5 in the queue" in texts[0]


def test_unchanged_panel_is_304_until_something_changes(client_of: Sign, contributor: Any) -> None:
    question = factories.make_checking(by=contributor)
    client = client_of(contributor)
    tag = client.get(page(question), headers=HTMX)["ETag"]

    same = client.get(page(question), headers=HTMX | {"If-None-Match": tag})
    Prediction.objects.filter(model__name="simulated-small").update(state=PredictionState.ASKED)
    changed = client.get(page(question), headers=HTMX | {"If-None-Match": tag})

    assert (same.status_code, same.content, changed.status_code) == (304, b"", 200)


def test_stranger_and_unknown_question_are_the_same(client_of: Sign, contributor: Any) -> None:
    question = factories.make_eligible(by=contributor)
    client = client_of(factories.make_user("stranger"))

    answers = [
        client.get(url)
        for url in (page(question), reverse("grading:check", args=["0" * 8 + "-0000-4000-8000-" + "0" * 12]))
    ]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_organiser_reads_states_only_while_models_answer(client_of: Sign, contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor, answer="CANARY-KEY")
    Prediction.objects.filter(model__name="simulated-small").update(
        state=PredictionState.SETTLED,
        outcome="answer",
        verdict=Verdict.INCORRECT,
        decided_by="matcher",
        answer="CANARY-7",
        reply="CANARY-7",
    )

    texts = {who.pk: client_of(who).get(page(question)).content.decode() for who in (contributor, organiser)}

    assert "CANARY-7" in texts[contributor.pk]
    assert "CANARY-7" not in texts[organiser.pk]
    assert "CANARY-KEY" not in texts[organiser.pk]
    assert 'data-status="incorrect"' not in texts[organiser.pk]


def test_contest_is_recorded_with_its_reason(client_of: Sign, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    url = reverse("grading:contest", args=[question.pk, row.pk])
    client = client_of(contributor)

    short = client.post(url, {"reason": "no"})
    sent = client.post(url, {"reason": "The model names the radius, not the diameter."})

    assert (short.status_code, sent.status_code) == (200, 302)
    assert Contest.objects.get().reason == "The model names the radius, not the diameter."


def test_organiser_resolves_a_contest(client_of: Sign, contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    found = Contest.objects.create(
        prediction=row, question=question, reason="It is the radius.", contested_by=contributor
    )
    url = reverse("grading:resolve", args=[question.pk, found.pk])
    client = client_of(organiser)

    shown = client.get(url)
    sent = client.post(url, {"decision": "uphold", "reason": "It is the radius indeed."})

    assert "It is the radius." in shown.content.decode()
    assert (sent.status_code, sent["Location"]) == (302, reverse("grading:operations"))
    row.refresh_from_db()
    assert row.verdict == Verdict.INCORRECT


def test_senior_who_triages_resolves_the_contest_and_nothing_else(
    client_of: Sign, contributor: Any, senior: Any, organiser: Any
) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    found = Contest.objects.create(
        prediction=row, question=question, reason="It is the radius.", contested_by=contributor
    )
    ask_senior(question=question, senior=senior, by=organiser, reason="A verdict is contested.")
    url = reverse("grading:resolve", args=[question.pk, found.pk])
    client = client_of(senior)

    panel = client.get(page(question)).content.decode()
    elsewhere = [
        client.post(reverse("grading:retry", args=[question.pk])).status_code,
        client.post(reverse("grading:clear_alarm", args=[question.pk])).status_code,
        client_of(factories.make_user("another", "senior_reviewer")).get(url).status_code,
    ]
    sent = client.post(url, {"decision": "uphold", "reason": "It is the radius indeed."})

    assert f'href="{url}"' in panel
    assert elsewhere == [403, 403, 404]
    assert (sent.status_code, sent["Location"]) == (302, reverse("grading:disagreements"))
    row.refresh_from_db()
    assert (row.verdict, row.decided_person) == (Verdict.INCORRECT, senior)


def test_owner_may_not_resolve(client_of: Sign, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    row = Prediction.objects.get(verdict=Verdict.CORRECT)
    found = Contest.objects.create(
        prediction=row, question=question, reason="It is the radius.", contested_by=contributor
    )
    client = client_of(contributor)

    statuses = [
        client.post(reverse("grading:resolve", args=[question.pk, found.pk])).status_code,
        client.post(reverse("grading:judge", args=[question.pk, row.pk])).status_code,
        client.post(reverse("grading:retry", args=[question.pk])).status_code,
        client.post(reverse("grading:clear_alarm", args=[question.pk])).status_code,
        client.get(reverse("grading:operations")).status_code,
    ]

    assert statuses == [403] * 5


def test_answer_of_another_question_does_not_exist_here(client_of: Sign, contributor: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    other = factories.make_too_easy(by=factories.make_user("other"), prompt="A text of somebody else, about divisors?")
    row = Prediction.objects.get(verdict=Verdict.CORRECT, tested_hash=other.newest.tested_hash)

    answer = client_of(contributor).post(
        reverse("grading:contest", args=[question.pk, row.pk]), {"reason": "Not mine, but let me try."}
    )

    assert answer.status_code == 404
    assert Contest.objects.count() == 0


def test_organiser_judges_a_stored_answer_and_the_read_is_logged(
    client_of: Sign, contributor: Any, organiser: Any
) -> None:
    question, _check, row = parked_for_a_person(contributor)
    url = reverse("grading:judge", args=[question.pk, row.pk])
    client = client_of(organiser)

    shown = client.get(url)
    sent = client.post(url, {"verdict": "incorrect", "reason": "Another number altogether."})

    assert (shown.status_code, sent.status_code) == (200, 302)
    assert AuditEvent.objects.filter(action="prediction.read", actor_id=organiser.pk).count() == 1
    row.refresh_from_db()
    assert (row.verdict, row.decided_person) == (Verdict.INCORRECT, organiser)


def test_operations_page_lists_parked_tests_without_text(client_of: Sign, contributor: Any, organiser: Any) -> None:
    question, _check, _row = parked_for_a_person(contributor)
    client = client_of(organiser)

    text = client.get(reverse("grading:operations")).content.decode()
    sent = client.post(reverse("grading:retry", args=[question.pk]))

    assert question.handle in text
    assert "smallest positive integer" not in text
    assert "No worker is alive" in text
    assert sent.status_code == 302
    assert DifficultyCheck.objects.get().status == "running"


def test_administrator_reads_operations_but_no_question(client_of: Sign, contributor: Any) -> None:
    question, _check, _row = parked_for_a_person(contributor)
    client = client_of(factories.make_user("admin", "administrator"))

    text = client.get(reverse("grading:operations")).content.decode()

    assert f'href="{page(question)}"' not in text
    assert client.get(page(question)).status_code == 404


def test_doubted_key_is_confirmed_on_its_own_page(client_of: Sign, contributor: Any, organiser: Any) -> None:
    question = factories.make_checking(by=contributor)
    factories.settle_check(question, answer="191")
    url = reverse("grading:confirm_key", args=[question.pk])
    client = client_of(contributor)

    before = client.get(page(question)).content.decode()
    submit = client.get(reverse("questions:submit", args=[question.pk])).content.decode()
    shown = client.get(url)
    short = client.post(url, {"reason": "Sure."})
    sent = client.post(url, {"reason": "REASON-CANARY, worked out by hand."})
    after = client.get(page(question)).content.decode()

    assert f'href="{url}"' in before
    assert "agree on an answer that is not your key" in submit
    assert (shown.status_code, short.status_code, sent.status_code) == (200, 200, 302)
    assert "REASON-CANARY" in after
    assert f'href="{url}"' not in after
    assert client_of(organiser).post(url, {"reason": "It is right, I say."}).status_code == 403


def test_organiser_has_the_answers_judged_again(client_of: Sign, contributor: Any, organiser: Any) -> None:
    question = factories.make_too_easy(by=contributor)
    url = reverse("grading:rejudge", args=[question.pk])

    shown = client_of(organiser).get(page(question)).content.decode()
    sent = client_of(organiser).post(url)
    refused = client_of(contributor).post(url)

    assert f'action="{url}"' in shown
    assert f'action="{url}"' not in client_of(contributor).get(page(question)).content.decode()
    assert (sent.status_code, refused.status_code) == (302, 403)
    assert Judgement.objects.filter(due_at__isnull=False, requested_by=organiser).count() == 2


def test_operations_page_names_tests_whose_answers_nobody_fetches(
    client_of: Sign, contributor: Any, organiser: Any
) -> None:
    question = factories.make_checking(by=contributor)
    client, address = client_of(organiser), reverse("grading:operations")
    before = client.get(address).content.decode()

    Prediction.objects.update(due_at=timezone.now() - timedelta(minutes=11))

    assert 'id="stuck-title"' not in before
    after = client.get(address).content.decode()
    assert 'id="stuck-title"' in after
    assert question.handle in after
