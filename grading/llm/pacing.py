"""Permits shared by all workers: requests and tokens a minute of each (provider, model), in Redis.

A process asks for permits in blocks and hands them out in the order of arrival; waiting holds nothing but a coroutine. A 429
stops all callers of the provider and slows them down, and the pace comes back by itself. Redis may forget it all: then the
rates begin anew.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis.asyncio import Redis

MAX_STOP_S = 3600.0
SHARE_USED = 0.95  # of the provider's limit: calls that travel longer than their neighbours come in bunches
BURST_S = 0.2  # permits of so long may go at once, far less than any provider's own bucket holds
AHEAD_S = 0.25  # no permit is taken for later than that, so a stop reaches everybody in time
BLOCK_PERMITS = 50
DECREASE = 0.8
LOWEST_SHARE = 0.05
RISE_PER_S = 0.002  # of the limit: what one 429 took is back after 100 s


class PermitRefused(Exception):
    """The wait for a permit would be longer than the caller allows; nothing was taken."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"the next permit is {wait_s:.1f} s away")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Limit:
    """What a provider allows for one model; None: it does not count that."""

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.requests_per_minute, self.tokens_per_minute) if value is not None]
        if not given or min(given) <= 0:
            raise ValueError(f"not a limit: {self}")

    @property
    def request_s(self) -> float:
        """Seconds of the pace that one request uses up, 0 where requests are not counted."""
        return 60.0 / (self.requests_per_minute * SHARE_USED) if self.requests_per_minute else 0.0

    @property
    def token_s(self) -> float:
        """Seconds of the pace that one token uses up, 0 where tokens are not counted."""
        return 60.0 / (self.tokens_per_minute * SHARE_USED) if self.tokens_per_minute else 0.0


