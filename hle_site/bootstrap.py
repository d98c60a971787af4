"""`.venv` from the lock files, for the launchers of `manage.py`: standard library only, as in all that it imports.

The stamp in `.venv` is written last. An environment without one was cut short and is deleted, since no installer
repairs half-written packages; one with the stamp of another lock is brought up to date.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from hle_site.embedded.processes import die_with_parent
from hle_site.embedded.supervisor import stop_on_signals

CHECKOUT = Path(__file__).resolve().parent.parent
UV_LOCK = Path(__file__).with_name("bootstrap.lock")
LOCKS = {"core": "requirements.lock", "dev": "tests/requirements.lock"}
SETS = {"demo": ["core"], "test": ["core", "dev"], "bench": ["core", "dev"]}
# Variables that would send an install elsewhere or change what runs; index, proxy and cache variables stay.
FOREIGN = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__"),
    *(f"PIP_{name}" for name in ("TARGET", "PREFIX", "USER", "REQUIRE_VIRTUALENV", "CONSTRAINT", "NO_BINARY", "ROOT")),
    *(f"UV_{name}" for name in ("PYTHON", "TARGET", "SYSTEM_PYTHON", "CONSTRAINT", "NO_BINARY", "PROJECT_ENVIRONMENT")),
)
NO_NETWORK = (
    *("dns error", "error sending request", "Failed to fetch", "Name or service not known", "name resolution"),
    *("Connection refused", "NewConnectionError", "Network is unreachable", "Max retries", "timed out", "No address"),
    *("ConnectionError", "Network connectivity is disabled", "client error (Connect)", "Could not connect"),
    "ProxyError",
)
UNTRUSTED = ("invalid peer certificate", "CERTIFICATE_VERIFY_FAILED", "certificate verify failed")


class SetupError(Exception):
    """Why the environment cannot be made, as a sentence for the user."""


class Failed(Exception):
    """What an installer printed before it gave up."""


class Paths(NamedTuple):
    """The places of one checkout."""

    checkout: Path
    venv: Path
    python: Path
    stamp: Path
    boot: Path

    @classmethod
    def of(cls, checkout: Path) -> "Paths":
        """Return the places below a checkout."""
        venv = checkout / ".venv"
        return cls(checkout, venv, venv / "bin/python", venv / ".lock-stamp", checkout / ".boot")


def ensure(argv: Sequence[str], checkout: Path = CHECKOUT) -> None:
    """Return when this very process runs in a fitting `.venv`; else make it and run the same command there."""
    stop_on_signals()
    _open_standard_files()
    paths = Paths.of(checkout)
    wanted = [*SETS[argv[1]], *_extras(argv)]
    inside = Path(sys.prefix).resolve() == paths.venv.resolve()
    try:
        if inside and importlib.util.find_spec("django") is None:
            paths.stamp.unlink(missing_ok=True)
        if fits(paths, wanted):
            return None if inside else _run_in(paths, argv)
        if inside:  # an environment cannot rebuild itself
            _execute(Path(sys._base_executable), argv)  # type: ignore[attr-defined]  # noqa: SLF001  the way out of a venv
        build(paths, wanted)
        _run_in(paths, argv)
    except SetupError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(_sentence(str(error)) or f"Cannot set up {paths.venv}: {error}.")
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next start begins the set-up again.")


def _open_standard_files() -> None:
    """Give input, output and errors a place when the shell has closed them, so that no socket gets one of their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def run_launcher(argv: Sequence[str]) -> NoReturn:
    """Run `demo`, `test` or `bench` without Django's settings, which need the services that these commands start."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # of another project: Django would read it when it closes
    command = importlib.import_module(f"hle_site.management.commands.{argv[1]}").Command()
    command.run_from_argv(list(argv))
    raise SystemExit(0)


def require_django() -> None:
    """Refuse in a sentence when this Python has no Django."""
    if importlib.util.find_spec("django") is None:
        sys.exit(
            "This Python has no Django: run `python3 manage.py demo` first, then use `.venv/bin/python manage.py`."
        )


def _extras(argv: Sequence[str]) -> list[str]:
    """Return the names behind `--extra`."""
    pairs = zip(argv, [*argv[1:], ""], strict=True)
    spaced = [value for name, value in pairs if name == "--extra"]
    return spaced + [part.removeprefix("--extra=") for part in argv if part.startswith("--extra=")]


def _run_in(paths: Paths, argv: Sequence[str]) -> NoReturn:
    _execute(paths.python, argv)


def _execute(python: Path, argv: Sequence[str]) -> NoReturn:
    os.execve(python, [str(python), *argv], clean_environment())  # noqa: S606  ourselves, no shell


def clean_environment() -> dict[str, str]:
    """Return our environment without what points to other environments or changes how Python behaves."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN and name[:6] != "PYTHON"}


