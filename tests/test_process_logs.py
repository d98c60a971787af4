"""What worker and beat log: one JSON object a line, with its task, and never the text of a question."""

import json
import signal
from pathlib import Path
from typing import Any

from grading.enums import CheckStatus
from grading.models import DifficultyCheck, Prediction
from tests import factories
from tests.grading.conftest import simulate  # noqa: F401 - a fixture
from tests.test_deployment import production, run, wait_for  # noqa: F401 - fixtures beside

CANARY = "cnry-in-a-process-log"
# Celery writes its last words from a signal handler, where no logger may run
LAST_WORDS = {"", "worker: Warm shutdown (MainProcess)"}
ABOUT_TASKS = ("task_started", "task_succeeded", "task_retrying", "task_failed", "task_revoked")


def parsed(log: Path) -> list[dict[str, Any]]:
    """Each line as an object; a line that is none comes back as text under `broken`."""
    found = []
    for line in log.read_text().splitlines():
        if line in LAST_WORDS:
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = {"broken": line}
        found.append(row if isinstance(row, dict) else {"broken": line})
    return found


def test_worker_and_beat_log_objects_without_text(
    production: dict[str, str],  # noqa: F811
    run: Any,  # noqa: F811
    simulate: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    simulator = simulate(fixed=[{"contains": CANARY, "models": "*", "answer": f"{CANARY}-answer"}])
    production |= {
        "SIMULATOR_URL": simulator.base_url,
        "SIMULATOR_TOKEN": "test-token",
        "SWEEP_INTERVAL_S": "1",
        "HEARTBEAT_INTERVAL_S": "0.5",
        "EMAIL_URL": f"filemail:///{tmp_path}/mail",  # the console shares a log's file
    }
    factories.make_checking(
        by=factories.make_user("author"), prompt=f"What is {CANARY} in this text?", answer=f"{CANARY}-key"
    )
    beat = run("beat", {"/tmp/beat": str(tmp_path / "beat"), "/tmp/beat.pid": str(tmp_path / "beat.pid")})
    worker = run("worker")

    wait_for(lambda: not DifficultyCheck.objects.live().exists(), worker, tmp_path / "worker.log")
    for process in (worker, beat):
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    check, answers = DifficultyCheck.objects.get(), Prediction.objects.values_list("answer", flat=True)
    assert check.status == CheckStatus.PASSED
    assert any(CANARY in answer for answer in answers)
    for name in ("worker", "beat"):
        lines = parsed(tmp_path / f"{name}.log")
        assert [line for line in lines if not {"timestamp", "level", "event"} <= line.keys()] == [], name
        assert CANARY not in (tmp_path / f"{name}.log").read_text()
    of_tasks = [line for line in parsed(tmp_path / "worker.log") if line["event"] in ABOUT_TASKS]
    assert [line for line in of_tasks if not line.get("task_id")] == []
    assert {line["event"] for line in of_tasks} >= {"task_started", "task_succeeded"}
