"""A provider's own rate limit: a bucket that holds the requests of one second and fills up evenly."""

import time
from collections.abc import Callable


class Limiter:
    """Admits `per_second` requests on average and as many at once; None admits all."""

    def __init__(self, per_second: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._clock = clock
        self._left = per_second or 0.0
        self._at = clock()

    def admits(self) -> bool:
        """Whether one more request may come in now; if so, it is counted."""
        if self.per_second is None:
            return True
        now = self._clock()
        self._left = min(self.per_second, self._left + (now - self._at) * self.per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
