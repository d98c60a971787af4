"""Log lines, messages of the broker, keys and values of the cache: no secret reaches any of them."""

import logging
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from hle_site import pipeline
from questions import presenters as question_presenters
from questions import tasks as question_tasks
from questions.models import Revision
from tests import factories
from tests.access.channels import Overheard, overhear, secrets_stored, sent
from tests.access.oracle import REGISTRY
from tests.access.walker import EVERYBODY
from tests.access.world import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("code", EVERYBODY)
def test_no_secret_reaches_a_log(readings: dict[str, Overheard], code: str) -> None:
    assert readings[code].logged == []


@pytest.mark.parametrize("code", EVERYBODY)
def test_no_secret_reaches_the_cache(readings: dict[str, Overheard], code: str) -> None:
    assert readings[code].cached == []


def test_no_secret_reaches_the_broker(world: World) -> None:
    with transaction.atomic():
        factories.make_checking(by=world.people["CO"], prompt="What does cnry-prompt mean?", answer="cnry-key")
        pipeline.sweep()
        transaction.set_rollback(True)

    assert {"grading.tasks.run_check", "questions.tasks.find_duplicates"} <= set(sent())
    assert secrets_stored() == []


# --- controls ---


def test_walker_finds_a_prompt_in_a_message(world: World) -> None:
    question_tasks.find_duplicates.delay(f"{world['draft'].canary('question.prompt')}")

    assert len(secrets_stored()) == 1


@pytest.mark.parametrize("kept", ["logged", "cached"])
def test_walker_finds_a_prompt_that_is_kept(
    world: World, clients: dict[str, Client], monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    honest = question_presenters.question_text

    def telling(shown: Revision, **kwargs: Any) -> Any:
        if kept == "logged":
            logging.getLogger("questions").debug("shown: %s", shown.prompt)
        else:
            cache.set("shown", shown.prompt)
        return honest(shown, **kwargs)

    monkeypatch.setattr(question_presenters, "question_text", telling)

    found = overhear(world, clients["CO"], "CO", [REGISTRY["questions:detail"]])

    assert len(getattr(found, kept)) == len(world.places)
