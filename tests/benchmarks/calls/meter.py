"""The processes of a run: started, read from /proc, ended by their pid."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hle_site.embedded.places import CHECKOUT
from hle_site.embedded.processes import die_with_parent

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
HERE = Path(__file__).parent


class Usage(NamedTuple):
    """What a number of calls cost the process that made them; memory in units of 1,000 bytes."""

    calls: int
    cpu_s: float
    wall_s: float
    peak_rss_kb: int = 0

    @property
    def cpu_ms_per_call(self) -> float:
        """Processor milliseconds of one call."""
        return 1_000 * self.cpu_s / self.calls


class Peer:
    """A process that makes N calls when told to, and tells what they cost."""

    def __init__(self, command: Sequence[str]) -> None:
        self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, calls: int) -> Usage:
        """Make the calls and return their cost. Raises RuntimeError when the process has ended."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{calls}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a peer ended: {self.process.args!r}")
        return Usage(**json.loads(line))


class Stub:
    """The stand-in for a provider."""

    def __init__(self) -> None:
        self.process = start([sys.executable, str(HERE / "stub.py")], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.address = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.base_url = f"{self.address}/v1"

    def state(self) -> dict[str, int]:
        """Return how many calls came, under how many ids, and how many are in flight."""
        with urllib.request.urlopen(f"{self.address}/state") as response:
            return dict(json.load(response))

    def set_latency(self, seconds: float) -> None:
        """Let each call that comes from now on take so long, and count the most in flight anew."""
        urllib.request.urlopen(f"{self.address}/latency/{seconds}", data=b"").close()


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a process in the checkout that does not outlive this one."""
    hook = die_with_parent(signal.SIGTERM)
    return subprocess.Popen(command, cwd=CHECKOUT, preexec_fn=hook, **options)  # noqa: PLW1509  started before any thread


@contextlib.contextmanager
def ending(process: subprocess.Popen[Any], *, grace_s: float = 30) -> Iterator[subprocess.Popen[Any]]:
    """End the process with the block: asked to first, then by force."""
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
        process.kill()
        process.wait()


def tree(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and its descendants, ended ones that were waited for included."""
    total = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS_PER_S


def rss_kb(pid: int) -> int:
    """Resident memory of a process and its descendants, in units of 1,000 bytes."""
    total = 0
    for member in tree(pid):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{member}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") // 1_000


def peak_rss_kb(pid: int) -> int:
    """Most resident memory that the process itself has had, in units of 1,000 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1_024 // 1_000


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until the condition holds. Raises TimeoutError."""
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
