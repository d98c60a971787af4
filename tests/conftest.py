"""What every test may use: people, signed-in clients, reactions that run when a test says so."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from tests import factories


@pytest.fixture(autouse=True)
def clean_cache() -> None:
    """Rate limits of one test do not reach the next."""
    if settings.configured:
        cache.clear()


@pytest.fixture(autouse=True)
def private_media(tmp_path: Any, settings: Any) -> None:
    """Keep the files of each test in a folder of its own."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media"), "base_url": None},
        },
    }


@pytest.fixture
def client_of() -> Callable[[Any], Client]:
    """Return a function that signs a person in."""

    def sign_in(user: Any) -> Client:
        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


@pytest.fixture
def contributor(db: None) -> Any:
    """A contributor."""
    return factories.make_user("contributor", institution="North University")


@pytest.fixture
def reviewer(db: None) -> Any:
    """A reviewer from elsewhere."""
    return factories.make_user("reviewer", "reviewer", institution="South College")


@pytest.fixture
def senior(db: None) -> Any:
    """A senior reviewer from elsewhere."""
    return factories.make_user("senior", "reviewer", "senior_reviewer", institution="West Institute")


@pytest.fixture
def organiser(db: None) -> Any:
    """An organiser from elsewhere."""
    return factories.make_user("organiser", "organiser", institution="Exam Office")
