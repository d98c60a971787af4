"""Facts about processes: who they are, when they started, where they work; and how to end them by pid.

A bare pid proves nothing, since numbers come round again: a process is known by its start time and its command line.
"""

import contextlib
import ctypes
import functools
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
HAS_PROC = (PROC / "self/stat").exists()
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Identity(NamedTuple):
    """What tells a process from a later one with the same pid."""

    pid: int
    started: str
    command: str


def identity(pid: int) -> Identity | None:
    """Return who has this pid now, None for nobody or a zombie."""
    return _identity_from_proc(pid) if HAS_PROC else _identity_from_ps(pid)


def _identity_from_proc(pid: int) -> Identity | None:
    try:
        fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    if fields[0] in "ZX":
        return None
    return Identity(pid, f"{_boot_id()} {fields[19]}", command)


@functools.cache
def _boot_id() -> str:
    """Return the name of this boot: start times are counted from it."""
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()


def _identity_from_ps(pid: int) -> Identity | None:
    found = subprocess.run(
        ["ps", "-p", str(pid), "-o", "lstart=,stat=,command="], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=6)
    if len(found) < 7 or found[5].startswith("Z"):
        return None
    return Identity(pid, " ".join(found[:5]), found[6])


def is_same(recorded: Identity) -> bool:
    """Tell whether the recorded process still runs."""
    found = identity(recorded.pid)
    # Servers may rewrite their arguments to show a title; the program stays.
    return (
        found is not None
        and found.started == recorded.started
        and found.command.split()[:1] == recorded.command.split()[:1]
    )


def working_in(directory: Path) -> list[int]:
    """Return the live processes whose working directory this is: a server's own and its orphaned backends.

    Zombies have none and do not count. Without /proc nothing can be seen, and the list is empty.
    """
    found = []
    for entry in PROC.glob("[0-9]*") if HAS_PROC else ():
        with contextlib.suppress(OSError):
            if (entry / "cwd").readlink() == directory:
                found.append(int(entry.name))
    return found


def wait_gone(pid: int, timeout_s: float) -> bool:
    """Wait until a process, not necessarily our child, has ended."""
    try:
        handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    except (OSError, PermissionError):
        handle = None
    if handle is None:
        return wait_for(lambda: identity(pid) is None, timeout_s)
    try:
        return bool(select.select([handle], [], [], timeout_s)[0])
    finally:
        os.close(handle)


def wait_for(condition: Callable[[], bool], timeout_s: float, pause_s: float = 0.02) -> bool:
    """Look again and again until the condition holds; tell whether it did in time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause_s)
    return True


def end(pid: int, stop_signal: int, grace_s: float) -> None:
    """Ask a process to stop, wait, then kill it."""
    for number, wait_s in ((stop_signal, grace_s), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if wait_gone(pid, wait_s):
            return


def die_with_parent(stop_signal: int) -> Callable[[], None]:
    """Return a hook for a new child: the kernel sends it this signal when the launcher's main thread ends."""
    launcher = os.getpid()

    def hook() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if _libc is None:
            return
        _libc.prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
        if os.getppid() != launcher:
            os._exit(1)  # the launcher ended before the line above

    return hook


class Ledger:
    """The children of a launcher on disk, so that the next one can end what a hard kill left over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, tuple[Identity, int]] = {}

    def add(self, name: str, pid: int, stop_signal: int) -> None:
        """Record a child that has just been started."""
        who = identity(pid)
        if who:
            self._entries[name] = (who, stop_signal)
            self._write()

    def remove(self, name: str) -> None:
        """Forget a child that has ended."""
        self._entries.pop(name, None)
        self._write()

    def end_orphans(self, grace_s: float = 8.0) -> list[str]:
        """End what an earlier launcher left running, or this one lost hold of, latest first; return the names."""
        rows, ended = self._read(), []
        for name, recorded, stop_signal in reversed(rows):
            if is_same(recorded):
                end(recorded.pid, stop_signal, grace_s)
                ended.append(name)
        if rows:
            self._entries.clear()
            self._write()
        return ended

    def _read(self) -> list[tuple[str, Identity, int]]:
        try:
            rows = json.loads(self._path.read_text())
            return [(row["name"], Identity(row["pid"], row["started"], row["command"]), row["signal"]) for row in rows]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def _write(self) -> None:
        rows = [{"name": name, **who._asdict(), "signal": sent} for name, (who, sent) in self._entries.items()]
        half = self._path.with_suffix(".half")
        half.write_text(json.dumps(rows, indent=1))
        half.replace(self._path)
