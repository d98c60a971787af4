"""`manage.py test`: pytest in two processes, on a PostgreSQL and a Valkey of their own, which end with it.

Runs without Django's settings, since those name the services that it starts.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence

from django.core.management.base import BaseCommand

from hle_site import embedded
from hle_site.embedded import environment, places, supervisor
from hle_site.embedded.places import CHECKOUT, InUse, Refusal
from hle_site.embedded.processes import die_with_parent

CLUSTERS = 4
ALSO = ("REQUIRE_BROWSER", "HLE_SAMPLE_DATA", "CI", "TERM", "COLUMNS", "LOG_LEVEL")
SLICE = "not long and not benchmark"
LONG_SLICE = "not benchmark"
OF_EXTRA = {"crosslingual": "crosslingual"}  # extra -> the marker of the tests that need it, which then run alone
PROCESSES = 2
ALONE = ("-s", "--capture=no", "--pdb", "--trace", "--collect-only", "--co")  # show what one process says


class Command(BaseCommand):
    """Start the services, run pytest, stop the services; the exit status is pytest's."""

    help = "Run the tests; arguments that are not listed here go to pytest."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Split our options from pytest's."""
        parser = argparse.ArgumentParser(prog="manage.py test", description=self.help, allow_abbrev=False)
        parser.add_argument("--long", action="store_true", help="include the tests that the default run leaves out")
        parser.add_argument(
            "--extra", help="install an optional extra of pyproject.toml first; with crosslingual only its tests run"
        )
        options, rest = parser.parse_known_args(argv[2:])
        extra = options.extra or ""
        command = pytest_command(rest, long=options.long, cores=available_cores(), extra=extra)
        sys.exit(run_on_services(command, extra=extra))


def pytest_command(arguments: Sequence[str], *, long: bool, cores: int, extra: str = "") -> list[str]:
    """Return the command for pytest, with only the plugins that are used: the others cost seconds a process.

    With an extra that has tests of its own only these run, in one process, since such a library uses all processors itself.
    """
    marks, plugins = LONG_SLICE if long else SLICE, ["-p", "pytest_django.plugin"]
    if extra in OF_EXTRA:
        marks = f"{OF_EXTRA[extra]} and {marks}"
    else:
        plugins += spread(arguments, cores)
    return [sys.executable, "-m", "pytest", *plugins, "-m", marks, *arguments]


def spread(arguments: Sequence[str], cores: int) -> list[str]:
    """Return the options that share the tests among processes: two by default, as many as asked for, none for single files."""
    is_asked = any(part.startswith(("-n", "--numprocesses", "--dist")) for part in arguments)
    if not is_asked and (cores < PROCESSES or any(map(_is_for_one_process, arguments))):
        return []
    options = ["-p", "xdist.plugin", "-p", "tests.spread", "--dist", "loadfile"]
    return options if is_asked else [*options, "-n", str(PROCESSES)]


def _is_for_one_process(argument: str) -> bool:
    return argument in ALONE or (CHECKOUT / argument.split("::", maxsplit=1)[0]).is_file()


def available_cores() -> int:
    """Return how many processors we may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_on_services(command: Sequence[str], *, extra: str = "") -> int:
    """Run a command with a migrated template database and return its exit status; tests of `extra` may not be skipped."""
    supervisor.stop_on_signals()
    try:
        with free_services() as services, supervisor.ignoring_signals_afterwards():
            env = environment.base(ALSO) | environment.of_site("test", services, environment.test_secrets())
            env |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "HLE_TEST_TEMPLATE": template(services, env)}
            env |= {"HLE_EXTRA": extra}
            return run_in_foreground(command, env)
    except KeyboardInterrupt:
        return 130
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


@contextlib.contextmanager
def free_services() -> Iterator[embedded.Services]:
    """Yield running test services; a second run at the same time gets a cluster of its own."""
    for number in range(1, CLUSTERS + 1):
        name = "test" if number == 1 else f"test-{number}"
        with contextlib.suppress(InUse):
            services = embedded.services(places.default_state() / name, durable=False)
            break
    else:
        raise Refusal(f"{CLUSTERS} test runs of this checkout are under way: wait for one to end.")
    with services:
        yield services


def template(services: embedded.Services, env: dict[str, str]) -> str:
    """Return the name of a migrated database to copy, made once for each state of the migrations."""
    name = f"template_{environment.migrations_hash()}"
    known = services.query("SELECT datname FROM pg_database").split()
    if name in known:
        return name
    print("Preparing the test database ...", flush=True)
    for old in [other for other in known if other.startswith(("template_", "test_"))]:
        services.query(f'DROP DATABASE "{old}" WITH (FORCE)')
    services.empty_database()
    _migrate(env)
    services.query(f'ALTER DATABASE "{embedded.DATABASE}" RENAME TO "{name}"')
    services.ensure_database(embedded.DATABASE)
    return name


def _migrate(env: dict[str, str]) -> None:
    command = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
    if subprocess.run(command, env=env, cwd=CHECKOUT, check=False).returncode != 0:
        raise Refusal("The migrations failed, so no test was run.")


def run_in_foreground(command: Sequence[str], env: dict[str, str]) -> int:
    """Run a command in our terminal, where Ctrl-C reaches it by itself; pass on any other stop request."""
    hook = die_with_parent(signal.SIGTERM)
    process = subprocess.Popen(command, env=env, cwd=CHECKOUT, preexec_fn=hook)  # noqa: PLW1509  no other thread here

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT or not _owns_terminal():
            process.send_signal(signal.SIGINT)  # pytest ends its fixtures on this one only

    for number in supervisor.STOP_SIGNALS:
        signal.signal(number, pass_on)
    return process.wait()


def _owns_terminal() -> bool:
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
