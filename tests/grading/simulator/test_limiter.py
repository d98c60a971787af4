"""The rate limit of the simulated provider: the bucket by a clock of the test's own, and the 429 over HTTP."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from grading.simulator.limiter import Limiter
from grading.simulator.script import BadScript, parse
from tests.grading.simulator.process import running


def refusal_of(request):
    """Send the request; return status and Retry-After if it was refused."""
    try:
        urllib.request.urlopen(request).close()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"]
    return None


def test_as_many_as_a_second_allows_come_in_at_once_and_then_evenly():
    now = [0.0]
    limiter = Limiter(5, clock=lambda: now[0])

    at_once = [limiter.admits() for _ in range(7)]
    now[0] = 0.2
    one_later = [limiter.admits() for _ in range(2)]
    now[0] = 100.0
    rested = [limiter.admits() for _ in range(7)]

    assert at_once == [True] * 5 + [False] * 2
    assert one_later == [True, False]
    assert rested == at_once


def test_without_a_limit_all_come_in():
    assert all(Limiter(None).admits() for _ in range(1000))


def test_script_refuses_a_limit_below_one():
    with pytest.raises(BadScript, match="requests_per_second"):
        parse({"requests_per_second": 0}, folder=Path())


def test_request_over_the_limit_is_a_429_at_once_and_in_the_journal(tmp_path):
    with running(tmp_path, {"requests_per_second": 1, "retry_after": "7"}) as simulator:
        body = {"model": "simulated-small", "messages": [{"role": "user", "content": "How many?"}]}
        request = urllib.request.Request(
            f"{simulator.base_url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        refused = next(filter(None, (refusal_of(request) for _ in range(50))))
        journal = simulator.journal()

    assert refused == (429, "7")
    assert (journal[-1]["status"], journal[-1]["fault"], journal[-1]["completion_tokens"]) == (429, "limit", 0)
