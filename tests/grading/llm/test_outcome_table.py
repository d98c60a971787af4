"""Every row of the table of outcomes, in every dialect that has it, over HTTP; and that none but the first row is an answer."""

import itertools
import socket
import struct
import threading

import pytest

from grading import judging, refusals
from grading.enums import OutcomeKind
from tests.grading.llm.asking import DIALECTS, MODELS, ask

RESPONSES = ("openai_responses",)
CHATS = tuple(dialect for dialect in DIALECTS if dialect not in RESPONSES)

# kind -> cases in every dialect; then those that only some dialects have
ROWS = {
    OutcomeKind.ANSWER: ["do not know", "other language", "declines", "no_usage", "no_model", "reasoning_apart"],
    OutcomeKind.EMPTY: ["empty", "null", "blank"],
    OutcomeKind.TRUNCATED: ["length"],
    OutcomeKind.FILTERED: ["content_filter", "refusal"],
    OutcomeKind.MALFORMED: [
        *("malformed_json", "invalid_json", "wrong_schema", "bad_charset", "deep_json", "long number", "cut"),
        *("empty_object", "empty_body", "html", "JSON as HTML", "huge", "gzip", "list"),
        *("tool_call", "two_choices", "no_choices", "content_list", "nul", "surrogate", "no_end", "abort"),
    ],
    OutcomeKind.REQUEST_ERROR: ["400", "413", "422", "too_long"],
    OutcomeKind.CONFIG_ERROR: ["401", "402", "403", "404", "302"],
    OutcomeKind.THROTTLED: ["408", "409", "425", "429", "throttle", "rate_error_in_200"],
    OutcomeKind.TRANSIENT: ["500", "501", "502", "503", "504", "529", "busy", "encoded 503", "error_in_200"],
    OutcomeKind.AMBIGUOUS: ["reset"],
    OutcomeKind.MISMATCH: ["wrong_model", "wrong_request"],
}
ROWS_OF_SOME = [
    (OutcomeKind.ANSWER, ["bad usage", "empty error"], CHATS),
    (OutcomeKind.ANSWER, ["two parts", "bad counts"], RESPONSES),
    (OutcomeKind.FILTERED, ["prompt_filter", "filter_error_in_200"], ("openai_chat", "openai_responses", "openrouter")),
    (OutcomeKind.FILTERED, ["refusal among text"], RESPONSES),
    (OutcomeKind.MALFORMED, ["string choices", "null choice", "no message", "function call", "end in words"], CHATS),
    (OutcomeKind.MALFORMED, ["load"], ("compatible",)),
    (OutcomeKind.MALFORMED, ["error in words"], DIALECTS),
    (OutcomeKind.MALFORMED, ["in_progress", "queued", "cancelled", "failed", "unknown error", "steered"], RESPONSES),
    (OutcomeKind.MALFORMED, ["half a message", "another part", "no parts", "search call"], RESPONSES),
    (OutcomeKind.MALFORMED, ["null item", "no output"], RESPONSES),
    (OutcomeKind.REQUEST_ERROR, ["image error"], RESPONSES),
    (OutcomeKind.CONFIG_ERROR, ["quota"], ("openai_chat", "openai_responses", "openrouter")),
    (OutcomeKind.TRANSIENT, ["error_in_choice"], CHATS),
]
TABLE = [
    *((kind, case, dialect) for kind, cases in ROWS.items() for case in cases for dialect in DIALECTS),
    *((kind, case, dialect) for kind, cases, some in ROWS_OF_SOME for case in cases for dialect in some),
]


def _id(row):
    kind, case, dialect = row
    return f"{kind.value}-{case}-{dialect}"


