"""Look-ups that several rules share while one answer is made; nothing of it outlives the answer."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Found = TypeVar("Found")

_found: ContextVar[dict[Hashable, object] | None] = ContextVar("lookups", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """Make equal look-ups inside once. Nothing inside may write what it looks up; within another one it joins that."""
    if _found.get() is not None:
        yield
        return
    token = _found.set({})
    try:
        yield
    finally:
        _found.reset(token)


def note(key: Hashable, found: object) -> None:
    """Let `once` return what was found on another way, where look-ups are shared."""
    shared_so_far = _found.get()
    if shared_so_far is not None:
        shared_so_far[key] = found


def once(key: Hashable, look_up: Callable[[], Found]) -> Found:
    """Return what `look_up` returns, from the first call under this key where look-ups are shared."""
    found = _found.get()
    if found is None:
        return look_up()
    if key not in found:
        found[key] = look_up()
    return found[key]  # type: ignore[return-value]  # one type for each key
