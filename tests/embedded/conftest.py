"""State directories for embedded servers, and launchers that run in processes of their own."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hle_site import embedded
from hle_site.embedded import environment, processes
from hle_site.embedded.places import CHECKOUT


@pytest.fixture
def fresh() -> Iterator[Path]:
    """Yield a state directory to be made, in a place that the servers' user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="hle-test-") as base:
        Path(base).chmod(0o755)
        yield Path(base) / "state"


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """Yield a state directory with a finished cluster, shared by the tests that leave it whole."""
    with tempfile.TemporaryDirectory(prefix="hle-test-") as base:
        Path(base).chmod(0o755)
        embedded.services(Path(base) / "state", durable=False).stop()
        yield Path(base) / "state"


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Yield a function that starts a Python command in the checkout; whatever still runs is killed at the end."""
    started = []

    def start(*command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=CHECKOUT,
            env=environment.base(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def users_of() -> Callable[[Path], list[int]]:
    """Return a function that lists the live processes whose command line names a state directory."""

    def find(state: Path) -> list[int]:
        pids = [int(entry.name) for entry in processes.PROC.glob("[0-9]*")]
        found = [processes.identity(pid) for pid in pids if pid != os.getpid()]
        return [who.pid for who in found if who and str(state) in who.command]

    return find
