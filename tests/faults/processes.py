"""Real Celery processes on the test's own database, ended by their pid."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.db import connection

from tests.spread import broker_beside

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "HEARTBEAT_INTERVAL_S": "0.5",
    "WORKER_DEAD_AFTER_S": "3",
    "SWEEP_INTERVAL_S": "1",
    "CONN_MAX_AGE": "0",
    "DJANGO_SETTINGS_MODULE": "hle_site.settings",
}


def environment(**more: str) -> dict[str, str]:
    """The environment of this process, pointed at the test's database, with short intervals and a broker that nobody else reads.

    So messages of this process do not arrive there: the sweep alone finds the work.
    """
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    return {**os.environ, **QUICK, "DATABASE_URL": address.geturl(), "REDIS_URL": broker_beside(), **more}


@contextmanager
def celery(folder: Path, *arguments: str, **more: str) -> Iterator[subprocess.Popen]:
    """A Celery process, killed at the end if it still runs; its log lies in the folder."""
    command = [sys.executable, "-m", "celery", "-A", "hle_site.celery", *arguments]
    with (folder / f"{arguments[0]}-{time.monotonic_ns()}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(**more), stdout=log, stderr=log)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(20)


def worker(folder: Path, **more: str) -> Iterator[subprocess.Popen]:
    """A worker as in production, with 8 threads."""
    return celery(
        folder,
        "worker",
        "--pool",
        "threads",
        "-c",
        "8",
        "--without-mingle",
        "--without-gossip",
        "-l",
        "WARNING",
        **more,
    )


def beat(folder: Path, **more: str) -> Iterator[subprocess.Popen]:
    """The clock of the sweeps."""
    return celery(folder, "beat", "-s", str(folder / "schedule"), "--pidfile", "", "-l", "WARNING", **more)


def wait_for(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Poll until the condition holds."""
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, f"not within {seconds} s: {what}"
        time.sleep(0.1)
