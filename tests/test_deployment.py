"""The production shape: the compose file against the settings, and each service's command as a process.

Containers are not started here: what is tested is what they would run, in production mode, on the embedded services.
"""

import ast
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import yaml
from django.conf import settings
from django.db import connection

from hle_site import checks
from hle_site.variables import Env
from tests.spread import broker_beside

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OF_SITE = {name: service for name, service in SERVICES.items() if "build" in service}
LASTING = sorted(SERVICES.keys() - {"migrate"})
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[?-][^}]*)?\}")
# read by settings, but not for people to set in production
INTERNAL = {"HLE_MODE", "HLE_TEST_TEMPLATE", "SIMULATOR_URL", "SIMULATOR_TOKEN"}
OF_BUCKET = {"STORAGE_ACCESS_KEY", "STORAGE_SECRET_KEY"}  # read only when there is a bucket
WAIT_S = 60.0


def settings_variables() -> dict[str, bool]:
    """Every variable that the settings read, and whether it has a default."""
    tree = ast.parse((ROOT / "hle_site/settings.py").read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return {
        call.args[0].value: any(keyword.arg == "default" for keyword in call.keywords)
        for call in calls
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "env"
    }


def test_all_services_are_there() -> None:
    assert sorted(SERVICES) == ["beat", "db", "migrate", "redis", "s3", "web", "worker"]
    assert sorted(OF_SITE) == ["beat", "migrate", "web", "worker"]


def test_the_worker_reads_every_queue_that_tasks_are_sent_to() -> None:
    command = SERVICES["worker"]["command"]
    routes = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()}

    assert set(command[command.index("-Q") + 1].split(",")) == {"celery", *routes}


@pytest.mark.parametrize("name", LASTING)
def test_a_lasting_service_is_watched_and_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_one_image_serves_all_and_runs_without_rights() -> None:
    builds = [service["build"] for service in OF_SITE.values()]
    dockerfile = builds[0]["dockerfile_inline"]

    assert all(build == builds[0] for build in builds)
    assert [line for line in dockerfile.splitlines() if line.startswith("USER")] == ["USER site"]
    assert "--require-hashes -r requirements.lock -r s3.lock" in dockerfile
    assert all(service["cap_drop"] == ["ALL"] for service in OF_SITE.values())
    assert all((service["read_only"], service["tmpfs"]) == (True, ["/tmp"]) for service in OF_SITE.values())
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in SERVICES.values())


def test_what_is_kept_lies_on_volumes_that_exist() -> None:
    places = {name: SERVICES[name]["volumes"][0].split(":")[0] for name in SERVICES.keys() - OF_SITE.keys()}

    assert places == {"db": "db", "redis": "redis", "s3": "s3"}
    assert set(COMPOSE["volumes"]) == set(places.values())


def test_each_process_waits_for_stores_that_answer_and_for_the_schema() -> None:
    stores = dict.fromkeys(["db", "redis", "s3"], "service_healthy")
    after = {
        name: {other: wait["condition"] for other, wait in service["depends_on"].items()}
        for name, service in OF_SITE.items()
    }

    assert after.pop("migrate") == stores
    assert set(after) == {"web", "worker", "beat"}
    assert all(found == stores | {"migrate": "service_completed_successfully"} for found in after.values())


def test_every_image_names_its_version() -> None:
    images = {name: SERVICES[name]["image"] for name in SERVICES.keys() - OF_SITE.keys()}

    assert all(re.search(r":[\w.-]+$", image) and not image.endswith(":latest") for image in images.values())


def test_the_two_locks_do_not_overlap_and_carry_hashes() -> None:
    def names(path: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+)==", (ROOT / path).read_text(), re.MULTILINE))

    extra = names("hle_site/s3.lock")
    blocks = re.split(r"\n(?=\w)", (ROOT / "hle_site/s3.lock").read_text())

    assert "boto3" in extra
    assert extra & names("requirements.lock") == set()
    assert all("--hash=sha256:" in block for block in blocks)


def test_compose_sets_only_what_the_settings_read() -> None:
    known = settings_variables().keys()

    assert {name: sorted(set(service["environment"]) - known) for name, service in OF_SITE.items()} == {
        name: [] for name in OF_SITE
    }


def test_compose_sets_all_that_has_no_default() -> None:
    required = {name for name, has_default in settings_variables().items() if not has_default}

    assert required - OF_SITE["web"]["environment"].keys() == set()


def test_no_variable_of_compose_has_a_default_value() -> None:
    found = VARIABLE.findall((ROOT / "docker-compose.yml").read_text())

    assert {name for name, _fallback in found} >= {"SECRET_KEY", "POSTGRES_PASSWORD", "STORAGE_SECRET_KEY"}
    assert [name for name, fallback in found if not fallback.startswith(":?")] == []


