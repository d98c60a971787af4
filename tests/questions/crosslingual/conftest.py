"""Tests that need PyTorch: skipped where nobody asked for them, never where `--extra crosslingual` did.

A module is not even imported when it is skipped, so it may import the library at its top.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
REASON = "needs PyTorch: manage.py test --extra crosslingual"


def is_wanted() -> bool:
    """True where the run names the extra; outside `manage.py test` where PyTorch is installed."""
    asked = os.environ.get("HLE_EXTRA")
    return asked == "crosslingual" if asked is not None else importlib.util.find_spec("torch") is not None


class Skipped(pytest.Module):
    """A module that says why none of its tests runs."""

    def collect(self) -> Any:
        pytest.skip(REASON, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> Any:
    """Collect modules beside this file only where their tests are wanted."""
    return None if is_wanted() else Skipped.from_parent(parent, path=module_path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test below this folder its marker."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("crosslingual")
