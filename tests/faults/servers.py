"""A broker and a database of a test's own, to be killed and brought back. Each is ended by its pid."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from hle_site import embedded
from hle_site.embedded import postgres, valkey


class Broker:
    """A Valkey that keeps nothing: what it held is gone when it is killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "v.sock"
        self.url = f"redis+socket://{self.socket}?virtual_host=0"
        self._binary = valkey.find_binary(folder, copy=False)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        options = ["--port", "0", "--unixsocket", self.socket, "--dir", self.folder, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([self._binary, *options], stdout=subprocess.DEVNULL)
        while not self._answers():
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        assert self._process
        self._process.kill()
        self._process.wait()
        self.socket.unlink(missing_ok=True)

    def flush(self) -> None:
        """Forget every message and everything else."""
        with self.client() as redis:
            redis.flushall()

    def client(self) -> Redis:
        """Return a client that does not try twice."""
        return Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))

    def _answers(self) -> bool:
        try:
            with self.client() as redis:
                return bool(redis.ping())
        except RedisError:
            return False


@contextmanager
def own_broker() -> Iterator[Broker]:
    """A running broker."""
    folder = Path(tempfile.mkdtemp(prefix="broker-"))
    broker = Broker(folder)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
        shutil.rmtree(folder)


class Database:
    """A PostgreSQL with a copy of the test's database, to which the connection of this process points while it runs."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._services = embedded.services(state)

    def fill(self) -> None:
        """Copy the test's database."""
        programs = postgres.find_binaries(self.state, copy=os.geteuid() == 0).directory
        source = connection.settings_dict
        host = source["OPTIONS"]["host"] if "host" in source["OPTIONS"] else source["HOST"]
        dump = [programs / "pg_dump", "-h", host, "-U", source["USER"], "--no-owner", source["NAME"]]
        load = [programs / "psql", "-X", "-q", "-h", self.host, "-U", source["USER"], "-d", embedded.DATABASE]
        with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumped:
            subprocess.run(load, stdin=dumped.stdout, stdout=subprocess.DEVNULL, check=True)

    @property
    def url(self) -> str:
        """The address for a process of the site."""
        return self._services.database_url

    @property
    def host(self) -> str:
        """The directory of its socket."""
        return self.url.partition("?host=")[2]

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        server = next(child for child in self._services.children if child.name == "postgres")
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        connection.close()

    def start_again(self) -> None:
        """Start it on what it has written."""
        self._services.stop()
        self._services = embedded.services(self.state)

    def stop(self) -> None:
        """End it."""
        self._services.stop()


@contextmanager
def own_database() -> Iterator[Database]:
    """A running copy of the test's database; this process uses it until the block ends."""
    with tempfile.TemporaryDirectory(prefix="hle-fault-") as base:
        Path(base).chmod(0o755)
        database = Database(Path(base) / "state")
        before = connection.settings_dict
        try:
            database.fill()
            connection.close()
            options = {name: value for name, value in before["OPTIONS"].items() if name != "host"}
            connection.settings_dict = {
                **before,
                "NAME": embedded.DATABASE,
                "HOST": database.host,
                "OPTIONS": options,
                "CONN_MAX_AGE": 0,
            }
            yield database
        finally:
            connection.close()
            connection.settings_dict = before
            database.stop()
