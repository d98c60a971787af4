"""What the simulator is told to reply to `[case]`: every fault by its name, and bodies that no fault has."""

import json

from grading.simulator.faults import FAULTS

STATUSES = ("302", "400", "401", "402", "403", "404", "408", "409", "413", "422", "425", "429")
STATUSES += ("500", "501", "502", "503", "504", "529")
RETRY_AFTER = {
    "zero": "0",
    "second": "1",
    "hour": "3600",
    "date": "Thu, 01 Jan 2099 00:00:00 GMT",
    "rubbish": "soon",
    "minus": "-5",
}
TEXTS = {
    "do not know": "I do not know.",
    "other language": "Объяснение: так.\nОтвет: 42 \U0001f600",
    "grade not in the set": '{"extracted_final_answer": "1", "reasoning": "x", "correct": "maybe", "confidence": 1, "strict": true}',
    "two grades": '{"correct": "yes"} {"correct": "no"}',
    "broken schema": '{"correct": "yes"}',
    "prose": "The answer is correct.",
}
MESSAGE = {"type": "message", "role": "assistant", "status": "completed"}
PART = {"type": "output_text", "text": "a part"}


def _completion(**changes):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
    return {"choices": [{**choice, **changes}]}


def _response(*output, **changes):
    return {"status": "completed", "output": list(output), **changes}


BODIES = {
    "list": [1, 2],
    "string choices": {"choices": "no"},
    "null choice": {"choices": [None]},
    "no message": _completion(message=None),
    "function call": _completion(message={"content": "x", "function_call": {"name": "f", "arguments": "{}"}}),
    "end in words": _completion(finish_reason="odd one"),
    "bad usage": {**_completion(), "usage": {"prompt_tokens": "many", "completion_tokens": -1}},
    "empty error": {**_completion(), "error": None},
    "error in words": {"error": "it failed"},
    "two parts": _response({**MESSAGE, "content": [PART, PART]}),
    "half a message": _response({**MESSAGE, "status": "incomplete", "content": [PART]}),
    "another part": _response({**MESSAGE, "content": [PART, {"type": "output_audio"}]}),
    "no parts": _response({**MESSAGE, "content": "x"}),
    "refusal among text": _response({**MESSAGE, "content": [PART, {"type": "refusal", "refusal": "no"}]}),
    "search call": _response({"type": "web_search_call"}, {**MESSAGE, "content": [PART]}),
    "null item": _response(None),
    "no output": {"status": "completed"},
    "failed": _response(status="failed"),
    "unknown error": _response(status="failed", error={"code": "something_new", "message": "x"}),
    "image error": _response(status="failed", error={"code": "invalid_image_format", "message": "x"}),
    "steered": _response(status="incomplete", incomplete_details={"reason": "steered"}),
    "bad counts": _response(
        {**MESSAGE, "content": [PART]}, usage={"input_tokens": True, "output_tokens": 2**40, "total_tokens": 1}
    ),
}


def fixed_rows():
    rows = [{"contains": f"[{fault}]", "fault": fault, "answer": "42"} for fault in (*FAULTS, *STATUSES)]
    rows += [{"contains": f"[after {n}]", "fault": "429", "retry_after": value} for n, value in RETRY_AFTER.items()]
    rows += [{"contains": f"[{case}]", "text": text, "models": "*simulated-*"} for case, text in TEXTS.items()]
    rows += [{"contains": f"[{case}]", "body": json.dumps(body)} for case, body in BODIES.items()]
    rows += [
        {"contains": "[busy]", "fault": "503", "retry_after": "7"},
        {"contains": "[encoded 503]", "status": 503, "body": "x", "headers": {"Content-Encoding": "gzip"}},
        {"contains": "[JSON as HTML]", "body": json.dumps(_completion()), "headers": {"Content-Type": "text/html"}},
        {"contains": "[long number]", "body": '{"choices": [], "created": ' + "9" * 5000 + "}"},
        {"contains": "[declined]", "models": "*simulated-*", "text": '{"declined": "yes"}'},
    ]
    return rows
