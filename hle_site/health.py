"""Is this process alive, and can it reach what it needs? For probes; names the part that fails and nothing else."""

from collections.abc import Callable
from functools import cache

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis
from redis.exceptions import RedisError

PING_TIMEOUT_S = 2


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process serves requests."""
    return HttpResponse("ok", content_type="text/plain")


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when every part is ready, else 503 with the parts that are not."""
    failing = [name for name, is_ready in PARTS.items() if not is_ready()]
    answer = {"status": "unavailable" if failing else "ok", "failing": failing}
    return JsonResponse(answer, status=503 if failing else 200)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return False
    return True


def _migrations() -> bool:
    try:
        _require_migrations()
    except (DatabaseError, NotMigrated):
        return False
    return True


class NotMigrated(Exception):
    """The database is older than the code."""


@cache  # what is applied stays applied; an exception is not remembered
def _require_migrations() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated


def _broker() -> bool:
    client = Redis.from_url(settings.CACHE_URL, socket_timeout=PING_TIMEOUT_S, socket_connect_timeout=PING_TIMEOUT_S)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


PARTS: dict[str, Callable[[], bool]] = {"database": _database, "migrations": _migrations, "broker": _broker}
