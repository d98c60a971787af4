"""Children of a launcher: started apart from the terminal, logged to files, tied to its life, ended by pid."""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hle_site.embedded.places import Account, Refusal
from hle_site.embedded.processes import Ledger, die_with_parent, end

LAST_LINES = 12
DISK_FULL = os.strerror(errno.ENOSPC)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Child(NamedTuple):
    """A started process with what is needed to watch and to end it."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: int

    def has_ended(self) -> bool:
        """Tell whether it has ended, and reap it if so."""
        return self.process.poll() is not None


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path,
    ledger: Ledger,
    stop_signal: int = signal.SIGTERM,
    account: Account | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a child; call it from the main thread only, since the child ends with the thread that started it."""
    try:
        with log.open("ab") as output, undisturbed():
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                umask=0o077,
                pass_fds=pass_fds,
                preexec_fn=die_with_parent(stop_signal),  # noqa: PLW1509  the launcher has no other thread
                **as_account(account),
            )
            ledger.add(name, process.pid, stop_signal)
    except OSError as error:
        raise Refusal(f"Cannot start {name}: {error}.") from error
    return Child(name, process, log, stop_signal)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back a stop request, as until a new child is recorded; the child itself starts with no signal held back."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def as_account(account: Account | None) -> dict[str, Any]:
    """Return the arguments of Popen that drop root for an account; none when we are no root."""
    if account is None or os.geteuid() != 0:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def stop(child: Child, ledger: Ledger, grace_s: float = 10.0) -> None:
    """End a child, by force after the grace time, and whatever is left of its process group."""
    if not child.has_ended():
        end(child.process.pid, child.stop_signal, grace_s)
    child.process.wait()
    _kill_group(child.process.pid)
    ledger.remove(child.name)


def _kill_group(group: int) -> None:
    """Kill what a child left in its session, such as the workers of a web server that was killed."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def put_aside(logs: Path) -> None:
    """Keep the logs of the last start beside those of this one, and no older ones."""
    for log in logs.glob("*.log"):
        log.replace(log.with_suffix(".log.1"))


def last_lines(log: Path, count: int = LAST_LINES) -> str:
    """Return the end of a log, indented for the terminal."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines)


def failure(name: str, log: Path) -> Refusal:
    """Return the refusal for a process that could not do its work."""
    return _with_log(f"{name} failed", log)


def died(child: Child) -> Refusal:
    """Return the refusal for a process that ended by itself."""
    return _with_log(f"{child.name} has ended by itself (exit status {child.process.returncode})", child.log)


def _with_log(what: str, log: Path) -> Refusal:
    text = last_lines(log)
    if DISK_FULL in text:
        return disk_full(log.parent.parent)
    return Refusal(f"{what}. The end of its log {log}:\n{text}")


def disk_full(place: Path) -> Refusal:
    """Return the refusal for a full disk."""
    return Refusal(f"The disk is full: nothing can be written to {place}. Free some space and start again.")


def refusal_of(error: OSError, place: Path) -> Refusal:
    """Return the refusal for what the system said about a state directory."""
    if DISK_FULL in str(error):  # one that sums up several has no number
        return disk_full(place)
    return Refusal(f"Cannot use {place}: {error.strerror or error}.")


def stop_on_signals() -> None:
    """Treat a closed terminal and a polite kill as Ctrl-C, except under nohup, which asks to outlive the terminal."""
    for number in STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def ignoring_signals_afterwards() -> Iterator[None]:
    """Run the body, then let nothing interrupt the stopping."""
    try:
        yield
    finally:
        ignore_signals()


def ignore_signals() -> None:
    """Let nothing interrupt the stopping."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
