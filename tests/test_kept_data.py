"""Newer code migrates kept data: rows of an earlier schema are there afterwards, and their pages render."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.long


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment that leads to an empty database of its own, dropped at the end."""
    address, name = urlsplit(os.environ["DATABASE_URL"]), f"kept_{os.getpid()}"
    host = dict(pair.split("=", 1) for pair in address.query.split("&") if pair)
    server = {"host": address.hostname, "port": address.port, "user": address.username, "password": address.password}
    with psycopg.connect(dbname="postgres", autocommit=True, **{**server, **host}) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield {
                **os.environ,
                "DATABASE_URL": address._replace(path=f"/{name}").geturl(),
                "DJANGO_SETTINGS_MODULE": "hle_site.settings",
                "HLE_STATE_DIR": str(tmp_path),
            }
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_rows_of_an_earlier_schema_stay_and_render(environment: dict[str, str]) -> None:
    run(environment, "-m", "tests.kept_data", "write")
    before = run(environment, "manage.py", "showmigrations", "--plan")
    run(environment, "manage.py", "migrate", "--no-input")

    found = json.loads(run(environment, "-m", "tests.kept_data", "read"))

    assert "[ ]" in before
    assert found == {
        "status": "eligible",
        "check_stands": True,
        "answers": [["7", "incorrect", "elder-model"]],
        "panel": "elder",
        "pages": [200, 200, 200, 200],
        "shows": [True, True],
        "shows_model": True,
    }
