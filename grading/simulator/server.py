"""The HTTP side: reads a request, bills it, waits, and replies or fails as the script says."""

import asyncio
import hmac
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from grading.simulator import chance, faults, replies
from grading.simulator.journal import Journal
from grading.simulator.questions import BadRequest, Question, read
from grading.simulator.replies import Asked
from grading.simulator.script import Fixed, Script

MAX_BODY_BYTES = 20_000_000
MAX_REMEMBERED = 200_000
CHARS_PER_TOKEN = 4
IMAGE_BASE_TOKENS = 85
IMAGE_BYTES_PER_TOKEN = 750
HANG_S = 3600.0
DRIP_S = 0.5


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes out: the whole body, its status and headers, and how the connection misbehaves."""

    status: int
    body: bytes
    headers: dict[str, str]
    fault: str = ""


class Attempts:
    """How often each model was asked each question, for as long as this process lives and memory is bounded."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def count(self, model: str, sha256: str) -> int:
        number = self._counts.pop((model, sha256), 0) + 1
        self._counts[model, sha256] = number
        if len(self._counts) > MAX_REMEMBERED:
            self._counts.popitem(last=False)
        return number


class Provider:
    """The handlers and what they share."""

    def __init__(self, script: Script, journal: Journal, token: str) -> None:
        self.script = script
        self.journal = journal
        self.token = token
        self.attempts = Attempts()

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def models(self, _request: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "owned_by": "simulator"} for name in self.script.model_names()]
        return web.json_response({"object": "list", "data": data})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
            asked = self._read(body)
        except (ValueError, RecursionError) as error:
            message = str(error) if isinstance(error, BadRequest) else "the body is not JSON"
            return _error(400, "invalid_request_error", message)
        if not asked.model.startswith("simulated-"):
            return _error(404, "model_not_found", "this provider has simulated models only")
        request_id = request.headers.get("X-Client-Request-Id", "")[:100]
        reply = self._decide(asked, _token_limit(body), request_id)
        await asyncio.sleep(self._delay_s(asked))
        return await _send(request, reply)

    def _read(self, body: Any) -> Asked:
        if not isinstance(body, dict) or not isinstance(body.get("model"), str):
            raise BadRequest("model must be a string")
        if body.get("stream") or body.get("n", 1) != 1:
            raise BadRequest("neither streams nor several choices are simulated")
        question = read(body.get("messages"))
        identity = replies.identify(question)
        attempt = self.attempts.count(body["model"], identity.sha256)
        return Asked(body["model"], question, identity, attempt, _schema(body.get("response_format")))

    def _decide(self, asked: Asked, token_limit: int | None, request_id: str) -> Reply:
        """Make the reply and bill it at once: a real provider bills, too, whoever no longer waits."""
        fixed = self._fixed(asked)
        fault = fixed.fault if fixed else self._fault(asked)
        error = faults.status_of(fault)
        if error is not None or (fixed and fixed.body is not None):
            reply, prompt_tokens, completion_tokens = self._refusal(asked, fault, fixed), 0, 0
        else:
            text = replies.text_of(asked, self.script, fixed)
            completion = _completion(asked, text, token_limit, request_id)
            prompt_tokens, completion_tokens = completion["usage"].values()
            reply = _faulty(completion, fault)
        self.journal.write(
            model=asked.model,
            question_sha256=asked.identity.sha256,
            attempt=asked.attempt,
            status=reply.status,
            fault=fault,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            image_bytes=asked.question.image_bytes,
            request_id=request_id,
        )
        return reply

    def _fixed(self, asked: Asked) -> Fixed | None:
        model, sha256, text, attempt = asked.model, asked.identity.sha256, asked.question.text, asked.attempt
        for row in self.script.fixed:
            # A judge's prompt quotes the question: a row meant for whoever is asked it must not speak for the judge.
            is_meant = asked.identity.judged is None or row.models != "*"
            if is_meant and row.fits(model=model, sha256=sha256, text=text, attempt=attempt):
                return row
        return None

    def _fault(self, asked: Asked) -> str:
        draw = chance.unit("fault", self.script.seed, asked.model, asked.identity.sha256, asked.attempt)
        for name, rate in self.script.behaviour(asked.model).faults.items():
            draw -= rate
            if draw < 0:
                return name
        return ""

    def _refusal(self, asked: Asked, fault: str, fixed: Fixed | None) -> Reply:
        if fixed is not None and fixed.body is not None:
            return Reply(fixed.status, fixed.body.encode(), {"Content-Type": "application/json", **fixed.headers})
        status, code = faults.status_of(fault) or (500, "server_error")
        headers = {"Content-Type": "application/json"}
        if status in (429, 503):
            scripted = fixed.retry_after if fixed else None
            headers["Retry-After"] = self.script.behaviour(asked.model).retry_after if scripted is None else scripted
        if 300 <= status < 400:
            headers["Location"] = "/v1/elsewhere"
        return Reply(status, faults.error_body(code, "simulated fault"), headers)

    def _delay_s(self, asked: Asked) -> float:
        low, high = self.script.behaviour(asked.model).delay_s
        draw = chance.unit("delay", self.script.seed, asked.model, asked.identity.sha256, asked.attempt)
        return low + (high - low) * draw


