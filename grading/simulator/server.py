"""The HTTP side: reads a request, bills it, waits, and replies or fails as the script says."""

import asyncio
import gzip
import hmac
import json
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from grading.simulator import chance, faults, replies
from grading.simulator.dialects import DIALECTS, Dialect
from grading.simulator.drafts import CHANGES, Draft
from grading.simulator.journal import Journal
from grading.simulator.limiter import Limiter
from grading.simulator.questions import BadRequest, Question, read
from grading.simulator.replies import Asked
from grading.simulator.script import Fixed, Script, is_simulated

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
        self.limiters = defaultdict[str, Limiter](lambda: Limiter(script.requests_per_second))

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def models(self, _request: web.Request) -> web.Response:
        data = [{"id": name, "object": "model", "owned_by": "simulator"} for name in self.script.model_names()]
        return web.json_response({"object": "list", "data": data})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        return await self._reply(request, "")

    async def respond(self, request: web.Request) -> web.StreamResponse:
        return await self._reply(request, "openai_responses")

    async def never_read(self, request: web.Request) -> web.StreamResponse:
        """Take the connection and leave the request's body where it is."""
        assert request.transport is not None
        request.transport.pause_reading()
        await asyncio.sleep(HANG_S)
        return _abort(request, web.StreamResponse())

    async def early_reset(self, request: web.Request) -> web.StreamResponse:
        """End the connection before the request's body is read."""
        return _abort(request, web.StreamResponse())

    async def _reply(self, request: web.Request, name: str) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
            model = _model(body)
            name = name or self.script.behaviour(model).dialect
            asked, token_limit = self._read(body, DIALECTS[name])
        except (ValueError, RecursionError) as error:
            message = str(error) if isinstance(error, BadRequest) else "the body is not JSON"
            return _error(400, "invalid_request_error", message)
        if not is_simulated(asked.model):
            return _error(404, "model_not_found", "this provider has simulated models only")
        request_id = request.headers.get("X-Client-Request-Id", "")[:100]
        if not self.limiters[model].admits():
            return await _send(request, self._refuse_by_rate(asked, name, request_id))
        reply = self._decide(asked, name, token_limit, request_id)
        await asyncio.sleep(self._delay_s(asked))
        return await _send(request, reply)

    def _read(self, body: dict[str, Any], dialect: Dialect) -> tuple[Asked, int | None]:
        if body.get("stream") or body.get("n", 1) != 1:
            raise BadRequest("neither streams nor several choices are simulated")
        wanted = dialect.read(body)
        question = read(wanted.messages)
        identity = replies.identify(question)
        attempt = self.attempts.count(body["model"], identity.sha256)
        asked = Asked(body["model"], question, identity, attempt, _schema(wanted.schema_format))
        limit = wanted.token_limit
        return asked, limit if isinstance(limit, int) and limit > 0 else None

    def _decide(self, asked: Asked, name: str, token_limit: int | None, request_id: str) -> Reply:
        """Make the reply and bill it at once: a real provider bills, too, whoever no longer waits."""
        fixed = self._fixed(asked)
        fault = fixed.fault if fixed else self._fault(asked)
        error = faults.status_of(fault)
        prompt_tokens = completion_tokens = 0
        if error is not None or (fixed and fixed.body is not None):
            reply = self._refusal(asked, DIALECTS[name], fault, fixed)
        else:
            draft = _draft(asked, replies.text_of(asked, self.script, fixed), token_limit, request_id)
            prompt_tokens, completion_tokens = draft.prompt_tokens, draft.completion_tokens
            reply = _faulty(draft, DIALECTS[name], fault)
        self._note(asked, name, reply, fault, request_id, (prompt_tokens, completion_tokens))
        return reply

    def _refuse_by_rate(self, asked: Asked, name: str, request_id: str) -> Reply:
        """Answer 429 at once, as providers do, whatever the script says of the question."""
        reply = self._refusal(asked, DIALECTS[name], "throttle", None)
        self._note(asked, name, reply, "limit", request_id, (0, 0))
        return reply

    def _note(
        self, asked: Asked, name: str, reply: Reply, fault: str, request_id: str, tokens: tuple[int, int]
    ) -> None:
        self.journal.write(
            model=asked.model,
            dialect=name,
            question_sha256=asked.identity.sha256,
            attempt=asked.attempt,
            status=reply.status,
            fault=fault,
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            image_bytes=asked.question.image_bytes,
            request_id=request_id,
        )

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

    def _refusal(self, asked: Asked, dialect: Dialect, fault: str, fixed: Fixed | None) -> Reply:
        if fixed is not None and fixed.body is not None:
            return Reply(fixed.status, fixed.body.encode(), {"Content-Type": "application/json", **fixed.headers})
        status, word = faults.status_of(fault) or (500, "server_error")
        status = dialect.statuses.get(fault, status)
        headers = {"Content-Type": "application/json"}
        if status in (429, 503):
            scripted = fixed.retry_after if fixed else None
            headers["Retry-After"] = self.script.behaviour(asked.model).retry_after if scripted is None else scripted
        if 300 <= status < 400:
            headers["Location"] = "/v1/elsewhere"
        return Reply(status, json.dumps(dialect.write_error(status, word, "simulated fault")).encode(), headers)

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
    app.router.add_post("/v1/chat/completions", provider.chat)
    app.router.add_post("/v1/responses", provider.respond)
    app.router.add_post("/never-read/v1/{path:.+}", provider.never_read)
    app.router.add_post("/early-reset/v1/{path:.+}", provider.early_reset)
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
    return web.json_response(DIALECTS["openai_chat"].write_error(status, code, message), status=status)


