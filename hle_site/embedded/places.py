"""Where the embedded servers keep their files, and under which user they run.

Nothing here starts a process. `Refusal` is the one exception that launchers show to their user as a sentence.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
APP = "hle-site"
# The longest path that Linux takes for a socket has 107 bytes, macOS 103.
LONGEST_SOCKET_PATH = 100
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")
MADE_BY_US = ".made-by-hle-site"


class Refusal(Exception):
    """Why the launcher cannot go on, as a sentence for its user."""


class InUse(Refusal):
    """Another process holds the state directory."""


class Account(NamedTuple):
    """The user that an embedded server runs as."""

    name: str
    uid: int
    gid: int


def default_state(checkout: Path = CHECKOUT) -> Path:
    """Return the state directory of a checkout: inside it, or for root under /var/lib by a hash of its path."""
    if os.geteuid() != 0:
        return checkout / ".state"
    digest = hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()
    return Path("/var/lib") / APP / digest[:10]


def make_state(state: Path) -> Path:
    """Create the state directory with our mark in it; return its real path."""
    state = state.absolute()
    if not (state / MADE_BY_US).exists() and has_files(state):
        raise Refusal(f"{state} holds other files. Name an empty or a new directory with --data-dir.")
    try:
        state.mkdir(parents=True, exist_ok=True)
        (state / MADE_BY_US).touch()  # first, so that a directory which its owner closed to writers stays as it is
        state.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refusal(f"Cannot write to {state}: {reason}. Name another directory with --data-dir.") from error
    return state.resolve()


def delete(state: Path) -> None:
    """Delete what is in a state directory, our mark last, so that an interrupted deletion can go on later."""
    for path in state.iterdir():
        if path.name == MADE_BY_US:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    (state / MADE_BY_US).unlink()


def has_files(path: Path) -> bool:
    """Tell whether a directory is there and not empty; refuse what is no directory."""
    try:
        return any(path.iterdir())
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise Refusal(f"{path} is not a directory. Name one with --data-dir.") from None
    except OSError as error:
        raise Refusal(f"Cannot read {path}: {error.strerror}. Name another directory with --data-dir.") from error


def server_account(state: Path, checkout: Path = CHECKOUT) -> Account:
    """Return the user for the servers: ourselves, or as root the first fitting unprivileged one."""
    if os.geteuid() != 0:
        return launcher_account()
    candidates: list[int | str] = [*_owners(state), checkout.stat().st_uid, _sudo_uid(), "postgres", "nobody"]
    for candidate in candidates:
        account = _account(candidate)
        if account and account.uid != 0:
            return account
    raise Refusal("PostgreSQL refuses to run as root, and this system has no user 'postgres' or 'nobody' for it.")


def _owners(state: Path) -> list[int]:
    """Owners of kept data directories: who made them must run them."""
    return [path.stat().st_uid for path in sorted(state.glob("pg[0-9]*"), reverse=True)]


def _sudo_uid() -> int:
    return int(os.environ.get("SUDO_UID", "0") or 0)


def _account(who: int | str) -> Account | None:
    try:
        entry = pwd.getpwnam(who) if isinstance(who, str) else pwd.getpwuid(who)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def launcher_account() -> Account:
    """Return the user that we run as."""
    account = _account(os.geteuid())
    if account:
        return account
    raise Refusal(f"User id {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL does not run without one.")


def give_directory(path: Path, account: Account) -> Path:
    """Create a directory that only the servers' user (and root) may enter."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(path, account.uid, account.gid)
    return path


def check_reachable(state: Path, account: Account) -> None:
    """Refuse a state directory that the servers' user cannot enter, as under a private home."""
    if os.geteuid() != 0:
        return
    probe = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(state)]
    if subprocess.run(probe, user=account.uid, group=account.gid, extra_groups=[], cwd="/", check=False).returncode:
        raise Refusal(
            f"PostgreSQL has to run as user {account.name}, who cannot enter {state}. Name another one with --data-dir."
        )


def socket_directory(state: Path, account: Account) -> Path:
    """Return the private directory for the sockets: in the state directory unless its path is too long or odd."""
    inside = state / "sockets"
    longest = os.fsencode(inside / ".s.PGSQL.5432")
    # Clients of the broker disagree about quoting, so a path with a space or an accent is avoided as well.
    if len(longest) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(str(inside)):
        return give_directory(inside, account)
    digest = hashlib.sha256(os.fsencode(state)).hexdigest()[:10]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if os.geteuid() != 0 else ""
    base = Path(runtime) if runtime and Path(runtime).is_dir() and len(runtime) < 60 else Path("/tmp")  # noqa: S108  owner checked
    return _private_short_directory(base / f"{APP}-{os.geteuid()}-{digest}", account)


def _private_short_directory(path: Path, account: Account) -> Path:
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.uid}:
        raise Refusal(f"{path} belongs to somebody else; remove it or name a shorter directory with --data-dir.")
    return give_directory(path, account)


def private_copy(source: list[Path], target: Path) -> Path:
    """Copy programs side by side to where the servers' user can reach them; complete or not there at all."""
    if target.is_dir():
        return target
    target.parent.mkdir(exist_ok=True)
    target.parent.chmod(0o755)
    for half in target.parent.glob(".half-*"):
        shutil.rmtree(half)
    half = Path(tempfile.mkdtemp(prefix=".half-", dir=target.parent))
    half.chmod(0o755)
    for path in source:
        shutil.copytree(path, half / path.name, ignore=shutil.ignore_patterns("include", "*.a", "doc", "__pycache__"))
    half.rename(target)
    return target


def wheel_directory(name: str) -> Path | None:
    """Return where a wheel's package lies, without importing it."""
    for entry in sys.path:
        path = Path(entry or ".") / name
        if path.is_dir():
            return path.resolve()
    return None
