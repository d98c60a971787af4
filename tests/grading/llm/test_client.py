"""Every outcome over HTTP, the loop and its thread, the wait and its ends."""

import asyncio
import socket
import threading
import time

import pytest

from grading import llm
from grading.enums import OutcomeKind
from grading.llm import client
from grading.simulator.faults import FAULTS
from tests.grading.simulator.process import running

STATUSES = [
    "302",
    "400",
    "401",
    "402",
    "403",
    "404",
    "408",
    "409",
    "413",
    "422",
    "425",
    "429",
    "500",
    "502",
    "503",
    "504",
]
STATUSES += ["529"]
RETRY_AFTER = {"zero": "0", "seconds": "3", "date": "Thu, 01 Jan 2099 00:00:00 GMT", "rubbish": "soon", "minus": "-5"}
JUDGE_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object", "properties": {"a": {"const": 1}}}},
}


def _fixed():
    rows = [{"contains": f"[{fault}]", "fault": fault, "answer": "42"} for fault in [*FAULTS, *STATUSES]]
    rows += [{"contains": f"[after {n}]", "fault": "429", "retry_after": value} for n, value in RETRY_AFTER.items()]
    rows += [
        {"contains": "[busy]", "fault": "503", "retry_after": "7"},
        {"contains": "[encoded 503]", "status": 503, "body": "x", "headers": {"Content-Encoding": "gzip"}},
        {"contains": "[list]", "body": "[1, 2]"},
        {"contains": "[string choices]", "body": '{"model": "simulated-a", "choices": "no"}'},
        {"contains": "[null choice]", "body": '{"model": "simulated-a", "choices": [null]}'},
        {
            "contains": "[unknown end]",
            "body": '{"choices": [{"finish_reason": "odd one", "message": {"content": "x"}}]}',
        },
        {"contains": "[bad usage]", "body": _completion('"prompt_tokens": "many", "completion_tokens": -1')},
        {"contains": "[dont know]", "text": "I do not know."},
    ]
    return rows


def _completion(usage):
    message = '{"finish_reason": "stop", "message": {"content": "x"}}'
    return f'{{"model": "simulated-a", "choices": [{message}], "usage": {{{usage}}}}}'


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    models = {"simulated-slow": {"delay_s": [30, 30]}, "simulated-half": {"delay_s": [0.5, 0.5]}}
    script = {"fixed": _fixed(), "models": models}
    with running(tmp_path_factory.mktemp("simulator"), script, token="secret") as started:
        yield started


def _provider(simulator, **changes):
    return llm.ProviderSpec(
        **{"slug": "simulated", "base_url": simulator.base_url, "api_key": "secret", "is_simulated": True, **changes}
    )


def _spec(text, **changes):
    values = {"model": "simulated-a", "max_tokens": 1000, "request_id": "r-1", "timeout_s": 5.0, **changes}
    return llm.CallSpec(messages=[{"role": "user", "content": text}], **values)


def _ask(simulator, text, *, provider=None, **changes):
    return llm.run(llm.call(provider or _provider(simulator), _spec(text, **changes)), deadline_s=20)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("declines", OutcomeKind.ANSWER),
        ("no_usage", OutcomeKind.ANSWER),
        ("dont know", OutcomeKind.ANSWER),
        ("bad usage", OutcomeKind.ANSWER),
        ("empty", OutcomeKind.EMPTY),
        ("null", OutcomeKind.EMPTY),
        ("blank", OutcomeKind.EMPTY),
        ("length", OutcomeKind.TRUNCATED),
        ("content_filter", OutcomeKind.FILTERED),
        ("refusal", OutcomeKind.FILTERED),
        ("prompt_filter", OutcomeKind.FILTERED),
        ("malformed_json", OutcomeKind.MALFORMED),
        ("bad_charset", OutcomeKind.MALFORMED),
        ("deep_json", OutcomeKind.MALFORMED),
        ("empty_object", OutcomeKind.MALFORMED),
        ("empty_body", OutcomeKind.MALFORMED),
        ("html", OutcomeKind.MALFORMED),
        ("huge", OutcomeKind.MALFORMED),
        ("gzip", OutcomeKind.MALFORMED),
        ("cut", OutcomeKind.MALFORMED),
        ("tool_call", OutcomeKind.MALFORMED),
        ("two_choices", OutcomeKind.MALFORMED),
        ("no_choices", OutcomeKind.MALFORMED),
        ("content_list", OutcomeKind.MALFORMED),
        ("nul", OutcomeKind.MALFORMED),
        ("surrogate", OutcomeKind.MALFORMED),
        ("list", OutcomeKind.MALFORMED),
        ("string choices", OutcomeKind.MALFORMED),
        ("null choice", OutcomeKind.MALFORMED),
        ("unknown end", OutcomeKind.MALFORMED),
        ("wrong_model", OutcomeKind.MISMATCH),
        ("wrong_request", OutcomeKind.MISMATCH),
        ("error_in_200", OutcomeKind.TRANSIENT),
        ("error_in_choice", OutcomeKind.TRANSIENT),
        ("rate_error_in_200", OutcomeKind.THROTTLED),
        ("too_long", OutcomeKind.REQUEST_ERROR),
        ("quota", OutcomeKind.CONFIG_ERROR),
        ("throttle", OutcomeKind.THROTTLED),
        ("reset", OutcomeKind.AMBIGUOUS),
        *((status, OutcomeKind.REQUEST_ERROR) for status in ("400", "413", "422")),
        *((status, OutcomeKind.CONFIG_ERROR) for status in ("302", "401", "402", "403", "404")),
        *((status, OutcomeKind.THROTTLED) for status in ("408", "409", "425", "429")),
        *((status, OutcomeKind.TRANSIENT) for status in ("500", "502", "503", "504", "529", "encoded 503")),
    ],
)
def test_call_names_what_came_back(simulator, case, kind):
    outcome = _ask(simulator, f"[{case}]")

    assert (outcome.kind, outcome.sent) == (kind, True)