def test_the_readme_names_every_setting() -> None:
    text = (ROOT / "README.md").read_text()
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    of_compose = {name for name, _fallback in VARIABLE.findall((ROOT / "docker-compose.yml").read_text())}

    assert (settings_variables().keys() - INTERNAL) | of_compose == rows


def test_nothing_private_goes_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text().split()

    assert lines[0] == "**"
    assert not any(line.lstrip("!").startswith((".env", ".git", ".state", "tests")) for line in lines)


# --- the settings ---

# What a site cannot do without; nothing listens there.
MINIMAL = {
    "DATABASE_URL": "postgres://site@db.invalid/site",
    "REDIS_URL": "redis://redis.invalid/0",
    "SECRET_KEY": "s" * 20 + "0123456789" * 4 + "abcdefg",
    "RELEASE_KEY": "release-key-of-a-test-" + "0123456789",
    "PSEUDONYM_KEY": "pseudonym-key-of-a-test-" + "0123456789",
    "EMAIL_URL": "consolemail://",
    "ALLOWED_HOSTS": "exam.example.org",
    "SITE_URL": "https://exam.example.org",
    "DEFAULT_FROM_EMAIL": "exam@example.org",
}


REQUIRED = {name for name, has_default in settings_variables().items() if not has_default} - OF_BUCKET


def without(variables: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in variables.items() if key != name}


@pytest.mark.parametrize("name", sorted(REQUIRED))
@pytest.mark.parametrize("value", [None, ""])
def test_what_is_required_is_missed_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    monkeypatch.setattr(Env, "ENVIRON", MINIMAL | {name: value} if value is not None else without(MINIMAL, name))

    with pytest.raises(SystemExit, match=f"^{name} is not set: the deployment section of README"):
        runpy.run_path(str(ROOT / "hle_site/settings.py"))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "mysql://db/site", "DATABASE_URL does not begin with postgres://"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL does not begin with postgres://"),
        ("DATABASE_URL", "postgres://site:pa/ss@db/site", "DATABASE_URL cannot be read"),
        ("REDIS_URL", "nonsense", "REDIS_URL cannot be read"),
        ("EMAIL_URL", "nonsense", "EMAIL_URL cannot be read"),
        ("EMAIL_URL", "smtp://mail:secret", "EMAIL_URL cannot be read"),
        ("CONN_MAX_AGE", "secret", "CONN_MAX_AGE cannot be read"),
        ("PARK_RETRY_S", "1,secret", "PARK_RETRY_S cannot be read"),
        ("LOG_LEVEL", "secret", "LOG_LEVEL cannot be read"),
        ("REQUIRE_STAFF_FACTOR", "", "REQUIRE_STAFF_FACTOR is neither true nor false"),
        ("REQUIRE_STAFF_FACTOR", "secret", "REQUIRE_STAFF_FACTOR is neither true nor false"),
        ("STORAGE_BUCKET", "site", "STORAGE_ACCESS_KEY is not set"),
        ("HLE_MODE", "staging", "HLE_MODE is 'staging'"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setattr(Env, "ENVIRON", MINIMAL | {name: value})

    with pytest.raises(SystemExit, match=f"^{re.escape(sentence)}") as refusal:
        runpy.run_path(str(ROOT / "hle_site/settings.py"))

    assert "secret" not in str(refusal.value)
    assert "ss@db" not in str(refusal.value)


@pytest.mark.parametrize(("behind", "proxies"), [("true", 1), ("false", 0)])
def test_limits_count_visitors_and_not_the_proxy(monkeypatch: pytest.MonkeyPatch, behind: str, proxies: int) -> None:
    monkeypatch.setattr(Env, "ENVIRON", MINIMAL | {"BEHIND_TLS_PROXY": behind})

    found = runpy.run_path(str(ROOT / "hle_site/settings.py"))

    assert found["ALLAUTH_TRUSTED_PROXY_COUNT"] == proxies
    assert found["REST_FRAMEWORK"]["NUM_PROXIES"] == proxies


# --- the commands, as processes ---


@pytest.fixture
def production(transactional_db: None, tmp_path: Path) -> dict[str, str]:
    """Return an environment in production mode that leads to the services of the tests."""
    address = broker_beside().replace("redis+socket", "unix").replace("virtual_host", "db")
    with redis.Redis.from_url(address) as broker:
        broker.flushdb()  # messages to workers that tests have killed
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path="/" + connection.settings_dict["NAME"])
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **MINIMAL,
        "LANG": "C.UTF-8",
        "DATABASE_URL": database.geturl(),
        "REDIS_URL": broker_beside(),
        "BEHIND_TLS_PROXY": "true",
        "HLE_STATE_DIR": str(tmp_path / "state"),
        "STATIC_ROOT": str(tmp_path / "static"),
    }


