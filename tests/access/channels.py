"""What is left of calls beside their answers: log lines, and what lies in broker and cache, which are one server."""

import base64
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from tests.access.oracle import Line
from tests.access.walker import Reading, read_by
from tests.access.world import World


class Overheard(NamedTuple):
    """What one reader got, and what holds a canary of it: log lines, keys and values of the cache."""

    reading: Reading
    logged: list[str]
    cached: list[str]


def overhear(world: World, client: Client, code: str, lines: Iterable[Line]) -> Overheard:
    """Call addresses as one reader, and look after each call into logs and cache."""
    forget, cached = cache.clear, []

    def look_and_forget() -> None:
        cached.extend(secrets_stored())
        forget()

    forget()
    with listening() as logged, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "clear", look_and_forget)
        reading = read_by(world, client, code, lines)
    return Overheard(reading, logged, cached + secrets_stored())


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()} {record.__dict__}"
        if "cnry-" in text.casefold():
            self.found.append(text)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Yield the log lines with a canary that are written meanwhile, of every level."""
    root, listener = logging.getLogger(), _Listener()
    level = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield listener.found
    finally:
        root.setLevel(level)
        root.removeHandler(listener)


def stored() -> list[str]:
    """Every key with its value in the broker and the cache, which are one server; message bodies as they were sent."""
    client = redis.Redis.from_url(settings.CACHES["default"]["LOCATION"])
    found = []
    for key in client.keys("*"):
        kind = client.type(key)
        values = {
            b"string": lambda key: [client.get(key)],
            b"list": lambda key: client.lrange(key, 0, -1),
            b"set": client.smembers,
            b"hash": lambda key: [part for pair in client.hgetall(key).items() for part in pair],
            b"zset": lambda key: client.zrange(key, 0, -1),
        }[kind](key)
        found += [f"{key!r}: {value!r} {_body(value)!r}" for value in values]
    return found


def _body(value: bytes) -> bytes:
    """The arguments of a task in a message of the broker."""
    message = re.search(rb'"body": "([^"]+)"', value)
    return base64.b64decode(message[1]) if message else b""


def secrets_stored() -> list[str]:
    """Return what holds a canary in broker and cache."""
    return [row for row in stored() if "cnry-" in row.casefold()]


def sent() -> list[str]:
    """Return the names of the tasks that wait in the broker."""
    return [name for row in stored() for name in re.findall(r'"task": "([^"]+)"', row)]
