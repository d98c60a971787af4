"""A simulator of one's own for a test: started on a free port, stopped by its pid."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]


class Simulator(NamedTuple):
    process: subprocess.Popen
    base_url: str
    journal_path: Path

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal_path.read_text().splitlines()]


@contextmanager
def running(folder: Path, script: dict[str, Any], *, token: str = "") -> Iterator[Simulator]:
    """A simulator with this script; waits 0 s unless the script says otherwise."""
    script_path, journal_path = folder / "script.json", folder / "journal.jsonl"
    script_path.write_text(json.dumps({"delay_s": [0, 0], **script}))
    command = [sys.executable, "-m", "grading.simulator", "--port", "0"]
    command += ["--script", str(script_path), "--journal", str(journal_path)]
    env = {**os.environ, "SIMULATOR_TOKEN": token}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = int(process.stdout.readline())
            yield Simulator(process, f"http://127.0.0.1:{port}/v1", journal_path)
        finally:
            process.terminate()
            process.wait(10)
