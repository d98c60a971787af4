"""The only package that talks to model providers: plain values in, typed outcomes out. It knows no ORM and no queue."""

from grading.llm.client import LoopLost, Stopped, call, run, shutdown
from grading.llm.outcomes import RETRY_RULES, Outcome, RetryRule, retry_delay_s
from grading.llm.pacing import Limit, Pacer, PermitRefused
from grading.llm.specs import CallSpec, ProviderSpec

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
