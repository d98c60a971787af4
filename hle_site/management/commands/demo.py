"""`manage.py demo`: the whole site on this machine, supervised by one process and stopped with it.

Runs without Django's settings, since those name the services that it starts.
"""

import argparse
import contextlib
import http.client
import secrets
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from django.core.management.base import BaseCommand

from hle_site import embedded
from hle_site.demo.accounts import DEMO_PASSWORD, DEMO_PEOPLE, DemoPerson
from hle_site.embedded import environment, places, supervisor
from hle_site.embedded.places import CHECKOUT, Refusal
from hle_site.embedded.processes import wait_for

LOOPBACK = "127.0.0.1"
LAST_PORT = 65535
WATCH_S = 0.25
READY_S = 90.0
JOB_S = 300.0
STOP_ORDER = ("seed", "migrate", "web", "beat", "worker", "simulator")
GRACE_S = {"worker": 15.0}
# What a visitor of the demo may want to set: providers of their own, limits, an encoder.
ALSO = (
    *("PROVIDER_HOSTS", "DAILY_BUDGET_USD", "CHECKS_PER_DAY", "LOG_LEVEL", "SITE_NAME", "REQUIRE_STAFF_FACTOR"),
    *("DUPLICATE_EMBEDDER", "DUPLICATE_COSINE"),
)
TO_TRY = """What to try:
  1. Open the address and choose a person in the banner at the top; no password is needed.
  2. As a contributor, submit a question and watch the simulated models answer it.
  3. As a reviewer, take the question from the queue, solve it and score it.
  4. As an organiser, decide on it, then freeze and publish a release.
  5. As a researcher, download the published release."""


class Command(BaseCommand):
    """Start everything, say where it is, watch it, stop everything."""

    help = "Run the whole site on this machine with example data, until Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the four options."""
        parser.add_argument("--port", type=_port, default=8000, help="port of the web page on this machine (8000)")
        parser.add_argument("--data-dir", type=Path, help="where all data is kept; by default inside the checkout")
        parser.add_argument("--reset", action="store_true", help="delete the kept data first")
        parser.add_argument("--no-seed", action="store_true", help="start without example data")

    def handle(self, **options: object) -> None:
        """Run until a stop signal; exit 0 after one, 1 when something could not start or has died."""
        supervisor.stop_on_signals()
        state = options["data_dir"] or places.default_state() / "demo"
        try:
            embedded.check_free(state)
            with contextlib.closing(listen(options["port"])) as web:
                if options["reset"] and embedded.remove(state):
                    _say(f"Deleted the data kept in {state}.")
                _run(state, web, seed=not options["no_seed"])
        except KeyboardInterrupt:
            sys.exit(0)
        except Refusal as refusal:
            sys.exit(str(refusal))
        except OSError as error:
            sys.exit(str(supervisor.refusal_of(error, state)))


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; use 1024 to {LAST_PORT}, or 0 for any free one")
    return int(text)


def listen(port: int) -> socket.socket:
    """Return a listening socket, which makes the port ours before anything else starts."""
    try:
        listener = socket.create_server((LOOPBACK, port), backlog=1024)
    except PermissionError as error:
        raise Refusal(f"Port {port} needs more rights than you have: choose one above 1023 with --port.") from error
    except OSError as error:
        raise Refusal(f"Port {port} is in use: choose another one with --port, or 0 for any free one.") from error
    listener.set_inheritable(True)
    return listener


def _run(state: Path, web: socket.socket, *, seed: bool) -> None:
    began = time.monotonic()
    _say("Starting the database and the broker ...")
    with contextlib.closing(Demo(state, web)) as demo:
        demo.start_simulator()
        demo.wait_for_database()
        demo.migrate()
        demo.start_web()
        if seed:
            demo.seed()
        demo.start_workers()
        demo.wait_ready()
        demo.announce(time.monotonic() - began)
        while not demo.watch():
            time.sleep(WATCH_S)


