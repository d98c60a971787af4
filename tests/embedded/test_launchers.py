"""`manage.py demo`, `test` and `bench` as a user runs them: processes, exit status, sentences."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from django.core.management import CommandError

from hle_site import embedded
from hle_site.embedded import environment, processes
from hle_site.embedded.places import CHECKOUT
from hle_site.management.commands import test
from hle_site.management.commands.demo import Command


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py to its end."""
    command = [sys.executable, "manage.py", *arguments]
    env = environment.base() | variables
    return subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=120)


def test_busy_port_gets_a_sentence(fresh):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        done = run("demo", "--port", str(port), "--data-dir", str(fresh))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Port {port} is in use: choose another one with --port, or 0 for any free one.\n"
    assert not fresh.exists()


@pytest.mark.parametrize("text", ["abc", "", "1e3", "-1", "70000"])
def test_what_is_no_port_gets_a_sentence(text):
    parser = Command().create_parser("manage.py", "demo")

    with pytest.raises(CommandError, match=f"'{text}' is not a port; use 1024 to 65535, or 0 for any free one"):
        parser.parse_args([f"--port={text}"])


def test_second_demo_on_the_same_data_gets_a_sentence(state):
    with embedded.services(state, durable=False):
        with socket.create_server(("127.0.0.1", 0)) as other:
            done = run("demo", "--port", str(other.getsockname()[1]), "--data-dir", str(state))
        reset = run("demo", "--port", "0", "--data-dir", str(state), "--reset")

    sentence = f"{state} is in use by process {os.getpid()}. Stop that one first or name another directory.\n"
    assert (done.returncode, done.stderr) == (1, sentence)
    assert (reset.returncode, reset.stderr) == (1, sentence)
    assert (state / "lock").exists()


def test_foreign_directory_is_not_reset(fresh):
    fresh.mkdir()
    (fresh / "thesis.tex").touch()

    done = run("demo", "--port", "0", "--data-dir", str(fresh), "--reset", DJANGO_SETTINGS_MODULE="another.project")

    assert (done.returncode, done.stderr) == (1, f"{fresh} was not made by this program, so it is not deleted.\n")
    assert (fresh / "thesis.tex").exists()


def test_data_of_newer_code_gets_a_sentence_and_stays(fresh):
    row = ("questions", "9999_of_next_year")
    with embedded.services(fresh, durable=False) as services:
        services.query("CREATE TABLE django_migrations (app text, name text)", "app")
        services.query(f"INSERT INTO django_migrations VALUES {row}, ('axes', '0099_gone')", "app")

    done = run("demo", "--port", "0", "--no-seed", "--data-dir", str(fresh))

    assert done.returncode == 1
    assert done.stderr == (
        f"The data in {fresh} was last used by newer code (questions.9999_of_next_year is not known here)."
        " Start that code, name another directory with --data-dir, or delete the data with --reset.\n"
    )
    with embedded.services(fresh, durable=False) as services:
        assert services.applied_migrations() == [".".join(row), "axes.0099_gone"]


def test_unwritable_directory_gets_a_sentence():
    done = run("demo", "--port", "0", "--data-dir", "/proc/hle-site")

    assert done.returncode == 1
    assert re.fullmatch(r"Cannot write to /proc/hle-site: .*\. Name another directory with --data-dir\.\n", done.stderr)


def test_demo_serves_names_a_dead_child_and_leaves_nothing(state, launch, users_of):
    demo = launch("manage.py", "demo", "--port", "0", "--no-seed", "--data-dir", str(state))
    address = _address(demo)
    assert _get(address, "/readyz") == 200
    mode = (state / "secrets.json").stat().st_mode & 0o777
    assert mode == 0o600

    worker = _recorded(state)["worker"]
    os.kill(worker, signal.SIGKILL)
    output, error = demo.communicate(timeout=60)

    assert demo.returncode == 1
    assert "worker has ended by itself (exit status -9)" in error
    assert f"{state}/logs/worker.log" in error
    assert "Stopped." in output
    assert users_of(state) == []


