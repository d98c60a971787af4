"""The call itself: what leaves and what does not, the loop and its thread, the wait and its ends."""

import asyncio
import socket
import threading
import time

import pytest

from grading import llm
from grading.enums import OutcomeKind
from grading.llm import client
from tests.grading.llm.asking import DIALECTS, ask, provider, spec

JUDGE_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "x", "strict": True, "schema": {"type": "object", "properties": {"a": {"const": 1}}}},
}


def _ask(simulator, text, *, place=None, **changes):
    return llm.run(llm.call(place or provider(simulator), spec(text, **changes)), deadline_s=20)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_redirect_is_not_followed(simulator, dialect):
    billed = len(simulator.journal())

    outcome = ask(simulator, "[302]", dialect=dialect)

    assert (outcome.kind, outcome.detail) == (OutcomeKind.CONFIG_ERROR, "HTTP 302 redirect")
    assert [line["status"] for line in simulator.journal()[billed:]] == [302]


def test_wrong_key_is_a_config_error(simulator):
    outcome = _ask(simulator, "What is 6 * 7?", place=provider(simulator, api_key="other"))

    assert (outcome.kind, outcome.detail) == (OutcomeKind.CONFIG_ERROR, "HTTP 401 invalid_api_key")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"api_key": "two\nlines"}, OutcomeKind.CONFIG_ERROR),
        ({"api_key": ""}, OutcomeKind.CONFIG_ERROR),
        ({"base_url": "ftp://127.0.0.1/v1"}, OutcomeKind.CONFIG_ERROR),
        ({"dialect": "unheard-of"}, OutcomeKind.CONFIG_ERROR),
    ],
)
def test_call_that_cannot_leave_says_so(simulator, changes, kind):
    outcome = _ask(simulator, "x", place=provider(simulator, **changes))

    assert (outcome.kind, outcome.sent) == (kind, False)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_that_cannot_be_encoded_was_never_sent(simulator, dialect):
    outcome = ask(simulator, "a\ud800b", dialect=dialect)

    assert (outcome.kind, outcome.sent) == (OutcomeKind.REQUEST_ERROR, False)


def test_no_more_headers_leave_than_are_needed(monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-of-somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    received = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listening = threading.Thread(target=_receive_one, args=(listener, received))
        listening.start()
        place = llm.ProviderSpec("bare", f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "key-1", is_simulated=True)
        outcome = _ask(None, "x", place=place, request_id="r-9")
        listening.join(10)

    request_line, *headers = received[0].decode().split("\r\n\r\n")[0].split("\r\n")
    sent = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
    assert (outcome.kind, request_line) == (OutcomeKind.EMPTY, "POST /v1/chat/completions HTTP/1.1")
    assert set(sent) == {
        *("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"),
        *("user-agent", "x-client-request-id"),
    }
    assert (sent["authorization"], sent["accept-encoding"]) == ("Bearer key-1", "identity")


def _receive_one(listener, received):
    reply = b'{"choices": [{"finish_reason": "stop", "message": {"content": ""}}]}'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(reply)}\r\n\r\n"
    connection, _ = listener.accept()
    with connection:
        received.append(connection.recv(65536))
        connection.sendall(head.encode() + reply)


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "openrouter"])
def test_structured_output_is_asked_for_as_written(simulator, dialect):
    assert ask(simulator, "x", dialect=dialect, response_format=JUDGE_FORMAT).text == '{"a": 1}'


def test_secrets_and_texts_stay_out_of_representations(simulator):
    outcome = _ask(simulator, "What is 6 * 7?")

    shown = repr((provider(simulator), spec("canary"), outcome))

    assert [word for word in ("secret", "canary", "Answer") if word in shown] == []


def test_many_calls_share_the_loop(simulator):
    """The provider has accepted all of them before it answers one: its slow model takes 30 s."""
    known = len(simulator.journal())

    async def all_accepted():
        while len(simulator.journal()) - known < 200:
            await asyncio.sleep(0.05)

    async def ask_all():
        specs = [spec(f"What is {n} + 1?", model="simulated-slow", request_id=str(n), timeout_s=60) for n in range(200)]
        calls = [asyncio.create_task(llm.call(provider(simulator), spec)) for spec in specs]
        await all_accepted()
        n_open = sum(not call.done() for call in calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        return n_open

    assert llm.run(ask_all(), deadline_s=60) == 200


def test_stop_event_ends_calls_in_flight(simulator):
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()

    with pytest.raises(llm.Stopped):
        llm.run(llm.call(provider(simulator), spec("x", model="simulated-slow")), deadline_s=20, stop_event=stop)


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
            llm.run(llm.call(provider(simulator), spec("x", model="simulated-slow")), deadline_s=20)
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
        asyncio.run(llm.call(provider(simulator), spec("x")))
