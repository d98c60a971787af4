"""What leaves: the body of a request in each dialect, to the letter."""

import pytest

from grading import llm
from grading.enums import Dialect
from grading.llm.dialects import DIALECTS

FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
SYSTEM, USER = {"role": "system", "content": "Think."}, {"role": "user", "content": "How many?"}
SHOWN = {"role": "user", "content": [{"type": "text", "text": "How many?"}, PICTURE]}
ROUTED = {
    "provider": {"data_collection": "deny"},
    "plugins": [{"id": "context-compression", "enabled": False}],
}


def _body(dialect, *messages, **changes):
    spec = llm.CallSpec("m", list(messages), 100, "r-1", **changes)
    return DIALECTS[dialect].write(DIALECTS[dialect], spec)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("openai_chat", {"messages": [SYSTEM, USER], "max_completion_tokens": 100}),
        ("openai_responses", {"instructions": "Think.", "input": [USER], "max_output_tokens": 100, "store": False}),
        ("openrouter", {"messages": [SYSTEM, USER], "max_completion_tokens": 100, **ROUTED}),
        ("compatible", {"messages": [SYSTEM, USER], "max_tokens": 100}),
    ],
)
def test_plain_request(dialect, expected):
    assert _body(dialect, SYSTEM, USER) == {"model": "m", **expected}


EFFORT = {"reasoning_effort": "high"}
NESTED = {"reasoning": {"effort": "high"}}


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("openai_chat", {**EFFORT, "response_format": FORMAT}),
        ("openai_responses", {**NESTED, "text": {"format": {"type": "json_schema", **FORMAT["json_schema"]}}}),
        ("openrouter", {**NESTED, "response_format": FORMAT}),
        ("compatible", EFFORT),
    ],
)
def test_what_a_model_takes_besides(dialect, expected):
    plain, asked = _body(dialect, USER), {"temperature": 0.0, "reasoning_effort": "high", "response_format": FORMAT}

    assert _body(dialect, USER, **asked) == {**plain, "temperature": 0.0, **expected}


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        ("openai_chat", "max_tokens"),
        ("openai_responses", "max_output_tokens"),
        ("openrouter", "max_tokens"),
        ("compatible", "max_tokens"),
    ],
)
def test_token_parameter_is_the_models_unless_the_dialect_has_its_own(dialect, expected):
    body = _body(dialect, USER, token_parameter="max_tokens")

    assert {name: value for name, value in body.items() if "tokens" in name} == {expected: 100}


def test_picture_in_chat_and_in_responses():
    part = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}

    assert _body("openai_chat", SHOWN)["messages"] == [SHOWN]
    assert _body("openai_responses", SHOWN)["input"] == [
        {"role": "user", "content": [{"type": "input_text", "text": "How many?"}, part]}
    ]


def test_turns_of_one_role_become_one_where_a_template_refuses_them():
    instructions = {"role": "user", "content": "Think."}

    assert _body("compatible", instructions, USER)["messages"] == [{"role": "user", "content": "Think.\n\nHow many?"}]
    assert _body("compatible", instructions, SHOWN)["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Think."}, *SHOWN["content"]]}
    ]
    assert _body("openai_chat", instructions, USER)["messages"] == [instructions, USER]


def test_every_dialect_that_a_provider_may_have_is_spoken():
    assert set(DIALECTS) == set(Dialect.values)