def test_demo_stops_on_sigterm_and_ends_all(state, launch, users_of):
    demo = launch("manage.py", "demo", "--port", "0", "--no-seed", "--data-dir", str(state))
    _address(demo)
    pids = _recorded(state)
    assert set(pids) == {"valkey", "postgres", "simulator", "worker", "beat", "web"}

    demo.send_signal(signal.SIGTERM)
    _, error = demo.communicate(timeout=60)

    assert (demo.returncode, error) == (0, "")
    assert [name for name, pid in pids.items() if processes.identity(pid)] == []
    assert users_of(state) == []


def test_runs_at_the_same_time_get_services_of_their_own():
    with test.free_services() as first, test.free_services() as second:
        assert first.state != second.state
        assert first.query("SELECT 1") == second.query("SELECT 1") == "1"


def test_template_is_made_once_for_a_state_of_the_migrations(state):
    with embedded.services(state, durable=False) as services:
        name = f"template_{environment.migrations_hash()}"
        services.ensure_database(name)
        before = services.query("SELECT count(*) FROM pg_database")

        assert test.template(services, {}) == name
        assert services.query("SELECT count(*) FROM pg_database") == before


DJANGO = ["-p", "pytest_django.plugin"]
SPREAD = ["-p", "xdist.plugin", "-p", "tests.spread", "--dist", "loadfile"]


@pytest.mark.parametrize(
    ("arguments", "cores", "expected"),
    [
        ([], 2, [*DJANGO, *SPREAD, "-n", "2", "-m", test.SLICE]),
        ([], 16, [*DJANGO, *SPREAD, "-n", "2", "-m", test.SLICE]),
        ([], 1, [*DJANGO, "-m", test.SLICE]),
        (["-n", "0"], 2, [*DJANGO, *SPREAD, "-m", test.SLICE, "-n", "0"]),
        (["-n4"], 1, [*DJANGO, *SPREAD, "-m", test.SLICE, "-n4"]),
        (["-k", "x"], 2, [*DJANGO, *SPREAD, "-n", "2", "-m", test.SLICE, "-k", "x"]),
        (["tests/api"], 2, [*DJANGO, *SPREAD, "-n", "2", "-m", test.SLICE, "tests/api"]),
        (["tests/test_ui.py"], 2, [*DJANGO, "-m", test.SLICE, "tests/test_ui.py"]),
        (["tests/test_ui.py::test_x"], 2, [*DJANGO, "-m", test.SLICE, "tests/test_ui.py::test_x"]),
        (["--pdb"], 2, [*DJANGO, "-m", test.SLICE, "--pdb"]),
    ],
)
def test_pytest_gets_the_plugins_and_the_slice(arguments, cores, expected):
    assert test.pytest_command(arguments, long=False, cores=cores)[3:] == expected


def test_the_long_run_leaves_out_benchmarks_only():
    assert test.pytest_command([], long=True, cores=1)[3:] == [*DJANGO, "-m", test.LONG_SLICE]


def test_an_extra_with_tests_of_its_own_runs_them_alone():
    crosslingual = test.pytest_command([], long=False, cores=2, extra="crosslingual")
    s3 = test.pytest_command([], long=False, cores=2, extra="s3")

    assert crosslingual[3:] == [*DJANGO, "-m", f"crosslingual and {test.SLICE}"]
    assert s3 == test.pytest_command([], long=False, cores=2)


def test_bench_lists_or_refuses():
    done = run("bench", "no_such_thing")

    assert done.returncode == 1
    assert done.stderr.startswith("There is no benchmark 'no_such_thing'.")
    assert run("bench").returncode == 0


def _address(demo: subprocess.Popen[str]) -> tuple[str, int]:
    """Read the demo's output until it says where it is."""
    for line in demo.stdout:
        found = re.search(r"runs at http://(\w+):(\d+)", line)
        if found:
            return found[1], int(found[2])
    raise AssertionError(demo.stderr.read())


def _get(address: tuple[str, int], path: str) -> int:
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status


def _recorded(state) -> dict[str, int]:
    return {row["name"]: row["pid"] for row in json.loads((state / "run/children.json").read_text())}
