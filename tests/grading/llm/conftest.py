"""The loop of this process ends with each module, so that nothing is left open for the next one."""

import pytest

from grading import llm


@pytest.fixture(scope="package", autouse=True)
def _loop():
    yield
    llm.shutdown()
