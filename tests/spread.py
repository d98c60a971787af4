"""Several processes run the tests: what each has for itself, and which tests it gets when.

`manage.py test` names this plugin to pytest beside xdist. Databases get their own names from pytest-django.
"""

import os
import re
from collections import Counter
from typing import Any

import pytest

# Tests that start processes of the site and wait for them: one after the other, so that they compete with pages only.
PROCESSES = (
    "tests/test_journey.py",
    "tests/faults/",
    "tests/embedded/",
    "tests/test_deployment.py",
    "tests/test_process_logs.py",
)
SLOW = ("tests/access/", "tests/demo/", "tests/grading/")
TOGETHER = ("tests/access/",)  # tests in one world, which takes seconds to build
MOST = 8  # processes; a broker has 16 databases, and each process takes two


def broker(more: int) -> str:
    """Return the address of another database of our broker, by how much higher its number is."""
    return re.sub(r"(?<=virtual_host=)\d+", lambda number: str(int(number[0]) + more), os.environ["REDIS_URL"])


def broker_beside() -> str:
    """Return the address of a broker that only processes read which a test of ours starts."""
    return broker(MOST)


if "PYTEST_XDIST_WORKER" in os.environ:  # set before any setting is read
    os.environ["REDIS_URL"] = broker(int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")))


def pytest_configure(config: pytest.Config) -> None:
    """Refuse more processes than the broker has room for."""
    if (config.getoption("numprocesses", None) or 0) > MOST:
        raise pytest.UsageError(f"At most {MOST} processes can run the tests.")


def unit(nodeid: str) -> str:
    """Return what a test is handed out with: its file, the folder that shares a world, or all that start processes."""
    path = nodeid.split("::")[0]
    if path.startswith(PROCESSES):
        return "processes"
    return next((start for start in TOGETHER if path.startswith(start)), path)


def _rank(path: str) -> int:
    """Return the place of a file in the order of work: what takes long begins first, in the order of the tables above."""
    found = [at for at, start in enumerate((*PROCESSES, *SLOW)) if path.startswith(start)]
    return found[0] if found else len(PROCESSES + SLOW)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files before short ones, so that the processes end at the same time."""
    size = Counter(unit(item.nodeid) for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        path = item.nodeid.split("::")[0]
        return _rank(path), -size[unit(item.nodeid)], path

    items.sort(key=place)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files in our order, and what starts processes to one process."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling  # loaded by then

    class ByUnit(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return ByUnit(config, log)
