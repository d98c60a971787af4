"""API tokens: made once, stored as a hash, limited by scope and date."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from hle_site.accounts.enums import Role, Scope
from hle_site.accounts.models import ApiToken
from hle_site.audit import log

PREFIX = "hle_"
SEEN_EVERY = timedelta(minutes=5)


class TokenRefused(Exception):
    """This account may not have such a token."""


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def create(*, by: Any, name: str, scopes: Iterable[str], expires_at: datetime) -> tuple[ApiToken, str]:
    """Make a token and return it with its key, which is not stored and cannot be shown again."""
    scopes = sorted(set(scopes) & set(Scope.values))
    if not scopes:
        raise TokenRefused(_("Choose at least one scope: a token without a scope can do nothing."))
    if by.has_role(Role.ADMINISTRATOR):
        raise TokenRefused(_("Administrators cannot have tokens."))
    key = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(user=by, name=name, scopes=scopes, key_hash=_hash(key), expires_at=expires_at)
    log.record("token.create", by=by, on=token, after=",".join(scopes))
    return token, key


@transaction.atomic
def revoke(*, token: ApiToken, by: Any) -> None:
    """End a token at once."""
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        log.record("token.revoke", by=by, on=token)


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer hle_...`"""

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a missing token is answered with 401."""
        return "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """Return the token's owner, or None when no token was sent."""
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise AuthenticationFailed(_("The Authorization header must read “Bearer” and one token."))
        token = ApiToken.objects.select_related("user").filter(key_hash=_hash(parts[1].decode("latin-1"))).first()
        now = timezone.now()
        if token is None or token.revoked_at or token.expires_at <= now or not token.user.is_active:
            raise AuthenticationFailed(_("This token is not valid: it may have expired or been revoked."))
        if token.user.has_role(Role.ADMINISTRATOR):
            raise AuthenticationFailed(_("Administrators cannot use tokens."))
        if token.last_used_at is None or now - token.last_used_at > SEEN_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token


class DenyAll(BasePermission):
    """The default: a view opens nothing until it says what."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Refuse."""
        return False


class HasScope(BasePermission):
    """Signed in by session, or by a token that carries the view's `scope`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Allow sessions, and tokens with the scope."""
        if not request.user or not request.user.is_authenticated:
            return False
        if isinstance(request.auth, ApiToken):
            return view.scope is not None and view.scope in request.auth.scopes
        return True


class SessionOnly(BasePermission):
    """For decisions: a token never does, a signed-in person does."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Allow sessions only."""
        return bool(request.user and request.user.is_authenticated) and not isinstance(request.auth, ApiToken)
