"""What came of one provider call, as a kind with a name, and what follows from the kind.

The kinds `refused` and `unparsed` need the text to be understood and are therefore set elsewhere, never here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from grading.enums import OutcomeKind


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one call. Only the kind `answer` may be judged; other kinds keep their text for the record alone.

    `detail` is short and never holds content. `sent` is False only when the request provably never left.
    """

    kind: OutcomeKind
    text: str = field(default="", repr=False)
    detail: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model_echo: str | None = None
    latency_ms: int = 0
    retry_after_s: float | None = None
    sent: bool = True


class RetryRule(NamedTuple):
    """How often a call of one kind is asked again, and when: the order of `retry_delay_s`."""

    re_asks: int
    how: Literal["never", "now", "larger_limit", "backoff", "retry_after"] = "never"
    give_up_after_s: float | None = None
    opens_circuit: bool = False
    alarm: bool = False


RETRY_RULES: Mapping[OutcomeKind, RetryRule] = {
    OutcomeKind.ANSWER: RetryRule(0),
    OutcomeKind.EMPTY: RetryRule(1, "now"),
    OutcomeKind.TRUNCATED: RetryRule(1, "larger_limit"),
    OutcomeKind.FILTERED: RetryRule(0),
    OutcomeKind.REFUSED: RetryRule(0),
    OutcomeKind.MALFORMED: RetryRule(2, "now"),
    OutcomeKind.REQUEST_ERROR: RetryRule(0),
    OutcomeKind.CONFIG_ERROR: RetryRule(0, opens_circuit=True, alarm=True),
    OutcomeKind.THROTTLED: RetryRule(6, "retry_after", give_up_after_s=1800),
    OutcomeKind.TRANSIENT: RetryRule(4, "backoff"),
    OutcomeKind.AMBIGUOUS: RetryRule(1, "backoff"),
    OutcomeKind.MISMATCH: RetryRule(0, alarm=True),
    OutcomeKind.UNPARSED: RetryRule(2, "now"),
}

BACKOFF_BASE_S = 1.0
BACKOFF_CAP_S = 60.0


def retry_delay_s(
    kind: OutcomeKind, *, re_asks_done: int, retry_after_s: float | None, draw: Callable[[], float]
) -> float | None:
    """Seconds until the next ask of a call that ended as `kind`, or None when it is not asked again.

    Back-off is full jitter: `draw()` in [0, 1) times min(60 s, 1 s x 2^n). A provider's Retry-After comes on top.
    """
    rule = RETRY_RULES[kind]
    if re_asks_done >= rule.re_asks:
        return None
    if rule.how in ("now", "larger_limit"):
        return 0.0
    jitter_s = draw() * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0**re_asks_done)
    return jitter_s + (retry_after_s or 0.0)
