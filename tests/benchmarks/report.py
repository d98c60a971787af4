"""How every benchmark ends: one table of what was measured, and an exit status."""

from __future__ import annotations

import math
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PASSED, MISSED, ABSENT = 0, 1, 77
SIGNIFICANT_DIGITS = 4


@dataclass(frozen=True)
class Figure:
    """One measured value beside its bounds, all in `unit`; without bounds it is reported only."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    aim: float | None = None
    is_lower_better: bool = False
    peer: str = ""
    note: str = ""

    def reaches(self, bound: float) -> bool:
        """Whether the value is at the bound or on its better side; what is not a number reaches nothing."""
        return self.value <= bound if self.is_lower_better else self.value >= bound

    @property
    def reached(self) -> str:
        """The better bound that is reached; `reported` where missing the aim is no failure."""
        if self.aim is not None and self.reaches(self.aim):
            return "aim"
        if self.at_least is None:
            return "reported"
        return "at least" if self.reaches(self.at_least) else "MISSED"


@dataclass(frozen=True)
class _Row:
    figure: str
    measured: str
    at_least: str
    aim: str
    beside: str
    reached: str


def report(title: str, figures: Sequence[Figure], *, context: Iterable[str] = (), seed: int | None = None) -> int:
    """Print the machine, the context and the table; return 0 if no figure misses its bound, else 1."""
    print(f"\n{title}\n{_surroundings(seed)}")
    print(*context, "", sep="\n")
    print("\n".join(table(figures)))
    for figure in figures:
        if figure.note:
            print(f"  {figure.name}: {figure.note}")
    return MISSED if any(figure.reached == "MISSED" for figure in figures) else PASSED


def absent(reason: str) -> int:
    """Say what is missing, and return the exit status for a benchmark that could not be run."""
    print(f"Not measured: {reason}")
    return ABSENT


def sample_data(part: str, given: str | None = None) -> Path | None:
    """Return the folder `part` of the sample data, which an argument or HLE_SAMPLE_DATA names; None if it is not there."""
    root = given or os.environ.get("HLE_SAMPLE_DATA", "")
    folder = Path(root).expanduser() / part
    return folder if root and folder.is_dir() else None


def table(figures: Iterable[Figure]) -> list[str]:
    """Return aligned lines: a heading, then one line a figure."""
    rows = [
        _Row(
            figure.name,
            f"{number(figure.value)} {figure.unit}".strip(),
            _bound(figure, figure.at_least),
            _bound(figure, figure.aim),
            figure.peer,
            figure.reached,
        )
        for figure in figures
    ]
    cells = [("figure", "measured", "at least", "aim", "beside", "reached"), *map(astuple, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def number(value: float) -> str:
    """Return the value in plain digits: whole if it is, else four significant ones."""
    if not math.isfinite(value):
        return "not measured" if math.isnan(value) else str(value)
    if value == int(value):
        return f"{int(value):,}"
    places = max(0, SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def _bound(figure: Figure, bound: float | None) -> str:
    if bound is None:
        return "-"
    return f"{'<=' if figure.is_lower_better else '>='} {number(bound)}"


def _surroundings(seed: int | None) -> str:
    load = " ".join(f"{part:.1f}" for part in os.getloadavg())
    parts = [
        f"commit {_commit()}",
        f"Python {platform.python_version()}",
        f"{len(os.sched_getaffinity(0))} processors",
        f"load {load}",
    ]
    return ", ".join([*parts, *([] if seed is None else [f"seed {seed}"])])


def _commit() -> str:
    command = ["git", "-C", str(CHECKOUT), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
