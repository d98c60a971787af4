"""The replay command with real workers, on questions written for this test."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from grading.models import DifficultyCheck
from tests.faults.processes import environment

pytestmark = pytest.mark.django_db(transaction=True)

QUESTIONS = {
    "q1": ("How many moons has the planet of this test?", "12"),
    "q2": ("Which tree grows there?", "silver birch"),
}
ANSWERS = [
    ("q1", "alpha", "12", True),
    ("q2", "alpha", "Scots pine", False),
    ("q1", "beta", "40", False),
    ("q2", "beta", "a birch", True),
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A file of questions, one of them with too few options, and one of recorded answers."""
    common = {"category": "Math", "raw_subject": "Testing", "answer_type": "exactMatch", "choices": [], "image": ""}
    rows = [{"id": name, "question": text, "answer": key, **common} for name, (text, key) in QUESTIONS.items()]
    rows.append({**rows[0], "id": "q3", "answer_type": "multipleChoice", "choices": ["yes", "no"], "answer": "A"})
    answers = [
        {
            "question_id": question,
            "model": model,
            "response": f"I think {answer}.",
            "answer": answer,
            "correct": correct,
        }
        for question, model, answer, correct in ANSWERS
    ]
    return write(tmp_path / "questions.jsonl", rows), write(tmp_path / "responses.jsonl", answers)


def test_recorded_answers_reach_verdicts_through_workers(
    files: tuple[Path, Path], organiser: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("DATABASE_URL", environment()["DATABASE_URL"])
    questions, responses = files
    report_path = tmp_path / "report.json"

    call_command("replay", questions, replay=responses, delay=(0.0, 0.1), timeout=90, report=report_path)

    report = json.loads(report_path.read_text())
    assert report["states"] == {"too_easy": 1, "eligible": 1}
    assert report["verdicts"] == {"correct": 1, "incorrect": 3}
    assert [row["field"] for row in report["refused"]] == ["choices"]
    assert (report["by_matcher"]["rows"], report["by_matcher"]["percent"]) == (2, 100.0)
    assert (report["by_judge"]["rows"], report["by_judge"]["agreeing"]) == (2, 1)
    assert report["disagreements"] == [
        {
            "question": "q2",
            "model": "simulated-replay-beta",
            "cause": "judge (simulated): compares strings only (site incorrect, record correct)",
        }
    ]
    assert report["calls"]["to models"] == 4
    assert DifficultyCheck.objects.filter(is_exempt=True, is_simulated=True).count() == 2


def test_without_data_the_command_says_so_and_ends_with_77(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.delenv("HLE_SAMPLE_DATA", raising=False)

    with pytest.raises(SystemExit) as ended:
        call_command("replay")

    assert ended.value.code == 77
