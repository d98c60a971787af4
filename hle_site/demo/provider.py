"""The simulated provider while the demo is seeded: a process of its own, on its own socket, that answers at once."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from hle_site.demo import panel
from hle_site.embedded.processes import die_with_parent

LOOPBACK = "127.0.0.1"
STOP_S = 10


@contextmanager
def answering_at_once() -> Iterator[None]:
    """Point this process to a simulator without delays, which ends with the block and with this process.

    Nobody waits for it to be ready: the socket listens already, and a call waits a moment in its queue.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server((LOOPBACK, 0), backlog=1024) as listener:
        number, token = listener.fileno(), secrets.token_urlsafe(24)
        command = [sys.executable, "-m", "grading.simulator", "--fd", str(number)]
        command += ["--script", str(panel.write_seeding_script(Path(folder)))]
        with subprocess.Popen(  # noqa: S603  our own program, no shell
            command,
            cwd=settings.BASE_DIR,
            env={**os.environ, "SIMULATOR_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(number,),
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  nothing else runs in this process yet
        ) as process:
            try:
                address = f"http://{LOOPBACK}:{listener.getsockname()[1]}/v1"
                with _environment(SIMULATOR_URL=address, SIMULATOR_TOKEN=token):
                    yield
            finally:
                process.terminate()
                process.wait(STOP_S)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