@pytest.mark.parametrize("case", ["hang", "drip"])
def test_call_that_meets_its_deadline_is_ambiguous(simulator, case):
    started = time.monotonic()

    outcome = _ask(simulator, f"[{case}]", timeout_s=0.6)

    assert (outcome.kind, outcome.sent) == (OutcomeKind.AMBIGUOUS, True)
    assert 0.5 < time.monotonic() - started < 4


def test_answer_comes_with_text_usage_and_model(simulator):
    outcome = _ask(simulator, "What is 6 * 7?")

    assert outcome.kind == OutcomeKind.ANSWER
    assert outcome.text == "Explanation: This is plain arithmetic or common knowledge.\nAnswer: 42\nConfidence: 95%"
    assert (outcome.prompt_tokens, outcome.completion_tokens, outcome.model_echo) == (4, 22, "simulated-a")
    assert (outcome.detail, outcome.retry_after_s) == ("", None)
    assert outcome.latency_ms > 0


@pytest.mark.parametrize("case", ["no_usage", "bad usage"])
def test_usage_that_is_none_is_none(simulator, case):
    outcome = _ask(simulator, f"[{case}]")

    assert (outcome.prompt_tokens, outcome.completion_tokens) == (None, None)


def test_truncated_text_is_kept_and_usage_too(simulator):
    outcome = _ask(simulator, "What is 6 * 7?", max_tokens=5)

    assert outcome.kind == OutcomeKind.TRUNCATED
    assert (outcome.text, outcome.completion_tokens) == ("Explanation: This is", 5)


@pytest.mark.parametrize(
    ("case", "expected"), [("after zero", 0.0), ("after seconds", 3.0), ("after rubbish", None), ("after minus", 0.0)]
)
def test_throttled_carries_retry_after(simulator, case, expected):
    assert _ask(simulator, f"[{case}]").retry_after_s == expected


def test_retry_after_may_be_a_date_and_come_with_503(simulator):
    dated, busy = _ask(simulator, "[after date]"), _ask(simulator, "[busy]")

    assert dated.retry_after_s > 3600
    assert (busy.kind, busy.retry_after_s) == (OutcomeKind.TRANSIENT, 7.0)


def test_redirect_is_not_followed(simulator):
    billed = len(simulator.journal())

    outcome = _ask(simulator, "[302]")

    assert (outcome.kind, outcome.detail) == (OutcomeKind.CONFIG_ERROR, "HTTP 302 redirect")
    assert [line["status"] for line in simulator.journal()[billed:]] == [302]


def test_each_call_is_billed_once(simulator):
    billed = len(simulator.journal())

    for number, case in enumerate(["[500]", "[429]", "[reset]", "[cut]", "[empty]"]):
        _ask(simulator, case, request_id=f"once-{number}")

    assert [line["request_id"] for line in simulator.journal()[billed:]] == [f"once-{n}" for n in range(5)]


def test_wrong_key_is_a_config_error(simulator):
    outcome = _ask(simulator, "What is 6 * 7?", provider=_provider(simulator, api_key="other"))

    assert (outcome.kind, outcome.detail) == (OutcomeKind.CONFIG_ERROR, "HTTP 401 invalid_api_key")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"api_key": "two\nlines"}, OutcomeKind.CONFIG_ERROR),
        ({"api_key": ""}, OutcomeKind.CONFIG_ERROR),
        ({"base_url": "ftp://127.0.0.1/v1"}, OutcomeKind.CONFIG_ERROR),
        ({"dialect": "unheard-of"}, OutcomeKind.CONFIG_ERROR),
        ({"base_url": "http://no-such-host.invalid/v1"}, OutcomeKind.TRANSIENT),
        ({"base_url": "https://{address}"}, OutcomeKind.TRANSIENT),
    ],
)
def test_call_that_cannot_leave_says_so(simulator, changes, kind):
    address = simulator.base_url.removeprefix("http://")
    changes = {name: value.replace("{address}", address) for name, value in changes.items()}

    outcome = _ask(simulator, "x", provider=_provider(simulator, **changes))

    assert (outcome.kind, outcome.sent) == (kind, False)


