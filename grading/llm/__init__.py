"""The only package that talks to model providers: plain values in, typed outcomes out. It knows no ORM and no queue."""

from grading.llm.client import CallSpec, LoopLost, ProviderSpec, Stopped, call, run, shutdown
from grading.llm.outcomes import RETRY_RULES, Outcome, RetryRule, retry_delay_s
from grading.llm.pacing import Limit, Pacer, PermitRefused

__all__ = [
    "RETRY_RULES",
    "CallSpec",
    "Limit",
    "LoopLost",
    "Outcome",
    "Pacer",
    "PermitRefused",
    "ProviderSpec",
    "RetryRule",
    "Stopped",
    "call",
    "retry_delay_s",
    "run",
    "shutdown",
]