class Demo:
    """The services and the processes of one demo; `close` ends them in order."""

    def __init__(self, state: Path, web: socket.socket) -> None:
        self._web = web
        self._children: dict[str, supervisor.Child] = {}
        self.services = embedded.begin(state)
        self._state = self.services.state
        self._env: dict[str, str] = {}
        if self.services.ended_orphans:
            _say(f"Ended what an earlier demo left running: {', '.join(self.services.ended_orphans)}.")

    def _start(self, name: str, *command: str, pass_fds: tuple[int, ...] = ()) -> supervisor.Child:
        child = supervisor.start(
            name,
            [sys.executable, *command],
            env=self._env,
            log=self._state / f"logs/{name}.log",
            cwd=CHECKOUT,
            ledger=self.services.ledger,
            pass_fds=pass_fds,
        )
        self._children[name] = child
        return child

    def start_simulator(self) -> None:
        """Start the simulated provider on a port of its own, with a token made for this start."""
        with contextlib.closing(listen(0)) as provider:
            keys = {
                **environment.kept_secrets(self._state),
                "SIMULATOR_URL": f"http://{LOOPBACK}:{provider.getsockname()[1]}/v1",
                "SIMULATOR_TOKEN": secrets.token_urlsafe(24),
            }
            site = environment.of_site("demo", self.services, keys)
            site["SITE_URL"] = self.address
            self._env = environment.base([*ALSO, *environment.provider_keys()]) | site
            number = provider.fileno()
            script = str(CHECKOUT / "hle_site/demo/simulator.toml")
            command = ("-m", "grading.simulator", "--fd", str(number), "--script", script)
            self._start("simulator", *command, pass_fds=(number,))

    @property
    def address(self) -> str:
        """Where the site is for a browser on this machine."""
        return f"http://localhost:{self._web.getsockname()[1]}"

    def wait_for_database(self) -> None:
        """Wait for the services; begin again with an empty database when its first seed was cut short."""
        self.services.wait_ready()
        if self._mark("seeding").exists():
            _say("The example data was cut short last time; filling in an empty database again.")
            self.services.empty_database()
        if self.services.is_new:
            for name in ("schema", "seeding", "seeded"):
                self._mark(name).unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self._state / f"{name}.mark"

    def migrate(self) -> None:
        """Bring kept data to the schema of this code; skipped when the last start left exactly this one."""
        schema, done = environment.migrations_hash(), self._mark("schema")
        if done.exists() and done.read_text() == schema:
            return
        newer = environment.unknown_migrations(self.services.applied_migrations())
        if newer:
            raise Refusal(
                f"The data in {self._state} was last used by newer code ({', '.join(newer)} is not known here)."
                " Start that code, name another directory with --data-dir, or delete the data with --reset."
            )
        _say("Preparing the database ...")
        self._finish(self._start("migrate", "manage.py", "migrate", "--no-input"))
        done.write_text(schema)

    def start_workers(self) -> None:
        """Start worker and beat, after the seed, which does its own checks without the delays of the demo."""
        celery = ("-m", "celery", "-A", "hle_site")
        pool = ("--pool", "threads", "-c", "16", "--prefetch-multiplier", "1", "--without-mingle", "--without-gossip")
        self._start("worker", *celery, "worker", "-Q", "celery,embeddings", *pool, "--loglevel", "INFO")
        self._start("beat", *celery, "beat", "--schedule", str(self._state / "run/beat"), "--loglevel", "INFO")

    def start_web(self) -> None:
        """Start the web server on the socket that we hold already."""
        number = self._web.fileno()
        site = ("-c", "python:hle_site.webserver", "hle_site.wsgi:application")
        threads = ("-k", "gthread", "--workers", "2", "--threads", "8", "--preload", "--graceful-timeout", "5")
        place = ("-b", f"fd://{number}", "--no-control-socket")
        self._start("web", "-m", "gunicorn", *site, *threads, *place, pass_fds=(number,))

    def seed(self) -> None:
        """Fill in the example data, once for a data directory."""
        done, under_way = self._mark("seeded"), self._mark("seeding")
        if done.exists():
            return
        if self.services.is_new:  # so that a half-filled database may be thrown away: nobody has used it
            under_way.touch()
        _say("Filling in the example data ...")
        self._finish(self._start("seed", "manage.py", "seed_demo"))
        done.touch()
        under_way.unlink(missing_ok=True)

    def _finish(self, child: supervisor.Child) -> None:
        """Wait for a child that does one job; refuse to go on when it fails."""
        self._wait(child.has_ended, JOB_S, f"{child.name} took more than {JOB_S:.0f} s")
        if child.process.returncode != 0:
            raise supervisor.failure(child.name, child.log)
        supervisor.stop(self._children.pop(child.name), self.services.ledger)

    def wait_ready(self) -> None:
        """Wait until the site says that it serves."""
        self._wait(self._is_ready, READY_S, f"the site was not ready after {READY_S:.0f} s")

    def _wait(self, condition: Callable[[], bool], timeout_s: float, otherwise: str) -> None:
        if not wait_for(lambda: condition() or self.watch(), timeout_s, pause_s=0.05):
            raise Refusal(f"Gave up: {otherwise}. The logs are in {self._state / 'logs'}.")

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self._web.getsockname()[1], timeout=5)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        return False

    def watch(self) -> bool:
        """Refuse to go on when a child has died by itself; False otherwise."""
        lasting = [child for child in self._children.values() if child.name not in {"migrate", "seed"}]
        for child in [*lasting, *self.services.children]:
            if child.has_ended():
                raise supervisor.died(child)
        return False

    def announce(self, seconds: float) -> None:
        """Print the address, the people and what to try."""
        _say(f"\nThe demo runs at {self.address} (ready after {seconds:.0f} s). Stop it with Ctrl-C.")
        _say(f"All models are simulated. Data and logs are kept in {self._state}.")
        _say(f"\n{_people()}{TO_TRY}")

    def close(self) -> None:
        """End everything in order; a second stop signal changes nothing."""
        supervisor.ignore_signals()
        _say("\nStopping ...")
        for name in STOP_ORDER:
            if name in self._children:
                supervisor.stop(self._children[name], self.services.ledger, GRACE_S.get(name, 10.0))
        self.services.stop()
        _say(f"Stopped. Your data is kept in {self._state}.")


def _people() -> str:
    rows = [f"  {person.email:<28}{_role_of(person)}" for person in DEMO_PEOPLE]
    return "\n".join([f"People, all with the password {DEMO_PASSWORD}:", *rows, "\n"])


def _role_of(person: DemoPerson) -> str:
    if person.roles:
        return ", ".join(person.roles).replace("_", " ")
    return "researcher" if person.accepts_licence else "contributor"


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(text, flush=True)
