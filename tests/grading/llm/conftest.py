"""One simulator for all of the package, which speaks every dialect, and the loop of this process, ended with the package."""

import pytest

from grading import llm
from tests.grading.llm.asking import MODELS, TOKEN
from tests.grading.llm.replies import fixed_rows
from tests.grading.simulator.process import running


@pytest.fixture(scope="package")
def simulator(tmp_path_factory):
    models = {
        "simulated-slow": {"delay_s": [30, 30]},
        MODELS["openrouter"]: {"dialect": "openrouter"},
        MODELS["compatible"]: {"dialect": "compatible"},
    }
    script = {"fixed": fixed_rows(), "models": models}
    with running(tmp_path_factory.mktemp("simulator"), script, token=TOKEN) as started:
        yield started


@pytest.fixture(scope="package", autouse=True)
def _loop():
    yield
    llm.shutdown()