# A bucket is kept as the moment at which it will be full again; who takes a permit moves that moment on by what it costs, and
# may go as soon as the bucket lacks no more than a burst. So a call dearer than the burst still goes, and is paid off after.
# Times are Redis's own: the clocks of the workers differ. KEYS: bucket, provider. ARGV: request_s, token_s, token credit,
# burst_s, ahead_s, rise per s, tokens of each permit asked for. Returns the share of the pace in force, the wait
# for the first permit that was not granted, and the waits of those that were.
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local held = redis.call('HMGET', KEYS[1], 'requests', 'tokens')
local told = redis.call('HMGET', KEYS[2], 'stop', 'share', 'at')
local stop, share = tonumber(told[1] or 0), tonumber(told[2] or 1)
share = math.min(1, share + math.max(0, now - tonumber(told[3] or now)) * ARGV[6])
local request_s, token_s, burst = ARGV[1] / share, ARGV[2] / share, tonumber(ARGV[4])
local slack = math.max(0, burst - request_s)
local requests = math.max(tonumber(held[1] or 0), now, stop + slack)
local tokens = math.max(tonumber(held[2] or 0) - ARGV[3] * token_s, now)
local waits, wait = {}, 0
for i = 7, #ARGV do
  wait = math.max(0, stop - now, requests - slack - now)
  if token_s > 0 then wait = math.max(wait, tokens - burst - now) end
  if wait > tonumber(ARGV[5]) then break end
  waits[#waits + 1] = tostring(wait)
  requests, tokens = requests + request_s, tokens + ARGV[i] * token_s
end
wait = math.max(0, stop - now, requests - slack - now)
if token_s > 0 then wait = math.max(wait, tokens - burst - now) end
redis.call('HSET', KEYS[1], 'requests', string.format('%.6f', requests), 'tokens', string.format('%.6f', tokens))
redis.call('PEXPIRE', KEYS[1], math.ceil((math.max(requests, tokens) - now) * 1000) + 1000)
return {tostring(share), tostring(wait), unpack(waits)}
"""

# Several 429s of one moment are one reason to slow down: while the provider is stopped the pace is left alone.
# KEYS: provider. ARGV: seconds of the stop, factor on the pace, lowest share, rise per s. Returns the seconds of the stop left.
STOP = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local told = redis.call('HMGET', KEYS[1], 'stop', 'share', 'at')
local stop, share = tonumber(told[1] or 0), tonumber(told[2] or 1)
share = math.min(1, share + math.max(0, now - tonumber(told[3] or now)) * ARGV[4])
if stop <= now then share = math.max(tonumber(ARGV[3]), share * ARGV[2]) end
stop = math.max(stop, now + ARGV[1])
redis.call('HSET', KEYS[1], 'stop', string.format('%.6f', stop), 'share', share, 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((stop - now + 1 / ARGV[4]) * 1000))
return tostring(math.max(0, stop - now))
"""


def key_of(provider: str, model: str = "") -> str:
    """Name of a bucket, or without a model of what holds for the whole provider."""
    return f"pacing:{{{provider}}}:{model}" if model else f"pacing:{{{provider}}}"


class Pacer:
    """Hands out permits; made on the event loop that uses it, with a Redis client of that loop."""

    def __init__(self, redis: Redis) -> None:
        self._take = redis.register_script(TAKE)
        self._stop = redis.register_script(STOP)
        self._lines: dict[tuple[str, str], _Line] = {}

    async def permit(self, provider: str, model: str, limit: Limit, *, max_wait_s: float, tokens: int = 0) -> float:
        """Wait until one request of so many tokens may go out; return the seconds waited.

        Raises PermitRefused when it takes longer than `max_wait_s`, and RedisError when Redis cannot be asked.
        """
        line = self._line(provider, model)
        line.limit = limit
        return await line.wait(tokens, max_wait_s)

    def correct(self, provider: str, model: str, *, estimated: int, used: int) -> None:
        """Give back the tokens that a call did not use, or book those beyond its estimate, with the next permit."""
        self._line(provider, model).token_credit += estimated - used

    async def slow_down(self, provider: str, seconds: float) -> float:
        """After a 429: let no request of any worker go to the provider for so long, an hour at most, and then fewer a minute.

        Returns the seconds for which the provider is stopped now; a longer stop stays.
        """
        for (name, _model), line in self._lines.items():
            if name == provider:
                line.void()
        seconds = min(max(seconds, 0.0), MAX_STOP_S)
        return float(await self._stop(keys=[key_of(provider)], args=[seconds, DECREASE, LOWEST_SHARE, RISE_PER_S]))

    def _line(self, provider: str, model: str) -> _Line:
        if (provider, model) not in self._lines:
            self._lines[provider, model] = _Line(self._take, [key_of(provider, model), key_of(provider)])
        return self._lines[provider, model]


class _Waiter(NamedTuple):
    """Somebody in a line: how many tokens the call may use, and until when it is worth waiting."""

    permit: asyncio.Future[None]
    tokens: int
    gives_up_at: float


class _Held(NamedTuple):
    """A permit in hand: from when it may be used, and for how many tokens it was taken."""

    at: float
    tokens: int


@dataclass
class _Line:
    """Those who wait for one (provider, model), and the permits in hand for them."""

    take: object
    keys: Sequence[str]
    limit: Limit = field(default_factory=lambda: Limit(requests_per_minute=1))
    token_credit: int = 0
    _waiters: deque[_Waiter] = field(default_factory=deque)
    _held: deque[_Held] = field(default_factory=deque)
    _server: asyncio.Task[None] | None = None

    async def wait(self, tokens: int, max_wait_s: float) -> float:
        began = time.monotonic()
        if not self._waiters and self._is_one_ready():
            self._use(tokens)
            return 0.0
        waiter = _Waiter(asyncio.get_running_loop().create_future(), tokens, began + max_wait_s)
        self._waiters.append(waiter)
        if self._server is None:
            self._server = asyncio.create_task(self._serve())
        await waiter.permit
        return time.monotonic() - began

    def void(self) -> None:
        """Drop the permits in hand: they were taken before the stop."""
        while self._held:
            self.token_credit += self._held.popleft().tokens

    async def _serve(self) -> None:
        """Serve the line until nobody waits."""
        try:
            while self._waiters:
                if not self._held:
                    await self._fetch()
                elif self._held[0].at > time.monotonic():
                    await asyncio.sleep(self._held[0].at - time.monotonic())
                elif self._is_one_ready():
                    self._serve_first()
        except RedisError as error:
            for waiter in self._waiters:
                if not waiter.permit.done():
                    waiter.permit.set_exception(error)
            self._waiters.clear()
        finally:
            self._server = None

    def _serve_first(self) -> None:
        waiter = self._waiters.popleft()
        if not waiter.permit.done():  # else its caller was cancelled
            self._use(waiter.tokens)
            waiter.permit.set_result(None)

    async def _fetch(self) -> None:
        """Take a block of permits, or refuse those who would wait too long and sleep until the next may be had."""
        wanted = [waiter.tokens for waiter in list(self._waiters)[:BLOCK_PERMITS]]
        each_s = max(self.limit.request_s, self.limit.token_s * wanted[-1])
        spare = min(BLOCK_PERMITS, int(BURST_S / each_s))
        wanted += [wanted[-1]] * (spare - len(wanted))
        credit, self.token_credit = self.token_credit, 0
        args = [self.limit.request_s, self.limit.token_s, credit, BURST_S, AHEAD_S, RISE_PER_S, *wanted]
        share, wait_s, *waits = map(float, await self.take(keys=self.keys, args=args))  # type: ignore[operator]
        now = time.monotonic()
        self._held.extend(_Held(now + wait, tokens) for wait, tokens in zip(waits, wanted, strict=False))
        self._refuse(now, wait_s, share, served=len(waits))
        if not waits and self._waiters:
            await asyncio.sleep(wait_s)

    def _refuse(self, now: float, wait_s: float, share: float, *, served: int) -> None:
        """Send away, from the end of the line, who could not go in time at the present pace."""
        while len(self._waiters) > served:
            waiter = self._waiters[-1]
            each_s = max(self.limit.request_s, self.limit.token_s * waiter.tokens) / share
            far_s = wait_s + each_s * (len(self._waiters) - 1 - served)
            if now + far_s <= waiter.gives_up_at:
                break
            self._waiters.pop()
            if not waiter.permit.done():
                waiter.permit.set_exception(PermitRefused(far_s))

    def _is_one_ready(self) -> bool:
        """Whether a permit in hand may be used now; one that is long past is dropped, lest many go at once."""
        now = time.monotonic()
        while self._held and self._held[0].at < now - AHEAD_S:
            self.token_credit += self._held.popleft().tokens
        return bool(self._held) and self._held[0].at <= now

    def _use(self, tokens: int) -> None:
        self.token_credit += self._held.popleft().tokens - tokens
