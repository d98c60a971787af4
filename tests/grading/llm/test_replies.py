"""Replies in which anything may stand anywhere: each has an outcome, and only one that is whole is an answer."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grading.enums import OutcomeKind
from grading.llm import replies
from grading.llm.dialects import DIALECTS

COMPLETION = {
    "id": "1",
    "model": "m",
    "error": None,
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "error": None,
            "message": {"role": "assistant", "content": "text", "refusal": None, "tool_calls": []},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}
RESPONSE = {
    "id": "1",
    "model": "m",
    "error": None,
    "status": "completed",
    "incomplete_details": None,
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "status": "completed", "content": [{"type": "output_text", "text": "text"}]},
    ],
    "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
}
WORDS = [
    "",
    " ",
    "m",
    "stop",
    "length",
    "content_filter",
    "completed",
    "incomplete",
    "message",
    "output_text",
    "refusal",
]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([*WORDS, "a\x00"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "type", "metadata", "reason", "text", "content"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def _places(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from _places(child, (*path, key))


def _with(value, path, other):
    if not path:
        return other
    key, *rest = path
    changed = {**value} if isinstance(value, dict) else list(value)
    changed[key] = _with(value[key], rest, other)
    return changed


def _outcome(dialect, reply):
    speech = DIALECTS[dialect]
    return replies.from_body(
        json.dumps(reply).encode(),
        content_type="application/json",
        read=speech.read,
        usage=speech.usage,
        asked_model="m",
    )


CHANGED = [
    *(("openai_chat", COMPLETION, path) for path in _places(COMPLETION)),
    *(("openai_responses", RESPONSE, path) for path in _places(RESPONSE)),
]
# Where nothing that decides stands: whatever is there, the reply is an answer.
FREE = {
    ("id",),
    ("choices", 0, "index"),
    ("choices", 0, "message", "role"),
    ("output", 0, "summary"),
    ("incomplete_details",),
}


@pytest.mark.parametrize(("dialect", "whole"), [("openai_chat", COMPLETION), ("openai_responses", RESPONSE)])
def test_whole_reply_is_an_answer(dialect, whole):
    outcome = _outcome(dialect, whole)

    assert (outcome.kind, outcome.text) == (OutcomeKind.ANSWER, "text")
    assert (outcome.prompt_tokens, outcome.completion_tokens) == (1, 2)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(other=ANYTHING)
@pytest.mark.parametrize(("dialect", "whole", "path"), CHANGED)
def test_anything_anywhere_has_an_outcome(dialect, whole, path, other):
    outcome = _outcome(dialect, _with(whole, path, other))

    is_free = path in FREE or path[:1] == ("usage",)
    assert not is_free or outcome.kind == OutcomeKind.ANSWER
    assert outcome.kind != OutcomeKind.ANSWER or outcome.text.strip()
    assert outcome.text in {"", "text"} or json.dumps(outcome.text) in json.dumps(other)


@pytest.mark.parametrize(
    ("path", "others"),
    [
        (
            ("choices", 0, "finish_reason"),
            [None, "", "STOP", "eos", "end_turn", "tool_calls", "function_call", "error"],
        ),
        (("choices", 0, "message", "refusal"), ["no", " "]),
        (("choices", 0, "message", "tool_calls"), [[{}]]),
        (("model",), ["n", "m-mini"]),
    ],
)
def test_completion_that_is_not_whole_is_no_answer(path, others):
    assert OutcomeKind.ANSWER not in {_outcome("openai_chat", _with(COMPLETION, path, other)).kind for other in others}


@pytest.mark.parametrize(
    ("path", "others"),
    [
        (("status",), [None, "", "in_progress", "queued", "cancelled", "failed", "incomplete"]),
        (("output", 1, "status"), ["in_progress", "incomplete"]),
        (("output", 0, "type"), ["function_call", "web_search_call", "message", None]),
        (("model",), ["n", "m-mini"]),
    ],
)
def test_response_that_is_not_whole_is_no_answer(path, others):
    assert OutcomeKind.ANSWER not in {_outcome("openai_responses", _with(RESPONSE, path, o)).kind for o in others}