def fits(paths: Paths, wanted: Sequence[str]) -> bool:
    """Tell whether a finished `.venv` of this Python and place holds these sets at the locked versions."""
    expected = _expected_stamp(paths, wanted)
    return expected.items() <= read_stamp(paths).items() and paths.python.exists()


def read_stamp(paths: Paths) -> dict[str, str]:
    """Return what the stamp says: name of the set -> hash; empty without a stamp."""
    try:
        return dict(line.split(" ", 1) for line in paths.stamp.read_text().splitlines())
    except (OSError, ValueError):
        return {}


def _expected_stamp(paths: Paths, names: Sequence[str]) -> dict[str, str]:
    home = f"{sys.version}\n{paths.checkout}"
    return {"home": _digest(home.encode()), **{name: _digest(_source(paths, name)) for name in names}}


def _source(paths: Paths, name: str) -> bytes:
    if name in LOCKS:
        return (paths.checkout / LOCKS[name]).read_bytes()
    return "\n".join(requirements_of_extra(paths, name)).encode()


def requirements_of_extra(paths: Paths, name: str) -> list[str]:
    """Return what pyproject.toml lists for an optional extra."""
    extras = _listed_extras(paths)
    if name not in extras:
        raise SetupError(f"There is no extra {name!r}; pyproject.toml knows {', '.join(sorted(extras))}.")
    return extras[name]


def _listed_extras(paths: Paths) -> dict[str, list[str]]:
    project = tomllib.loads((paths.checkout / "pyproject.toml").read_text())["project"]
    return dict(project["optional-dependencies"])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write_stamp(paths: Paths, names: Sequence[str]) -> None:
    """Write the stamp in one step, after everything else is on the disk."""
    text = "".join(f"{name} {digest}\n" for name, digest in _expected_stamp(paths, names).items())
    with tempfile.NamedTemporaryFile("w", dir=paths.venv, delete=False) as half:
        half.write(text)
        half.flush()
        os.fsync(half.fileno())
    Path(half.name).replace(paths.stamp)


def build(paths: Paths, wanted: Sequence[str]) -> None:
    """Make or update `.venv`, one process at a time; sets that it already had are kept.

    Extras stay while the locks stay, so that runs with and without one may take turns; a changed lock is brought in by a
    sync, which takes out what no lock names, and then only the wanted extras come back.
    """
    with _alone(paths):
        if fits(paths, wanted):
            return
        locked = [name for name in LOCKS if name in {*wanted, *read_stamp(paths)}]
        is_new_lock, is_at_home = not fits(paths, locked), fits(paths, [])
        kept = [] if is_new_lock else _intact_extras(paths)
        missing = [name for name in dict.fromkeys(wanted) if name not in {*LOCKS, *kept}]
        paths.stamp.unlink(missing_ok=True)
        if not is_at_home:
            _delete(paths.venv)
        if is_new_lock:
            _install(paths, locked, first=not paths.venv.exists())
        for extra in missing:
            _install_extra(paths, extra, locked)
        write_stamp(paths, [*locked, *kept, *missing])


def _intact_extras(paths: Paths) -> list[str]:
    """Return the extras in the environment that pyproject.toml still lists as they were installed."""
    listed = _listed_extras(paths)
    return [name for name in read_stamp(paths) if name in listed and fits(paths, [name])]


@contextlib.contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    paths.boot.mkdir(exist_ok=True)
    with (paths.boot / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another process is setting up .venv; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)  # an installer that outlives us holds it as well
        yield


def _delete(venv: Path) -> None:
    if venv.is_symlink():
        raise SetupError(f"{venv} is a link to somewhere else; remove it and start again.")
    if venv.exists():
        shutil.rmtree(venv)


def _install(paths: Paths, names: Sequence[str], *, first: bool) -> None:
    locks = [str(paths.checkout / LOCKS[name]) for name in names]
    _say(f"{'Setting up' if first else 'Updating'} .venv from {' and '.join(LOCKS[name] for name in names)} ...")
    try:
        uv = _find_uv(paths)
        if uv:
            return _install_by_uv(paths, uv, locks)
    except Failed as failed:
        # A mirror may be known to pip alone, so pip is asked before the user is told.
        if not _is_network(str(failed)) or importlib.util.find_spec("pip") is None:
            raise SetupError(explain(str(failed))) from failed
    try:
        _install_by_pip(paths, locks)
    except Failed as failed:
        raise SetupError(explain(str(failed))) from failed
    return None


def _find_uv(paths: Paths) -> str | None:
    found = shutil.which("uv")
    if found and _works(found):
        return found
    home = paths.boot / f"uv-{_digest(UV_LOCK.read_bytes())[:12]}"
    if not home.is_dir() and not _fetch_uv(paths, home):
        return None
    return str(home / "bin/uv")


