"""The shapes that the simulator's replies have, beside the vendors' pages that `dialects.py` names."""

import json
import urllib.error
import urllib.request

import pytest

from tests.grading.simulator.process import running

USER = {"role": "user", "content": "What is 6 * 7?"}
MODELS = {"vendor/simulated-routed": {"dialect": "openrouter"}, "simulated-local": {"dialect": "compatible"}}
FAULTS = ("error_in_200", "error_in_choice", "filter_error_in_200", "429", "quota", "prompt_filter", "too_long")
COMPLETION = ["choices", "created", "id", "model", "object"]
OPENAI = {"message": "simulated fault", "param": None}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    fixed = [{"contains": f"[{fault}]", "fault": fault} for fault in FAULTS]
    with running(tmp_path_factory.mktemp("dialects"), {"fixed": fixed, "models": MODELS}) as started:
        yield started


def _post(simulator, path, body):
    data, headers = json.dumps(body).encode(), {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{simulator.base_url}{path}", data, headers)) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def _chat(simulator, model, text=USER["content"], **more):
    return _post(
        simulator, "/chat/completions", {"model": model, "messages": [{"role": "user", "content": text}], **more}
    )


def test_chat_completion(simulator):
    _, reply = _chat(simulator, "simulated-a")

    assert sorted(reply) == [*COMPLETION, "usage"]
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert sorted(reply["choices"][0]["message"]) == ["content", "refusal", "role"]
    assert (reply["usage"]["prompt_tokens"], reply["usage"]["total_tokens"]) == (4, 26)


def test_response(simulator):
    body = {"model": "simulated-a", "instructions": "Think.", "input": [USER], "max_output_tokens": 500}

    status, reply = _post(simulator, "/responses", body)

    assert (status, reply["status"], reply["error"]) == (200, "completed", None)
    assert [item["type"] for item in reply["output"]] == ["reasoning", "message"]
    assert [part["type"] for part in reply["output"][1]["content"]] == ["output_text"]
    assert "Answer: 42" in reply["output"][1]["content"][0]["text"]
    assert (reply["usage"]["input_tokens"], reply["usage"]["output_tokens"]) == (5, 22)


def test_response_that_is_cut(simulator):
    _, reply = _post(
        simulator, "/responses", {"model": "simulated-a", "input": "What is 6 * 7?", "max_output_tokens": 5}
    )

    assert (reply["status"], reply["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert reply["output"][1]["status"] == "incomplete"


@pytest.mark.parametrize("name", ["messages", "max_tokens", "response_format", "reasoning_effort"])
def test_responses_refuse_the_names_of_chat(simulator, name):
    status, reply = _post(simulator, "/responses", {"model": "simulated-a", "input": "x", name: 1})

    assert (status, reply["error"]["message"]) == (400, f"unknown parameter {name}")


def test_routed_completion(simulator):
    _, reply = _chat(simulator, "vendor/simulated-routed")

    assert sorted(reply) == [*COMPLETION, "provider", "usage"]
    assert reply["model"] == "vendor/simulated-routed"
    assert reply["choices"][0]["native_finish_reason"] == "stop"


def test_compatible_completion(simulator):
    _, reply = _chat(simulator, "simulated-local", max_completion_tokens=5, response_format={"type": "json_schema"})

    assert sorted(reply) == COMPLETION
    assert reply["choices"][0]["message"]["tool_calls"] == []
    assert "Answer: 42" in reply["choices"][0]["message"]["content"]


def test_compatible_refuses_turns_of_one_role(simulator):
    body = {"model": "simulated-local", "messages": [USER, USER]}

    assert _post(simulator, "/chat/completions", body)[0] == 400


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("429", 429, {"code": 429, "message": "simulated fault", "metadata": {"provider_name": "Simulated"}}),
        ("quota", 402, {"code": 402, "message": "simulated fault", "metadata": {"provider_name": "Simulated"}}),
        ("prompt_filter", 403, {"code": 403, "message": "simulated fault", "metadata": {"reasons": ["simulated"]}}),
        ("error_in_200", 200, {"code": 502, "message": "simulated fault", "metadata": {"provider_name": "Simulated"}}),
    ],
)
def test_routed_error(simulator, fault, status, error):
    assert _chat(simulator, "vendor/simulated-routed", f"[{fault}]") == (status, {"error": error})


def test_routed_error_in_a_choice(simulator):
    _, reply = _chat(simulator, "vendor/simulated-routed", "[error_in_choice]")

    assert (reply["choices"][0]["finish_reason"], reply["choices"][0]["error"]["code"]) == ("error", 503)


@pytest.mark.parametrize(
    ("model", "fault", "status", "error"),
    [
        ("simulated-a", "quota", 429, {**OPENAI, "type": "insufficient_quota", "code": "insufficient_quota"}),
        ("simulated-local", "429", 429, {**OPENAI, "type": "SimulatedError", "code": 429}),
        ("simulated-local", "too_long", 400, {**OPENAI, "type": "exceed_context_size_error", "code": 400}),
    ],
)
def test_error_with_a_status(simulator, model, fault, status, error):
    assert _chat(simulator, model, f"[{fault}]") == (status, {"error": error})


def test_failed_response_carries_its_error(simulator):
    _, reply = _post(simulator, "/responses", {"model": "simulated-a", "input": "[filter_error_in_200]"})

    assert (reply["status"], reply["output"], reply["error"]["code"]) == ("failed", [], "bio_policy")


def test_journal_names_the_dialect(simulator):
    billed = len(simulator.journal())

    for model in ("simulated-a", *MODELS):
        _chat(simulator, model)
    _post(simulator, "/responses", {"model": "simulated-a", "input": "x"})

    assert [line["dialect"] for line in simulator.journal()[billed:]] == [
        *("openai_chat", "openrouter", "compatible", "openai_responses"),
    ]


def test_dialect_of_all_models_and_a_vendors_name_that_is_not_simulated(tmp_path):
    with running(tmp_path, {"dialect": "openrouter"}) as simulator:
        assert _chat(simulator, "vendor/simulated-x")[1]["provider"] == "Simulated"
        assert _chat(simulator, "simulated-x/real")[0] == 404
