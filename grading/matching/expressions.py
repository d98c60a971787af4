"""Compare formulas in child processes that can be killed, because math-verify has no time limit in threads and may
loop for ever.

The child takes two formulas and gives back numbers and a finding; what is decided from them is in `rules.py`. Without
a child in time there is no finding, never a verdict.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

WORKER = Path(__file__).with_name("expression_worker.py")
MAX_FORMULA_CHARS = 500
MAX_REPLY_BYTES = 65_536


class Finding(NamedTuple):
    """What the child found: both sides as numbers (with whether decimals went in) where they are such, and equality.

    `variables` names the symbols with which the value of the answer changes.
    """

    key: tuple[Fraction, bool] | None = None
    answer: tuple[Fraction, bool] | None = None
    equal: bool = False
    variables: tuple[str, ...] = ()
    problem: str = ""


class Expressions(Protocol):
    """Anything that compares two formulas."""

    def compare(self, key: str, answer: str) -> Finding: ...


class ExpressionPool:
    """Up to `size` child processes, started when first needed, usable from any thread.

    A child that overruns `timeout_s` is killed and replaced at the next call; who waits longer than `wait_s` for a
    free one gets no finding. A forked copy of this process starts children of its own.
    """

    def __init__(
        self, *, size: int = 2, timeout_s: float = 5.0, start_timeout_s: float = 60.0, wait_s: float = 20.0
    ) -> None:
        self.timeout_s, self.start_timeout_s, self.wait_s = timeout_s, start_timeout_s, wait_s
        self._size = size
        self._idle: list[_Child] = []
        self._reset()
        os.register_at_fork(after_in_child=self._reset)
        atexit.register(self.close)

    def compare(self, key: str, answer: str) -> Finding:
        """Finding for one pair; its `problem` says why there is none. Never raises on text."""
        if max(len(key), len(answer)) > MAX_FORMULA_CHARS:
            return Finding(problem="formula too long")
        if not self._slots.acquire(timeout=self.wait_s):
            return Finding(problem="no comparison process was free")
        try:
            return self._ask(key, answer)
        finally:
            self._slots.release()

    def close(self) -> None:
        """End all idle children and wait for them. The pool starts new ones when asked again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.stop()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self._size)
        self._idle = []

    def _ask(self, key: str, answer: str) -> Finding:
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is None or not child.is_running():
            child = _Child()
            if child.read(self.start_timeout_s) is None:
                child.stop()
                return Finding(problem="the comparison process did not start")
        reply = child.ask(key, answer, self.timeout_s)
        if reply is None:
            child.stop()
            return Finding(problem="the comparison was stopped")
        with self._lock:
            self._idle.append(child)
        return _finding(reply)


class _Child:
    """One process with its two pipes; isolated mode and an empty environment keep secrets and our code from it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - fixed command
            [sys.executable, "-I", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            cwd="/",
            start_new_session=True,
        )

    def is_running(self) -> bool:
        if self._process.poll() is None:
            return True
        self.stop()
        return False

    def ask(self, key: str, answer: str, timeout_s: float) -> dict[str, Any] | None:
        """The child's reply, or None if it ended or did not reply in time."""
        assert self._process.stdin
        request = json.dumps({"key": key, "answer": answer, "timeout_s": timeout_s})
        try:
            self._process.stdin.write(request.encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            return None
        return self.read(timeout_s)

    def read(self, timeout_s: float) -> dict[str, Any] | None:
        """The next line as JSON, or None at the end of output, at the deadline, or when it is too long."""
        assert self._process.stdout
        deadline, received = time.monotonic() + timeout_s, b""
        # Not select.select: a worker with a thousand open calls has descriptors beyond its limit.
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not received.endswith(b"\n"):
                if len(received) > MAX_REPLY_BYTES or not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(self._process.stdout.fileno(), MAX_REPLY_BYTES)
                if not chunk:
                    return None
                received += chunk
        reply: dict[str, Any] = json.loads(received)
        return reply

    def stop(self) -> None:
        """Kill the process, wait for it, close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            # Unsent bytes cannot be flushed to a dead process.
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()


@cache
def shared_pool() -> ExpressionPool:
    """The pool of this process."""
    return ExpressionPool()


def _finding(reply: dict[str, Any]) -> Finding:
    return Finding(
        key=_number(reply["key"]),
        answer=_number(reply["answer"]),
        equal=reply["equal"],
        variables=tuple(reply.get("variables", ())),
        problem=reply.get("error", ""),
    )


def _number(reply: dict[str, Any] | None) -> tuple[Fraction, bool] | None:
    return (Fraction(reply["value"]), reply["has_decimals"]) if reply else None
