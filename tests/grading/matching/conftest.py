"""The process in which formulas are compared."""

import pytest

from grading.matching import ExpressionPool


@pytest.fixture(scope="module")
def pool():
    pool = ExpressionPool(size=1, timeout_s=10.0)
    yield pool
    pool.close()
