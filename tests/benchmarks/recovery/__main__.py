"""Time from a killed worker or an emptied broker to the last verdict, calls paid twice, verdicts kept.

Each scenario is a process with a database, a broker, a simulated provider, two workers and beat of its own. Heartbeat, death and
sweep are those of production (15, 60 and 30 s). Three scenarios run side by side, since they mostly wait.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hle_site.embedded.places import CHECKOUT
from tests.benchmarks import site
from tests.benchmarks.recovery.scenarios import AT_ONCE, CALL_S, ERRORS
from tests.benchmarks.report import Figure, report

TURNS = (("kill_one", "kill_all", "flush"), ("plain", "errors"))


def main() -> int:
    """Measure, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(prog="manage.py bench recovery", allow_abbrev=False)
    parser.add_argument("--checks", type=int, default=400, help="in each scenario, of six calls at most")
    options = parser.parse_args()
    site.end_in_order()
    with tempfile.TemporaryDirectory() as folder:
        told = {name: row for names in TURNS for name, row in _run(names, Path(folder), options.checks).items()}
    context = [
        f"{options.checks} checks a scenario; two workers with {AT_ONCE} calls each, of {CALL_S[0]:.0f} to {CALL_S[1]:.0f} s",
        "errors: "
        + ", ".join(f"{name} {100 * rate:.0f} %" for name, rate in ERRORS.items())
        + " of the calls, by chance",
        *(_line(row) for row in told.values()),
    ]
    return report("Recovery", _figures(told), context=context)


def _run(names: tuple[str, ...], folder: Path, checks: int) -> dict[str, dict[str, Any]]:
    """Run scenarios side by side; raise CalledProcessError when one could not be carried out."""
    command = [sys.executable, "-m", "tests.benchmarks.recovery.scenarios"]
    started = {
        name: subprocess.Popen([*command, name, folder / name, "--checks", str(checks)], cwd=CHECKOUT) for name in names
    }
    try:
        for name, process in started.items():
            if process.wait() != 0:
                raise subprocess.CalledProcessError(process.returncode, name)
    finally:
        for process in started.values():
            process.terminate()
            process.wait()
    return {name: json.loads((folder / name).read_text()) for name in names}


def _line(row: dict[str, Any]) -> str:
    extra = {"in_flight": "calls open when killed", "resets": "reset after the request", "failed": "answered by 5xx"}
    parts = [f"{row[name]} {words}" for name, words in extra.items() if row.get(name)]
    return f"{row['name']}: {row['statuses']}, paid {row['paid']}, needed {row['needed']}" + "".join(
        f", {part}" for part in parts
    )


def _figures(told: dict[str, dict[str, Any]]) -> list[Figure]:
    faulty = [row for row in told.values() if row["name"] != "plain"]
    twice, needed = sum(map(_twice, faulty)), sum(row["needed"] for row in faulty)
    in_flight = sum(row.get("in_flight", 0) for row in faulty)
    different = differences(told["plain"]["verdicts"], told["errors"]["verdicts"])
    recoveries = [
        Figure(
            f"recovery, {words}",
            told[name]["settled_s"] - CALL_S[1],
            "s",
            120,
            105,
            is_lower_better=True,
            peer=f"all settled after {told[name]['settled_s']:.1f} s",
        )
        for name, words in (
            ("kill_one", "kill -9 of one of two workers"),
            ("kill_all", "kill -9 of all, started again"),
            ("flush", "FLUSHALL of the broker"),
        )
    ]
    lost = sum(row["lost"] for row in told.values())
    return [
        *recoveries,
        Figure(
            "questions lost", lost, "", 0, 0, is_lower_better=True, peer=f"of {sum(r['checks'] for r in told.values())}"
        ),
        Figure("paid per needed call, no fault", _ratio([told["plain"]]), "", 1, 1, is_lower_better=True),
        Figure(
            "paid per needed call, fault mix",
            _ratio(faulty),
            "",
            1.01,
            1.01,
            is_lower_better=True,
            peer=f"{twice} paid twice, {needed} needed",
            note=f"{in_flight} calls were open at the two kills; calls that the provider itself reset are counted apart",
        ),
        Figure(
            "paid twice per call open at a kill",
            twice / in_flight if in_flight else 0.0,
            "",
            1,
            1,
            is_lower_better=True,
        ),
        Figure(
            "verdicts changed by 20 % errors",
            len(different),
            "",
            0,
            0,
            is_lower_better=True,
            peer=f"of {sum(map(len, told['plain']['verdicts'].values()))}",
            note="; ".join(different[:10]),
        ),
    ]


def _twice(row: dict[str, Any]) -> int:
    return int(row["paid"] - row["resets"] - row["needed"])


def _ratio(rows: list[dict[str, Any]]) -> float:
    needed = sum(row["needed"] for row in rows)
    return 1 + sum(map(_twice, rows)) / needed if needed else float("nan")


def differences(one: dict[str, dict[str, str]], other: dict[str, dict[str, str]]) -> list[str]:
    """Say where two runs decided otherwise, by question and model.

    A check whose first wave has an unscored answer asks the next wave meanwhile, so one run may know more answers than the other.
    """
    found = []
    for prompt in sorted(one.keys() | other.keys()):
        left, right = one.get(prompt, {}), other.get(prompt, {})
        shared = (left.keys() & right.keys()) | {""}
        found += [
            f"...{prompt[-60:]} {name}: {left.get(name)} / {right.get(name)}"
            for name in sorted(shared)
            if left.get(name) != right.get(name)
        ]
    return found


if __name__ == "__main__":
    sys.exit(main())