def make_app(script: Script, journal: Journal, *, token: str) -> web.Application:
    """The application; with a token, everything but the health check asks for it."""
    provider = Provider(script, journal, token)
    app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_checked(token)])
    app.router.add_get("/healthz", provider.healthz)
    app.router.add_get("/v1/models", provider.models)
    app.router.add_post("/v1/chat/completions", provider.complete)
    return app


def _checked(token: str) -> Middleware:
    expected = f"Bearer {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if token and request.path != "/healthz" and not hmac.compare_digest(given, expected):
            return _error(401, "invalid_api_key", "the token is not the simulator's")
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, "invalid_request_error", error.reason)

    return check


def _error(status: int, code: str, message: str) -> web.Response:
    return web.Response(status=status, body=faults.error_body(code, message), content_type="application/json")


def _schema(response_format: Any) -> dict[str, Any] | None:
    if not isinstance(response_format, dict) or response_format.get("type") != "json_schema":
        return None
    json_schema = response_format.get("json_schema")
    schema = json_schema.get("schema") if isinstance(json_schema, dict) else None
    if not isinstance(schema, dict):
        raise BadRequest("response_format.json_schema.schema must be an object")
    return schema


def _token_limit(body: dict[str, Any]) -> int | None:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return limit if isinstance(limit, int) and limit > 0 else None


def _completion(asked: Asked, text: str, token_limit: int | None, request_id: str) -> dict[str, Any]:
    is_cut = token_limit is not None and _tokens(len(text)) > token_limit
    if is_cut and token_limit is not None:
        text = text[: token_limit * CHARS_PER_TOKEN]
    name = chance.number("id", request_id, asked.model, asked.identity.sha256, asked.attempt)
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": f"chatcmpl-{name:016x}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "length" if is_cut else "stop"}],
        "usage": _usage(asked.question, text),
    }


def _usage(question: Question, text: str) -> dict[str, int]:
    prompt_tokens = _tokens(question.prompt_chars)
    if question.image_bytes:
        prompt_tokens += IMAGE_BASE_TOKENS + question.image_bytes // IMAGE_BYTES_PER_TOKEN
    return {"prompt_tokens": prompt_tokens, "completion_tokens": _tokens(len(text))}


def _tokens(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)


def _faulty(completion: dict[str, Any], fault: str) -> Reply:
    if fault in faults.BODIES:
        body, headers = faults.BODIES[fault]()
        return Reply(200, body, headers)
    usage = completion["usage"]
    usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
    if fault in faults.CHANGES:
        faults.CHANGES[fault](completion)
    body = json.dumps(completion).encode()
    return Reply(200, body, {"Content-Type": "application/json"}, fault if fault in faults.CONNECTION_FAULTS else "")


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    if not reply.fault:
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    if reply.fault == "hang":
        await asyncio.sleep(HANG_S)
    if reply.fault in ("reset", "hang"):
        return _abort(request, web.StreamResponse())
    response = web.StreamResponse(headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    if reply.fault == "drip":
        for byte in reply.body:
            await response.write(bytes([byte]))
            await asyncio.sleep(DRIP_S)
        return response
    await response.write(reply.body[: len(reply.body) // 2])
    return _abort(request, response)


def _abort(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response
