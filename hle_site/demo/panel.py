"""The simulated models of the demo, and the copy of their script without delays with which the demo is seeded."""

import json
import tomllib
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("simulator.toml")
IMAGE_MODELS = ("simulated-small", "simulated-medium", "simulated-large", "simulated-vision")
TEXT_MODELS = (*IMAGE_MODELS, "simulated-swift", "simulated-deep")
JUDGE = "simulated-judge"
NO_DELAY = {"delay_s": [0, 0]}


def write_seeding_script(folder: Path) -> Path:
    """Write the script without delays into `folder` and return its path; a seed cannot wait seconds for each answer."""
    script: dict[str, Any] = tomllib.loads(SCRIPT.read_text(encoding="utf-8"))
    models = {name: {**behaviour, **NO_DELAY} for name, behaviour in script["models"].items()}
    place = folder / "simulator-seeding.json"
    place.write_text(json.dumps({**script, **NO_DELAY, "models": models}), encoding="utf-8")
    return place