def _works(program: str) -> bool:
    """Tell whether a program on PATH runs: a version manager's shim may only print an error."""
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


def _fetch_uv(paths: Paths, home: Path) -> bool:
    for old in paths.boot.glob("half-*"):
        shutil.rmtree(old)
    half = Path(tempfile.mkdtemp(prefix="half-", dir=paths.boot))
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--require-hashes"]
    command = ["-m", "pip", "install", *options, "--only-binary", ":all:", "--target", str(half), "-r", str(UV_LOCK)]
    try:
        _run([_base_python(), *command])
        half.rename(home)
    except Failed as failed:
        shutil.rmtree(half, ignore_errors=True)
        if _sentence(str(failed)):
            raise
        return False
    return True


def _install_by_uv(paths: Paths, uv: str, locks: Sequence[str]) -> None:
    if not paths.venv.exists():
        _run([uv, "venv", "--no-config", "--quiet", "--python", _base_python(), str(paths.venv)])
    options = ["--no-config", "--quiet", "--require-hashes", "--python", str(paths.python)]
    try:
        _run([uv, "pip", "sync", *options, *locks])
    except Failed as failed:
        if not _is_network(str(failed)):
            raise
        with _reported_as(failed):  # all may be in the cache, which uv believes without the network only when told
            _run([uv, "pip", "sync", "--offline", *options, *locks])


@contextlib.contextmanager
def _reported_as(first: Failed) -> Iterator[None]:
    try:
        yield
    except Failed:
        raise first from None


def _install_by_pip(paths: Paths, locks: Sequence[str]) -> None:
    _say("Without uv this takes a few minutes.")
    _delete(paths.venv)
    _run([_base_python(), "-m", "venv", str(paths.venv)])
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1"]
    files = [part for lock in locks for part in ("-r", lock)]
    _run([str(paths.python), "-m", "pip", "install", *options, "--require-hashes", "--only-binary", ":all:", *files])


def _install_extra(paths: Paths, name: str, locked: Sequence[str]) -> None:
    """Install an optional extra by pip, which alone follows where the user gets builds for a graphics card from.

    What the installed locks name keeps its version, so that the extra can be left in place.
    """
    _say(f"Adding the extra {name} ...")
    lines = [line for lock in locked for line in (paths.checkout / LOCKS[lock]).read_text().splitlines()]
    pins = "\n".join(line.removesuffix("\\").strip() for line in lines if line[:1].isalnum())
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write(pins)
        constraints.flush()
        pip = [_base_python(), "-m", "pip", "--python", str(paths.python), "install", "--quiet", "--no-input"]
        try:
            _run([*pip, "-c", constraints.name, *requirements_of_extra(paths, name)])
        except Failed as failed:
            raise SetupError(explain(str(failed))) from failed


def _base_python() -> str:
    """Return the Python outside any virtual environment that we may have been started from."""
    return getattr(sys, "_base_executable", None) or sys.executable


def _run(command: Sequence[str]) -> None:
    """Run an installer, which ends with us or, where the system cannot do that, keeps others out until it has ended."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=clean_environment(),
        close_fds=False,  # all others are closed by themselves
        preexec_fn=die_with_parent(signal.SIGKILL),
        check=False,
    )
    if done.returncode != 0:
        raise Failed(done.stdout)


def explain(output: str) -> str:
    """Return the sentence for what an installer printed."""
    known = _sentence(output)
    if known:
        return known
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        return f"The package index does not offer {missing[1]}. Check which index and links pip is set to use."
    last = "\n".join(f"    {line}" for line in output.strip().splitlines()[-6:])
    return f"The packages could not be installed; the installer said:\n{last}"


def _sentence(output: str) -> str | None:
    if "No space left on device" in output:
        return "The disk is full: the environment in .venv needs about 1 GB. Free some space and start again."
    if "ensurepip" in output:
        return "This Python has no venv module: install the system package python3-venv (or uv) and start again."
    if "hash" in output.lower() and "mismatch" in output.lower():
        return (
            "A downloaded package does not have the recorded hash, so it was not installed. Check your package index."
        )
    if "Permission denied" in output:
        return f"Cannot write to {CHECKOUT}: run this as its owner, or in a copy of your own."
    if any(sign in output for sign in UNTRUSTED):
        return "The certificate of the package index is not trusted here. Name your authority in PIP_CERT and SSL_CERT_FILE."
    if _is_network(output):
        return "The package index cannot be reached. Only the first start needs the network: connect and start again."
    return None


def _is_network(output: str) -> bool:
    """Tell whether an installer met no index that it trusts, where another installer, set up apart, may meet one."""
    return any(sign in output for sign in (*NO_NETWORK, *UNTRUSTED))


def _say(text: str) -> None:
    print(text, flush=True)
