"""Permits shared by all workers: a rate per (provider, model) and one stop-until per provider, both in Redis.

Waiting holds nothing but a coroutine. Redis may forget it all: then the rates begin anew.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_STOP_S = 3600.0


class PermitRefused(Exception):
    """The wait for a permit would be longer than the caller allows; nothing was taken."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"the next permit is {wait_s:.1f} s away")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests a provider allows for one model: `burst` at once, then `per_minute`."""

    per_minute: float
    burst: int = 1

    def __post_init__(self) -> None:
        if self.per_minute <= 0 or self.burst < 1:
            raise ValueError(f"not a limit: {self}")


# The bucket is kept as the moment at which it will be full again. Each caller takes the next free moment at once and
# sleeps until then, so nobody polls and the order of arrival holds. Times are Redis's own: workers' clocks differ.
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local interval, burst, max_wait = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local stop = tonumber(redis.call('GET', KEYS[2]) or '0')
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
if stop > now then full = math.max(full, stop + interval * (burst - 1)) end
local wait = math.max(0, full - now - interval * (burst - 1))
if wait > max_wait then return {0, tostring(wait)} end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000) + 1000)
return {1, tostring(wait)}
"""

STOP = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local until_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now + tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.6f', until_at), 'PX', math.ceil((until_at - now) * 1000) + 1000)
return tostring(until_at - now)
"""

STOPPED = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
return tostring(math.max(0, tonumber(redis.call('GET', KEYS[1]) or '0') - now))
"""


class Pacer:
    """Hands out permits; made on the event loop that uses it, with a Redis client of that loop."""

    def __init__(self, redis: "Redis", *, prefix: str = "pacing") -> None:
        self._prefix = prefix
        self._take = redis.register_script(TAKE)
        self._stop = redis.register_script(STOP)
        self._stopped = redis.register_script(STOPPED)

    async def permit(self, provider: str, model: str, limit: Limit, *, max_wait_s: float) -> float:
        """Wait until one request may go out; return the seconds waited. Raises PermitRefused when it takes longer."""
        waited_s = 0.0
        while True:
            wait_s = await self._reserve(provider, model, limit, max_wait_s - waited_s)
            if wait_s == 0.0:
                return waited_s
            await asyncio.sleep(wait_s)
            waited_s += wait_s
            # A 429 may have come in meanwhile: what was taken before it is void.
            if await self.stopped_s(provider) == 0.0:
                return waited_s

    async def stop(self, provider: str, seconds: float) -> float:
        """Let no request of any worker go to the provider for so long, an hour at most; a longer stop stays."""
        seconds = min(max(seconds, 0.0), MAX_STOP_S)
        return float(await self._stop(keys=[self._stop_key(provider)], args=[seconds]))

    async def stopped_s(self, provider: str) -> float:
        """Seconds for which the provider is still stopped, 0 when it is not."""
        return float(await self._stopped(keys=[self._stop_key(provider)]))

    async def _reserve(self, provider: str, model: str, limit: Limit, max_wait_s: float) -> float:
        keys = [f"{self._prefix}:{{{provider}}}:{model}", self._stop_key(provider)]
        is_taken, wait_s = await self._take(keys=keys, args=[60.0 / limit.per_minute, limit.burst, max_wait_s])
        if not is_taken:
            raise PermitRefused(float(wait_s))
        return float(wait_s)

    def _stop_key(self, provider: str) -> str:
        return f"{self._prefix}:{{{provider}}}:stop-until"
