"""The pure parts: rules of asking again, Retry-After, model names."""

import json
from datetime import UTC, datetime

import pytest

from grading.enums import OutcomeKind
from grading.llm import RETRY_RULES, retry_delay_s
from grading.llm.errors import from_exception, parse_retry_after
from grading.llm.replies import is_same_model

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def test_rules_cover_every_kind_with_the_agreed_numbers():
    assert {kind.value: rule.re_asks for kind, rule in RETRY_RULES.items()} == {
        "answer": 0,
        "empty": 1,
        "truncated": 1,
        "filtered": 0,
        "refused": 0,
        "malformed": 2,
        "request_error": 0,
        "config_error": 0,
        "throttled": 6,
        "transient": 4,
        "ambiguous": 1,
        "mismatch": 0,
        "unparsed": 2,
    }
    assert set(RETRY_RULES) == set(OutcomeKind)


@pytest.mark.parametrize(
    ("kind", "re_asks_done", "retry_after_s", "expected"),
    [
        (OutcomeKind.ANSWER, 0, None, None),
        (OutcomeKind.EMPTY, 0, None, 0.0),
        (OutcomeKind.EMPTY, 1, None, None),
        (OutcomeKind.TRUNCATED, 0, None, 0.0),
        (OutcomeKind.MALFORMED, 1, None, 0.0),
        (OutcomeKind.CONFIG_ERROR, 0, 5.0, None),
        (OutcomeKind.THROTTLED, 0, 5.0, 5.5),
        (OutcomeKind.THROTTLED, 2, None, 2.0),
        (OutcomeKind.THROTTLED, 6, 5.0, None),
        (OutcomeKind.TRANSIENT, 3, None, 4.0),
        (OutcomeKind.TRANSIENT, 3, 1.0, 5.0),
        (OutcomeKind.TRANSIENT, 4, None, None),
        (OutcomeKind.AMBIGUOUS, 0, None, 0.5),
        (OutcomeKind.AMBIGUOUS, 1, None, None),
    ],
)
def test_retry_delay(kind, re_asks_done, retry_after_s, expected):
    delay = retry_delay_s(kind, re_asks_done=re_asks_done, retry_after_s=retry_after_s, draw=lambda: 0.5)

    assert delay == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("1.5", 1.5),
        ("3600", 3600.0),
        ("-1", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2026 12:00:30", 30.0),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("Thu, 99 Jan 2026 12:00:30 GMT", None),
        ("9" * 400, None),
    ],
)
def test_parse_retry_after(value, expected):
    assert parse_retry_after(value, now=NOW) == expected


@pytest.mark.parametrize(
    ("asked", "echoed", "expected"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("model-x", "model-x-20250929", True),
        ("gpt-4", "gpt-4-0613", True),
        ("model-latest", "model-20250101", True),
        ("openai/gpt-4o", "gpt-4o", True),
        ("gemini-x", "models/gemini-x", True),
        ("GPT-4o", "gpt-4o", True),
        ("gpt-4o", "gpt-4o-mini", False),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06", False),
        ("gpt-4o-mini", "gpt-4o", False),
        ("llama-3-8b", "llama-3-70b", False),
        ("vendor/model-x", "vendor/model-x-20250929", True),
        ("vendor/model-x", "another/model-x", False),
    ],
)
def test_is_same_model(asked, echoed, expected):
    assert is_same_model(asked, echoed) is expected


def test_unexplained_exception_counts_as_perhaps_billed():
    outcome = from_exception(RuntimeError("a text that must not show"))

    assert (outcome.kind, outcome.detail, outcome.sent) == (OutcomeKind.AMBIGUOUS, "RuntimeError", True)


def test_cause_decides_not_the_wrapper():
    wrapper = RuntimeError("connection error")
    wrapper.__cause__ = json.JSONDecodeError("x", "doc", 0)

    assert from_exception(wrapper).kind == OutcomeKind.MALFORMED
