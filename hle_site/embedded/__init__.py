"""Private PostgreSQL and Valkey for the demo and the tests: two servers on unix sockets in one state directory.

Reads no settings and no models. The servers end with the launcher that started them, however it ends.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from hle_site.embedded import places, postgres, supervisor, valkey
from hle_site.embedded.places import InUse, Refusal
from hle_site.embedded.processes import Ledger

__all__ = ["Refusal", "Services", "begin", "services"]

DATABASE = "app"


class Services:
    """The running servers of a state directory; ends them as a context manager or by `stop`."""

    def __init__(self, state: Path, *, durable: bool) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("embedded servers end with the thread that starts them: start them from the main one")
        self.state = places.make_state(state)
        self._lock = _hold(self.state)
        self.ledger = Ledger(self.state / "run/children.json")
        self._postgres: postgres.Postgres | None = None
        self._valkey: valkey.Valkey | None = None
        self.is_new = False
        with self._stop_on_failure():
            self._begin(durable=durable)

    @contextlib.contextmanager
    def _stop_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with supervisor.undisturbed():
                self.stop()
            raise

    def _begin(self, *, durable: bool) -> None:
        for name in ("logs", "run"):
            (self.state / name).mkdir(mode=0o700, exist_ok=True)
        supervisor.put_aside(self.state / "logs")
        self.ended_orphans = self.ledger.end_orphans()
        account = places.server_account(self.state)
        launcher = places.launcher_account()
        places.check_reachable(self.state, account)
        sockets = places.socket_directory(self.state, account)
        self._valkey = valkey.start(self.state, sockets, account, launcher, durable=durable, ledger=self.ledger)
        self._postgres = postgres.start(self.state, sockets, account, launcher, durable=durable, ledger=self.ledger)

    def wait_ready(self) -> None:
        """Wait until both servers answer and the database `app` is there; `is_new` tells whether it just came to be."""
        assert self._postgres, "begun in the constructor"
        assert self._valkey, "begun in the constructor"
        with self._stop_on_failure():
            postgres.wait_ready(self._postgres)
            valkey.wait_ready(self._valkey)
            self.is_new = self.ensure_database(DATABASE)

    @property
    def database_url(self) -> str:
        """The address of the database `app`, in the form that Django's environment readers take."""
        return self.database_url_of(DATABASE)

    def database_url_of(self, name: str) -> str:
        """Return the address of a database of this server, readable to django-environ and to libpq."""
        assert self._postgres, "the servers run"
        return f"postgres://{postgres.ROLE}@/{name}?host={self._postgres.sockets}"

    @property
    def redis_url(self) -> str:
        """The address of the broker, in the form that Celery takes."""
        assert self._valkey, "the servers run"
        return f"redis+socket://{self._valkey.socket}?virtual_host=0"

    @property
    def children(self) -> list[supervisor.Child]:
        """The server processes, to be watched by a launcher."""
        return [server.child for server in (self._valkey, self._postgres) if server]

    def ensure_database(self, name: str) -> bool:
        """Create a database unless it is there; tell whether it was created."""
        assert self._postgres, "the servers run"
        return postgres.ensure_database(self._postgres, name)

    def empty_database(self) -> None:
        """Put a new, empty database `app` in the place of the old one."""
        self.query(f'DROP DATABASE "{DATABASE}" WITH (FORCE)')
        self.is_new = self.ensure_database(DATABASE)

    def applied_migrations(self) -> list[str]:
        """Return the migrations that the database `app` has seen, named `app.name`."""
        if not self.query("SELECT to_regclass('django_migrations')", DATABASE):
            return []
        return self.query("SELECT app || '.' || name FROM django_migrations", DATABASE).splitlines()

    def query(self, sql: str, database: str = "postgres") -> str:
        """Run one statement and return its plain output."""
        assert self._postgres, "the servers run"
        return postgres.query(self._postgres, sql, database)

    def stop(self) -> None:
        """End the broker, the database and what was lost while it started, then give the state directory free."""
        if self._lock.closed:
            return
        for child in self.children:
            supervisor.stop(child, self.ledger)
        self._valkey = self._postgres = None
        self.ledger.end_orphans()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def services(state_dir: Path, *, durable: bool = True) -> Services:
    """Start PostgreSQL and Valkey for a state directory, which nobody else may use meanwhile.

    Without `durable` a power cut may lose everything: for tests. Raises `Refusal` with a sentence for the user.
    """
    running = begin(state_dir, durable=durable)
    running.wait_ready()
    return running


def begin(state_dir: Path, *, durable: bool = True) -> Services:
    """Start both servers without waiting for them, so that the caller can start others meanwhile."""
    try:
        return Services(Path(state_dir), durable=durable)
    except OSError as error:
        raise supervisor.refusal_of(error, Path(state_dir)) from error


def remove(state: Path) -> bool:
    """Empty a state directory that we made and that nobody uses, after ending what it left running; False if it is empty."""
    if not places.has_files(state):
        return False
    if not (state / places.MADE_BY_US).exists():
        raise Refusal(f"{state} was not made by this program, so it is not deleted.")
    lock = _hold(state)
    with contextlib.closing(lock):
        Ledger(state / "run/children.json").end_orphans()
        places.delete(state)
    return True


def check_free(state: Path) -> None:
    """Refuse a state directory that another process holds, before anything else is tried."""
    if (state / "lock").exists():
        _hold(state).close()


def _hold(state: Path) -> IO[str]:
    """Lock a state directory for the life of this process."""
    lock = (state / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise InUse(f"{state} is in use by process {holder}. Stop that one first or name another directory.") from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