@pytest.mark.parametrize(("kind", "case", "dialect"), TABLE, ids=map(_id, TABLE))
def test_call_names_what_came_back(simulator, kind, case, dialect):
    outcome = ask(simulator, f"[{case}]", dialect=dialect)

    assert (outcome.kind, outcome.sent) == (kind, True)
    assert "simulated fault" not in outcome.detail
    assert len(outcome.detail) < 60


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("case", "detail"),
    [("huge", "OversizedReply"), ("endless", "OversizedReply"), ("gzip", "HTTP 200"), ("gzipped", "HTTP 200")],
)
def test_body_without_bound_is_not_read(simulator, case, detail, dialect):
    outcome = ask(simulator, f"[{case}]", dialect=dialect)

    assert (outcome.kind, outcome.detail) == (OutcomeKind.MALFORMED, detail)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", ["hang", "drip", "drip_headers"])
def test_call_that_meets_its_deadline_is_ambiguous(simulator, case, dialect):
    outcome = ask(simulator, f"[{case}]", dialect=dialect, timeout_s=0.3)

    assert (outcome.kind, outcome.sent) == (OutcomeKind.AMBIGUOUS, True)
    assert outcome.latency_ms >= 300


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("chars", [10, 5_000_000])
@pytest.mark.parametrize("place", ["never-read", "early-reset"])
def test_request_that_nobody_reads_is_ambiguous(simulator, place, chars, dialect):
    base_url = simulator.base_url.replace("/v1", f"/{place}/v1")

    outcome = ask(simulator, "x" * chars, dialect=dialect, base_url=base_url, timeout_s=0.5)

    assert (outcome.kind, outcome.sent) == (OutcomeKind.AMBIGUOUS, True)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("base_url", ["http://no-such-host.invalid/v1", "https://{address}/v1", "http://{closed}/v1"])
def test_request_that_never_left_is_transient(simulator, base_url, dialect):
    address = simulator.base_url.removeprefix("http://").removesuffix("/v1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base_url = base_url.format(address=address, closed=f"127.0.0.1:{free.getsockname()[1]}")
        outcome = ask(simulator, "x", dialect=dialect, base_url=base_url)

    assert (outcome.kind, outcome.sent) == (OutcomeKind.TRANSIENT, False)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_reset_before_the_request_is_out_is_transient(simulator, dialect):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ending = threading.Thread(target=_reset_next, args=(listener,))
        ending.start()
        base_url = f"https://127.0.0.1:{listener.getsockname()[1]}/v1"
        outcome = ask(simulator, "x", dialect=dialect, base_url=base_url)
        ending.join(10)

    assert (outcome.kind, outcome.sent) == (OutcomeKind.TRANSIENT, False)


def _reset_next(listener):
    connection, _ = listener.accept()
    connection.recv(1)  # of the handshake: reset before it, the client's own socket would be left open by its library
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("case", "expected"),
    [("zero", 0.0), ("second", 1.0), ("hour", 3600.0), ("rubbish", None), ("minus", 0.0)],
)
def test_throttled_carries_retry_after(simulator, case, expected, dialect):
    outcome = ask(simulator, f"[after {case}]", dialect=dialect)

    assert (outcome.kind, outcome.retry_after_s) == (OutcomeKind.THROTTLED, expected)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_retry_after_may_be_a_date_and_come_with_503(simulator, dialect):
    dated, busy = ask(simulator, "[after date]", dialect=dialect), ask(simulator, "[busy]", dialect=dialect)

    assert dated.retry_after_s > 3600
    assert (busy.kind, busy.retry_after_s) == (OutcomeKind.TRANSIENT, 7.0)


# --- the judge's rows: what comes back is complete, and is read by whoever asked ---


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", ["grade not in the set", "two grades", "broken schema", "prose"])
def test_judge_reply_without_one_grade_is_unparsed(simulator, case, dialect):
    outcome = _ask_judge(simulator, f"[{case}] Answer: 1", dialect)

    assert outcome.kind == OutcomeKind.ANSWER
    assert isinstance(judging.parse_judge(outcome.text), judging.Unparsed)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("response", "grade"), [("Answer: 1", True), ("Answer: 2", False)])