@pytest.fixture
def run(production: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Yield a function that starts a service's command as compose would; all are stopped at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, replaced: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        words = [(replaced or {}).get(word, word) for word in SERVICES[name]["command"]]
        command = [shutil.which(words[0], path=production["PATH"]) or words[0], *words[1:]]
        log = (tmp_path / f"{name}.log").open("wb")
        process = subprocess.Popen(command, cwd=ROOT, env=production, stdout=log, stderr=log)
        log.close()
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in started:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[bytes], log: Path) -> Any:
    """Return what the condition says once it holds; fail with the log when the process ends or time does."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end and process.poll() is None:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


class UnixConnection(HTTPConnection):
    """HTTP over a socket file, so that a test takes no port."""

    def __init__(self, path: Path) -> None:
        super().__init__("exam.example.org", timeout=WAIT_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(WAIT_S)
        self.sock.connect(str(self.path))


def get(place: Path, path: str) -> tuple[int, dict[str, str], bytes]:
    client = UnixConnection(place)
    try:
        client.request("GET", path, headers={"X-Forwarded-Proto": "https"})
        answer = client.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        client.close()


def manage(production: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=production, capture_output=True, text=True, timeout=120
    )


def test_production_passes_the_deployment_check() -> None:
    found = manage(MINIMAL | {"LANG": "C.UTF-8"}, "manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        ("SITE_URL", "http://localhost", "site.W001"),
        ("DEFAULT_FROM_EMAIL", "no-reply@localhost", "site.W002"),
        ("RELEASE_KEY", "x" * 31, "site.W003"),
        ("PSEUDONYM_KEY", "x" * 31, "site.W003"),
    ],
)
def test_the_deployment_check_speaks_of_defaults_and_short_keys(
    settings: Any, name: str, value: str, warning: str
) -> None:
    for known in ("SITE_URL", "DEFAULT_FROM_EMAIL", "RELEASE_KEY", "PSEUDONYM_KEY"):
        setattr(settings, known, MINIMAL[known])
    assert checks.deployment() == []

    setattr(settings, name, value)

    assert [found.id for found in checks.deployment()] == [warning]


@pytest.mark.parametrize("name", ["migrate", "web", "worker"])
def test_no_process_starts_without_its_settings(name: str) -> None:
    program, *words = SERVICES[name]["command"]
    command = [str(Path(sys.executable).with_name(program)), *words]

    found = subprocess.run(
        command, cwd=ROOT, env=without(MINIMAL, "RELEASE_KEY"), capture_output=True, text=True, timeout=60
    )

    sentence = "RELEASE_KEY is not set: the deployment section of README.md says what it is.\n"
    assert (found.returncode, found.stdout, found.stderr) == (1, "", sentence)


def test_the_web_server_is_ready_and_serves_the_collected_files(
    production: dict[str, str], run: Any, tmp_path: Path
) -> None:
    place = tmp_path / "web.sock"
    words = re.search(r"python (manage\.py collectstatic .*)", OF_SITE["web"]["build"]["dockerfile_inline"])
    collected = manage(production, *words[1].split())
    migrated = manage(production, *SERVICES["migrate"]["command"][1:])
    server = run("web", {"0.0.0.0:8000": f"unix:{place}"})

    wait_for(place.exists, server, tmp_path / "web.log")
    ready, _headers, parts = get(place, "/readyz")
    login, headers, page = get(place, "/accounts/login/")
    sheet = re.search(rb'href="(/static/[^"]+\.css)"', page)
    styled, style_headers, _css = get(place, sheet[1].decode())

    assert collected.returncode == 0, collected.stderr
    assert migrated.returncode == 0, migrated.stderr
    assert (ready, parts) == (200, b'{"status": "ok", "failing": []}')
    assert login == 200
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert styled == 200
    assert "immutable" in style_headers["Cache-Control"]
    lines = [json.loads(line) for line in (tmp_path / "web.log").read_text().splitlines()]
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "django_structlog.middlewares.request"}
    assert [line for line in lines if line["event"].startswith("request_") and not line["request_id"]] == []


def test_the_worker_answers_its_health_check(production: dict[str, str], run: Any, tmp_path: Path) -> None:
    worker = run("worker")
    check = SERVICES["worker"]["healthcheck"]["test"][1].replace("$$", "$").replace("--timeout 10", "--timeout 2")

    def answers() -> bool:
        found = subprocess.run(["sh", "-c", check], cwd=ROOT, env=production, capture_output=True, timeout=60)
        return found.returncode == 0 and b"pong" in found.stdout

    assert wait_for(answers, worker, tmp_path / "worker.log")


def test_beat_sends_the_schedule(production: dict[str, str], run: Any, tmp_path: Path) -> None:
    production["SWEEP_INTERVAL_S"] = "1"
    own = {"/tmp/beat": str(tmp_path / "beat"), "/tmp/beat.pid": str(tmp_path / "beat.pid")}
    beat = run("beat", own)
    log = tmp_path / "beat.log"

    assert wait_for(lambda: "review.tasks.sweep" in log.read_text(), beat, log)
    assert int((tmp_path / "beat.pid").read_text()) == beat.pid
