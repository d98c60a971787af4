"""The script of a run: fixed and recorded answers, faults, delays; read from TOML or JSON, checked at the start."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from grading.simulator.faults import FAULTS
from grading.simulator.questions import text_sha256

DEFAULT_DELAY_S = (1.0, 6.0)
DEFAULT_MODELS = ("simulated-small", "simulated-medium", "simulated-large", "simulated-vision", "simulated-judge")
CHAT_SHAPES = ("openai_chat", "openrouter", "compatible")


class BadScript(ValueError):
    """The script cannot be used; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """One scripted reply: to questions by hash or part of the text, from models by pattern, on one attempt or all."""

    sha256: str = ""
    contains: str = ""
    models: str = "*"
    attempts: tuple[int, ...] = ()
    answer: str = ""
    explanation: str = "This answer is fixed by the script of a simulated provider."
    confidence: int = 50
    text: str = ""
    fault: str = ""
    retry_after: str | None = None
    status: int = 200
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def fits(self, *, model: str, sha256: str, text: str, attempt: int) -> bool:
        if not fnmatchcase(model, self.models) or (self.attempts and attempt not in self.attempts):
            return False
        return sha256 == self.sha256 if self.sha256 else self.contains in text


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one model behaves apart from what it answers. Faults are rates by name and add up to 1 at most."""

    delay_s: tuple[float, float] = DEFAULT_DELAY_S
    faults: Mapping[str, float] = field(default_factory=dict)
    retry_after: str = "1"
    replay: str = ""
    dialect: str = "openai_chat"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded answer: the response's text and the answer once extracted from it, which may be empty."""

    response: str
    answer: str


@dataclass(frozen=True, slots=True)
class Script:
    """All of it; without a file: 1 to 6 s, no faults, own knowledge only."""

    seed: str = "0"
    requests_per_second: float | None = None
    default: Behaviour = field(default_factory=Behaviour)
    models: Mapping[str, Behaviour] = field(default_factory=dict)
    fixed: tuple[Fixed, ...] = ()
    recorded: Mapping[tuple[str, str], Recorded] = field(default_factory=dict)

    def behaviour(self, model: str) -> Behaviour:
        return self.models.get(model, self.default)

    def model_names(self) -> list[str]:
        return sorted({*DEFAULT_MODELS, *self.models})


def is_simulated(model: str) -> bool:
    """True for a name that says so, a router's vendor prefix aside: none other is served."""
    return model.rpartition("/")[2].startswith("simulated-")


def load(path: Path) -> Script:
    """Read a script; relative paths in it start at its own folder. Raises BadScript."""
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        return parse(data, folder=path.parent)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadScript(f"{path.name}: {error}") from error


def parse(data: dict[str, Any], *, folder: Path) -> Script:
    data = dict(data)
    replay = data.pop("replay", {})
    fixed = tuple(_fixed(row) for row in data.pop("fixed", []))
    models = data.pop("models", {})
    seed = str(data.pop("seed", "0"))
    limit = _limit(data.pop("requests_per_second", None))
    default = _behaviour(data, Behaviour())
    recorded, replayed_as = _replay(replay, folder)
    behaviours = {name: _behaviour(row, default) for name, row in models.items()}
    for name, recorded_name in replayed_as.items():
        behaviours[name] = replace(behaviours.get(name, default), replay=recorded_name)
    for name in behaviours:
        if not is_simulated(name):
            raise BadScript(f"models: {name!r} does not begin with simulated-")
    return Script(seed, limit, default, behaviours, fixed, recorded)


def _limit(value: Any) -> float | None:
    limit = None if value is None else float(value)
    if limit is not None and limit < 1:
        raise BadScript(f"requests_per_second: {value} is below 1")
    return limit


def _fixed(row: dict[str, Any]) -> Fixed:
    fixed = Fixed(**{**row, "attempts": tuple(row.get("attempts", ()))})
    if bool(fixed.sha256) == bool(fixed.contains):
        raise BadScript("fixed: give either sha256 or contains")
    if fixed.fault:
        _check_fault(fixed.fault)
    return fixed


def _behaviour(row: dict[str, Any], base: Behaviour) -> Behaviour:
    row = dict(row)
    if "delay_s" in row:
        low, high = map(float, row["delay_s"])
        if not 0 <= low <= high:
            raise BadScript(f"delay_s: {row['delay_s']} is no range")
        row["delay_s"] = (low, high)
    if row.get("dialect", base.dialect) not in CHAT_SHAPES:
        raise BadScript(f"dialect {row['dialect']!r} is none of {', '.join(CHAT_SHAPES)}")
    for name in row.get("faults", {}):
        _check_fault(name)
    if sum(row.get("faults", {}).values()) > 1:
        raise BadScript("faults: the rates add up to more than 1")
    return replace(base, **row)


def _check_fault(name: str) -> None:
    if name not in FAULTS and not (name.isdigit() and 300 <= int(name) <= 599):
        raise BadScript(
            f"fault {name!r} is unknown; known are a status from 300 to 599 and {', '.join(sorted(FAULTS))}"
        )


def _replay(row: dict[str, Any], folder: Path) -> tuple[dict[tuple[str, str], Recorded], dict[str, str]]:
    """Recorded answers by (recorded model, hash of the question), and which simulated model replays which."""
    if not row:
        return {}, {}
    wanted = set(row["models"].values())
    hashes = {line["id"]: text_sha256(line["question"]) for line in _lines(folder / row["questions"])}
    recorded = {
        (line["model"], hashes[line["question_id"]]): Recorded(line["response"], line["answer"])
        for line in _lines(folder / row["responses"])
        if line["model"] in wanted and line["question_id"] in hashes
    }
    missing = wanted - {model for model, _ in recorded}
    if missing:
        raise BadScript(f"replay: no answers of {', '.join(sorted(missing))}")
    return recorded, dict(row["models"])


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
