"""What tests of the API share: clients with tokens and with sessions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from hle_site.accounts import tokens


@pytest.fixture(autouse=True)
def no_second_factor(settings: Any) -> None:
    """The second factor of staff has its own tests."""
    settings.REQUIRE_STAFF_FACTOR = False


def token_client(user: Any, *scopes: str) -> APIClient:
    """Return a client that sends a fresh token."""
    expires_at = timezone.now() + timedelta(days=1)
    _token, key = tokens.create(by=user, name="test", scopes=scopes, expires_at=expires_at)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


@pytest.fixture
def session_client(settings: Any) -> Callable[[Any], APIClient]:
    """Return a function that signs a person in with CSRF enforced, as a browser is."""

    def sign_in(user: Any) -> APIClient:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


def with_csrf(client: APIClient) -> APIClient:
    """Let a signed-in client send the token that a page would have given it."""
    client.get("/accounts/email/")
    client.credentials(HTTP_X_CSRFTOKEN=client.cookies["csrftoken"].value)
    return client
