"""What the walker's tests share: one world, built once, and a client for each of its readers."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client, override_settings

from tests.access.channels import Overheard, overhear
from tests.access.oracle import CODES, REGISTRY, SCOPES
from tests.access.walker import EVERYBODY, Reader
from tests.access.world import World
from tests.api.conftest import token_client


@pytest.fixture(autouse=True)
def private_media() -> None:
    """The world's files stay where the world was built."""


@pytest.fixture(scope="package")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[World]:
    """Build the world in a transaction that is taken back at the end."""
    media = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path_factory.mktemp("media")), "base_url": None},
    }
    changed = {"STORAGES": settings.STORAGES | {"default": media}, "REQUIRE_STAFF_FACTOR": False}
    with django_db_blocker.unblock(), override_settings(**changed), transaction.atomic():
        yield World()
        transaction.set_rollback(True)


@pytest.fixture(scope="package")
def clients(world: World) -> dict[str, Client]:
    """A signed-in client for each reader; AN is nobody."""
    found: dict[str, Client] = {"AN": Reader()}
    for code, person in world.people.items():
        found[code] = Reader()
        found[code].force_login(person, backend=settings.AUTHENTICATION_BACKENDS[0])
    return found


@pytest.fixture(scope="package")
def readings(world: World, clients: dict[str, Client]) -> dict[str, Overheard]:
    """What everybody reads at every address, and what logs and cache hold of it meanwhile."""
    with transaction.atomic():
        found = {code: overhear(world, clients[code], code, REGISTRY.values()) for code in EVERYBODY}
        transaction.set_rollback(True)
    return found


@pytest.fixture(scope="package")
def token_clients(world: World) -> dict[tuple[str, str], Client]:
    """A client with a token for each reader and scope; administrators have none."""
    found: dict[tuple[str, str], Client] = {}
    for code, scope in product(CODES, SCOPES):
        if code != "AD":
            found[code, scope] = token_client(world.people[code], scope)
            found[code, scope].raise_request_exception = False
    return found
