"""The simulator as its callers see it: a process behind HTTP, its script, journal, token and end."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter

import pytest

from grading import judging, llm
from grading.simulator.questions import text_sha256
from tests.grading.simulator.process import ROOT, running


def _post(simulator, body, *, token="", headers=()):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **dict(headers)}
    request = urllib.request.Request(f"{simulator.base_url}/chat/completions", data, sent)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def _ask(simulator, text, model="simulated-a", **more):
    status, body = _post(simulator, {"model": model, "messages": [{"role": "user", "content": text}], **more})
    assert status == 200, body
    return body["choices"][0]["message"]["content"]


def _status(simulator, text, model="simulated-a"):
    return _post(simulator, {"model": model, "messages": [{"role": "user", "content": text}]})[0]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    with running(tmp_path_factory.mktemp("plain"), {}) as simulator:
        yield simulator


def test_health_and_models_are_listed(plain):
    with urllib.request.urlopen(plain.base_url.replace("/v1", "/healthz")) as response:
        assert response.read() == b"ok"
    with urllib.request.urlopen(f"{plain.base_url}/models") as response:
        names = [row["id"] for row in json.loads(response.read())["data"]]

    assert {"simulated-small", "simulated-medium", "simulated-large", "simulated-vision"} < set(names)
    assert all(name.startswith("simulated-") for name in names)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        ({"model": "simulated-a"}, 400),
        ({"model": "simulated-a", "messages": [{"role": "user", "content": "x"}], "stream": True}, 400),
        ({"model": "gpt-real", "messages": [{"role": "user", "content": "x"}]}, 404),
        (b" " * 20_000_001, 413),
    ],
)
def test_bad_requests_are_refused_and_not_billed(plain, body, status):
    billed = len(plain.journal())

    assert _post(plain, body)[0] == status
    assert len(plain.journal()) == billed


def test_unknown_path_is_a_json_error(plain):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{plain.base_url}/elsewhere")
    with error.value:
        assert (error.value.code, json.loads(error.value.read())["error"]["message"]) == (404, "Not Found")


def test_journal_bills_without_text(plain):
    billed = len(plain.journal())
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
    content = [{"type": "text", "text": "What is 6 * 7, canary?"}, picture]
    body = {"model": "simulated-vision", "messages": [{"role": "user", "content": content}]}

    _, reply = _post(plain, body, headers={"X-Client-Request-Id": "r-7"})
    (line,) = plain.journal()[billed:]

    assert reply["usage"]["prompt_tokens"] == line["prompt_tokens"] == 6 + 85 + 4
    assert line["completion_tokens"] == reply["usage"]["completion_tokens"]
    assert line["question_sha256"] == text_sha256("What is 6 * 7, canary?")
    assert (line["model"], line["request_id"], line["status"], line["attempt"]) == ("simulated-vision", "r-7", 200, 1)
    assert "canary" not in plain.journal_path.read_text()


def test_token_is_asked_for(tmp_path):
    question = {"model": "simulated-a", "messages": [{"role": "user", "content": "1+1"}]}
    with running(tmp_path, {}, token="right") as simulator:
        statuses = [_post(simulator, question, token=token)[0] for token in ("right", "wrong", "", "righté")]
        with urllib.request.urlopen(simulator.base_url.replace("/v1", "/healthz")) as response:
            health = response.status

    assert (statuses, health) == ([200, 401, 401, 401], 200)


def test_fixed_answers_by_text_hash_model_and_attempt(tmp_path):
    rows = [
        {"sha256": text_sha256("Why is that?"), "answer": "by hash"},
        {"contains": "moon", "models": "simulated-l*", "answer": "large", "confidence": 7, "explanation": "so"},
        {"contains": "moon", "text": "raw reply"},
        {"contains": "later", "attempts": [1, 2], "fault": "503"},
        {"contains": "later", "answer": "at last"},
    ]
    with running(tmp_path, {"fixed": rows}) as simulator:
        assert _ask(simulator, " why  is THAT?").splitlines()[1] == "Answer: by hash"
        assert _ask(simulator, "the moon", "simulated-large") == "Explanation: so\nAnswer: large\nConfidence: 7%"
        assert _ask(simulator, "the moon", "simulated-small") == "raw reply"
        assert [_status(simulator, "later") for _ in range(3)] == [503, 503, 200]
        assert [line["attempt"] for line in simulator.journal()[-3:]] == [1, 2, 3]


def test_fixed_answer_for_all_models_does_not_speak_for_the_judge(tmp_path):
    messages = judging.judge_messages(question="the moon", key="1", response="Answer: 1", boundary="b" * 20)
    rows = [{"contains": "moon", "answer": "2"}, {"contains": "moon", "models": "simulated-strict", "text": "no"}]
    with running(tmp_path, {"fixed": rows}) as simulator:
        replies = [
            _ask(simulator, messages[0]["content"], model, response_format=judging.RESPONSE_FORMAT)
            for model in ("simulated-judge", "simulated-strict")
        ]

    assert judging.parse_judge(replies[0]).correct is True
    assert replies[1] == "no"


def test_recorded_answers_are_replayed(tmp_path):
    questions = [{"id": "q1", "question": "First $x$?"}, {"id": "q2", "question": "Second?"}]
    responses = [
        {"question_id": "q1", "model": "old-model", "response": "It is four.", "answer": "4\n or so", "correct": True},
        {"question_id": "q2", "model": "old-model", "response": "No idea", "answer": "", "correct": False},
        {"question_id": "q1", "model": "unused", "response": "x", "answer": "x"},
    ]
    for name, rows in (("questions.jsonl", questions), ("responses.jsonl", responses)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    replay = {"questions": "questions.jsonl", "responses": "responses.jsonl"}
    script = {"replay": {**replay, "models": {"simulated-old": "old-model"}}}

    with running(tmp_path, script) as simulator:
        first = _ask(simulator, "First  $x$?", "simulated-old")
        with_options = _ask(simulator, "First $x$?\n\nAnswer Choices:\nA. 3\nB. 4", "simulated-old")
        second = _ask(simulator, "Second?", "simulated-old")
        unknown = _ask(simulator, "Third?", "simulated-old")
        other_model = _ask(simulator, "Second?", "simulated-a")

    assert first == with_options == "It is four.\n\nAnswer: 4 or so\nConfidence: 50%"
    assert second == "No idea"
    assert unknown.startswith("Explanation: simulated-old is a simulated model")
    assert other_model.startswith("Explanation: simulated-a is a simulated model")


def test_faults_come_at_their_rates_and_repeat(tmp_path):
    script = {"seed": 3, "faults": {"429": 0.2, "503": 0.3}, "models": {"simulated-sound": {"faults": {}}}}
    runs = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        with running(folder, script) as simulator:
            runs.append([_status(simulator, f"Question {n}") for n in range(200)])
            sound = {_status(simulator, f"Question {n}", "simulated-sound") for n in range(50)}

    counts = Counter(runs[0])
    assert runs[0] == runs[1]
    assert 25 <= counts[429] <= 55
    assert 40 <= counts[503] <= 80
    assert sound == {200}


def test_scripted_delay_is_kept(tmp_path):
    with running(tmp_path, {"delay_s": [0.5, 0.6]}) as simulator:
        started = time.monotonic()
        _ask(simulator, "1+1")

    assert time.monotonic() - started >= 0.5


def test_inherited_socket_and_toml_script(tmp_path):
    (tmp_path / "script.toml").write_text('delay_s = [0, 0]\n[[fixed]]\ncontains = "x"\nanswer = "toml"\n')
    with socket.create_server(("127.0.0.1", 0)) as listener:
        descriptor, port = listener.fileno(), listener.getsockname()[1]
        command = [sys.executable, "-m", "grading.simulator", "--fd", str(descriptor)]
        command += ["--script", str(tmp_path / "script.toml")]
        process = subprocess.Popen(command, cwd=ROOT, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == f"{port}\n"
        data = json.dumps({"model": "simulated-a", "messages": [{"role": "user", "content": "x"}]}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/chat/completions", data) as response:
            reply = json.loads(response.read())
        process.terminate()

    assert reply["choices"][0]["message"]["content"].splitlines()[1] == "Answer: toml"
    assert process.returncode == 0


def test_broken_script_is_named_in_a_sentence(tmp_path):
    script = tmp_path / "script.toml"
    script.write_text("[faults]\nearthquake = 0.1\n")

    done = subprocess.run(
        [sys.executable, "-m", "grading.simulator", "--port", "0", "--script", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("simulator: script.toml: fault 'earthquake' is unknown; known are")


def test_sigterm_ends_it_cleanly_with_calls_in_flight(tmp_path):
    with running(tmp_path, {"delay_s": [30, 30]}) as simulator:
        threads = [threading.Thread(target=_swallow, args=(simulator,)) for _ in range(5)]
        for thread in threads:
            thread.start()
        while len(simulator.journal()) < 5:
            time.sleep(0.01)
        started = time.monotonic()
        simulator.process.send_signal(signal.SIGTERM)
        code = simulator.process.wait(10)
        for thread in threads:
            thread.join(10)

    assert code == 0
    assert time.monotonic() - started < 5
    assert len(simulator.journal()) == 5


def _swallow(simulator):
    with contextlib.suppress(OSError, ValueError):
        _ask(simulator, "1+1")


def test_five_hundred_calls_at_once_are_served(tmp_path):
    with running(tmp_path, {"delay_s": [1, 1]}) as simulator:
        provider = llm.ProviderSpec("simulated", simulator.base_url, "unused", is_simulated=True)

        async def ask_all():
            specs = [
                llm.CallSpec("simulated-a", [{"role": "user", "content": f"{n}+1"}], 100, f"r-{n}") for n in range(500)
            ]
            return await asyncio.gather(*(llm.call(provider, spec) for spec in specs))

        outcomes = llm.run(ask_all(), deadline_s=30)
        llm.shutdown()

        assert Counter(outcome.kind.value for outcome in outcomes) == {"answer": 500}
        assert {line["request_id"] for line in simulator.journal()} == {f"r-{n}" for n in range(500)}