def _model(body: Any) -> str:
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise BadRequest("model must be a string")
    return str(body["model"])


def _schema(json_schema: Any) -> dict[str, Any] | None:
    if json_schema is None:
        return None
    schema = json_schema.get("schema") if isinstance(json_schema, dict) else None
    if not isinstance(schema, dict):
        raise BadRequest("the schema must be an object")
    return schema


def _draft(asked: Asked, text: str, token_limit: int | None, request_id: str) -> Draft:
    is_cut = token_limit is not None and _tokens(len(text)) > token_limit
    if is_cut and token_limit is not None:
        text = text[: token_limit * CHARS_PER_TOKEN]
    name = chance.number("id", request_id, asked.model, asked.identity.sha256, asked.attempt)
    return Draft(
        id=f"{name:016x}",
        model=asked.model,
        text=text,
        prompt_tokens=_prompt_tokens(asked.question),
        completion_tokens=_tokens(len(text)),
        end="length" if is_cut else "complete",
    )


def _prompt_tokens(question: Question) -> int:
    tokens = _tokens(question.prompt_chars)
    if question.image_bytes:
        tokens += IMAGE_BASE_TOKENS + question.image_bytes // IMAGE_BYTES_PER_TOKEN
    return tokens


def _tokens(chars: int) -> int:
    return -(-chars // CHARS_PER_TOKEN)


def _faulty(draft: Draft, dialect: Dialect, fault: str) -> Reply:
    if fault in faults.BODIES:
        body, headers = faults.BODIES[fault]()
        return Reply(200, body, headers)
    if fault in CHANGES:
        CHANGES[fault](draft)
    body = json.dumps(dialect.write(draft)).encode()
    return Reply(200, body, {"Content-Type": "application/json"}, fault if fault in faults.CONNECTION_FAULTS else "")


async def _send(request: web.Request, reply: Reply) -> web.StreamResponse:
    if not reply.fault:
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)
    if reply.fault == "hang":
        await asyncio.sleep(HANG_S)
    if reply.fault in ("reset", "hang"):
        return _abort(request, web.StreamResponse())
    if reply.fault == "drip_headers":
        return await _drip_headers(request)
    if reply.fault == "gzipped":
        body = gzip.compress(reply.body)
        return web.Response(body=body, headers={**reply.headers, "Content-Encoding": "gzip"})
    response = web.StreamResponse(headers=reply.headers)
    if reply.fault == "endless":
        return await _never_end(request, response)
    response.content_length = len(reply.body)
    await response.prepare(request)
    if reply.fault == "drip":
        for byte in reply.body:
            await response.write(bytes([byte]))
            await asyncio.sleep(DRIP_S)
        return response
    await response.write(reply.body[: len(reply.body) // 2])
    return _abort(request, response)


async def _never_end(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Send a body without length or end, until nobody listens."""
    await response.prepare(request)
    while request.transport is not None and not request.transport.is_closing():
        await response.write(b" " * 1_000_000)
    return response


async def _drip_headers(request: web.Request) -> web.StreamResponse:
    """Send headers without an end, as long as somebody listens."""
    transport = request.transport
    assert transport is not None
    transport.write(b"HTTP/1.1 200 OK\r\n")
    while not transport.is_closing():
        transport.write(b"X-Filler: 1\r\n")
        await asyncio.sleep(DRIP_S)
    return _abort(request, web.StreamResponse())


def _abort(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response