def test_refused_connection_was_never_sent(simulator):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        provider = _provider(simulator, base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1")
        outcome = _ask(simulator, "x", provider=provider)

    assert (outcome.kind, outcome.detail, outcome.sent) == (OutcomeKind.TRANSIENT, "ClientConnectorError", False)


def test_text_that_cannot_be_encoded_was_never_sent(simulator):
    outcome = _ask(simulator, "a\ud800b")

    assert (outcome.kind, outcome.sent) == (OutcomeKind.REQUEST_ERROR, False)


def test_environment_reaches_neither_headers_nor_route(simulator, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    provider = _provider(simulator, slug="with-environment")
    made = llm.run(_client_of(provider), deadline_s=5)

    assert "OpenAI-Organization" not in {k for k, v in made.default_headers.items() if isinstance(v, str)}
    assert _ask(simulator, "What is 6 * 7?", provider=provider).kind == OutcomeKind.ANSWER


async def _client_of(provider):
    return client._host_of_this_loop().client(provider)


def test_structured_output_is_asked_for_as_written(simulator):
    assert _ask(simulator, "x", response_format=JUDGE_FORMAT).text == '{"a": 1}'


def test_secrets_and_texts_stay_out_of_representations(simulator):
    outcome = _ask(simulator, "What is 6 * 7?")

    shown = repr((_provider(simulator), _spec("canary"), outcome))

    assert [word for word in ("secret", "canary", "Answer") if word in shown] == []


def test_many_calls_share_the_loop(simulator):
    async def ask_all():
        specs = [_spec(f"What is {n} + 1?", model="simulated-half", request_id=str(n)) for n in range(200)]
        return await asyncio.gather(*(llm.call(_provider(simulator), spec) for spec in specs))

    started = time.monotonic()
    outcomes = llm.run(ask_all(), deadline_s=20)

    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.ANSWER}
    assert time.monotonic() - started < 10


def test_stop_event_ends_calls_in_flight(simulator):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    started = time.monotonic()

    with pytest.raises(llm.Stopped):
        llm.run(llm.call(_provider(simulator), _spec("x", model="simulated-slow")), deadline_s=20, stop_event=stop)

    assert time.monotonic() - started < 4


def test_cancelled_coroutine_may_still_hand_over_what_it_has():
    async def partial():
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            return ["first"]

    assert llm.run(partial(), deadline_s=0.3) == ["first"]


def test_deadline_raises_timeout():
    with pytest.raises(TimeoutError):
        llm.run(asyncio.sleep(30), deadline_s=0.3)


def test_error_of_the_coroutine_reaches_the_caller():
    async def fail():
        raise KeyError("x")

    with pytest.raises(KeyError):
        llm.run(fail(), deadline_s=5)


def test_shutdown_ends_calls_in_flight_and_the_next_run_begins_anew(simulator):
    ended = []

    def wait():
        try:
            llm.run(llm.call(_provider(simulator), _spec("x", model="simulated-slow")), deadline_s=20)
        except llm.Stopped:
            ended.append("stopped")

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)

    llm.shutdown()
    for thread in threads:
        thread.join(5)

    assert ended == ["stopped"] * 8
    assert _ask(simulator, "What is 6 * 7?").kind == OutcomeKind.ANSWER


def test_wait_notices_a_loop_that_died():
    loop = client._running_host().loop
    threading.Timer(0.3, lambda: loop.call_soon_threadsafe(loop.stop)).start()

    with pytest.raises((llm.LoopLost, llm.Stopped)):
        llm.run(asyncio.sleep(30), deadline_s=10)

    assert llm.run(asyncio.sleep(0, "alive"), deadline_s=5) == "alive"


def test_loop_is_made_once_under_racing_threads():
    llm.shutdown()
    barrier, loops = threading.Barrier(50), []

    async def which():
        return id(asyncio.get_running_loop())

    def race():
        barrier.wait()
        loops.append(llm.run(which(), deadline_s=5))

    threads = [threading.Thread(target=race) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(loops), len(set(loops))) == (50, 1)
    assert [thread.name for thread in threading.enumerate()].count("provider-loop") == 1


def test_run_refuses_to_wait_for_its_own_loop():
    async def inner():
        coro = asyncio.sleep(0)
        try:
            return llm.run(coro, deadline_s=1)
        finally:
            coro.close()

    with pytest.raises(RuntimeError, match="runs on"):
        llm.run(inner(), deadline_s=5)


def test_call_refuses_a_foreign_loop(simulator):
    with pytest.raises(RuntimeError, match="belongs"):
        asyncio.run(llm.call(_provider(simulator), _spec("x")))
