"""A simulated provider of one's own and an engine in this process, on the real database."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from grading import engine
from grading.engine import circuits, pump, writer
from grading.models import DifficultyCheck, ModelSpec, Provider
from tests.grading.simulator.process import Simulator, running


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: Any) -> Iterator[Callable[..., Simulator]]:
    """Return a function that starts a simulator with a script and points the site to it."""
    opened = []

    def start(**script: Any) -> Simulator:
        folder = tmp_path / f"simulator-{len(opened)}"
        folder.mkdir()
        context = running(folder, script, token="test-token")
        simulator = context.__enter__()
        opened.append(context)
        monkeypatch.setitem(os.environ, "SIMULATOR_URL", simulator.base_url)
        monkeypatch.setitem(os.environ, "SIMULATOR_TOKEN", "test-token")
        return simulator

    yield start
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture
def own_engine(transactional_db: None, settings: Any, monkeypatch: Any) -> Iterator[engine.Engine]:
    """The engine of this process, ended with the test; it leaves what is due later to `work_until_settled`."""
    settings.PROVIDER_PAUSE_S = 0.5
    monkeypatch.setattr(pump, "SHORT_WAIT_S", 0.05)
    monkeypatch.setattr(pump, "GATHER_S", 0.02)
    monkeypatch.setattr(writer, "BATCH_S", 0.01)
    yield engine.current()
    engine.shut_down()
    connection.close()


def work_until_settled(check: DifficultyCheck, *, turns: int = 20) -> DifficultyCheck:
    """Work on what is due; a longer wait between two asks is cut short, so that a test does not take it."""
    for _turn in range(turns):
        engine.current().work()
        check.refresh_from_db()
        if check.status not in {"queued", "running"}:
            break
        check.question.newest.predictions.filter(state__in=["waiting", "answered"]).update(due_at=timezone.now())
        Provider.objects.update(paused_until=None)
        circuits._records.clear()
    return check


def speed_up_models() -> None:
    """Let a call that never ends end soon."""
    ModelSpec.objects.update(timeout_s=2)