def test_judge_can_be_asked_with_and_without_a_schema(simulator, response, grade, dialect):
    outcome = _ask_judge(simulator, response, dialect)

    assert judging.parse_judge(outcome.text).correct is grade


def _ask_judge(simulator, response, dialect):
    messages = judging.judge_messages(question="How many?", key="1", response=response, boundary="b" * 20)
    return ask(simulator, "", dialect=dialect, messages=messages, response_format=judging.RESPONSE_FORMAT)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("response", "is_declined"), [("[declined]", True), ("No idea.", False)])
def test_refusal_is_told_by_a_question_of_its_own(simulator, response, is_declined, dialect):
    messages = refusals.messages(response=response, boundary="b" * 20)
    outcome = ask(simulator, "", dialect=dialect, messages=messages, response_format=refusals.RESPONSE_FORMAT)

    assert refusals.parse(outcome.text) is is_declined


# --- what an outcome keeps, whatever its kind ---


@pytest.mark.parametrize("dialect", DIALECTS)
def test_answer_comes_with_text_usage_and_model(simulator, dialect):
    outcome = ask(simulator, "What is 6 * 7?", dialect=dialect)

    assert outcome.kind == OutcomeKind.ANSWER
    assert outcome.text == "Explanation: This is plain arithmetic or common knowledge.\nAnswer: 42\nConfidence: 95%"
    assert (outcome.detail, outcome.retry_after_s, outcome.model_echo) == ("", None, MODELS[dialect])
    assert (outcome.prompt_tokens, outcome.completion_tokens) == ((None, None) if dialect == "compatible" else (4, 22))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_token_limit_cuts_and_the_text_is_kept(simulator, dialect):
    outcome = ask(simulator, "What is 6 * 7?", dialect=dialect, max_tokens=5)

    assert (outcome.kind, outcome.text) == (OutcomeKind.TRUNCATED, "Explanation: This is")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_reasoning_outside_the_count_of_output_is_counted(simulator, dialect):
    outcome = ask(simulator, "[reasoning_apart]", dialect=dialect)

    assert outcome.completion_tokens == 1000 + len(outcome.text) // 4 + (len(outcome.text) % 4 > 0)


@pytest.mark.parametrize(
    ("case", "dialect"),
    [
        *itertools.product(["no_usage"], DIALECTS),
        *itertools.product(["bad usage"], CHATS),
        ("bad counts", "openai_responses"),
    ],
)
def test_usage_that_is_none_is_none(simulator, case, dialect):
    outcome = ask(simulator, f"[{case}]", dialect=dialect)

    assert (outcome.prompt_tokens, outcome.completion_tokens) == (None, None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_call_is_billed_once(simulator, dialect):
    billed = len(simulator.journal())

    for number, case in enumerate(["[500]", "[429]", "[reset]", "[cut]", "[empty]", "[302]"]):
        ask(simulator, case, dialect=dialect, request_id=f"once-{number}")

    lines = simulator.journal()[billed:]
    assert [line["request_id"] for line in lines] == [f"once-{n}" for n in range(6)]
    assert {line["dialect"] for line in lines} == {dialect}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_picture_arrives(simulator, dialect):
    billed = len(simulator.journal())
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 4000}}
    content = [{"type": "text", "text": "What is 6 * 7?"}, picture]
    messages = [{"role": "user", "content": "Think."}, {"role": "user", "content": content}]

    outcome = ask(simulator, "", dialect=dialect, messages=messages)

    assert outcome.kind == OutcomeKind.ANSWER
    assert [line["image_bytes"] for line in simulator.journal()[billed:]] == [3000]


def test_table_leaves_out_no_kind():
    read_elsewhere = {OutcomeKind.REFUSED, OutcomeKind.UNPARSED}

    assert {kind for kind, _, _ in TABLE} == set(OutcomeKind) - read_elsewhere
