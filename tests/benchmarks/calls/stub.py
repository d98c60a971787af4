"""A stand-in for a provider that costs next to nothing: one fixed wrong answer, after a set time, to any number of callers.

Prints its port. `GET /state` tells what came in; `POST /latency/SECONDS` sets the time for the requests that follow.
Standard library and uvloop only, in a process of its own, so that it is no part of what is measured.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
from typing import Any

import uvloop

# The options come in an order of the draw's own; the right one says so.
OPTION = re.compile(rb"\\n([A-Z])\. (?!the key:)")
MODEL = re.compile(rb'"model":\s*"([^"]+)"')
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
REQUEST_ID = re.compile(rb"x-client-request-id:\s*(\S+)", re.IGNORECASE)
WRONG_NUMBER = b"17"
EXPLANATION = b"The stated conditions leave one candidate, which is checked against each of them in turn. " * 8


class State:
    """What all connections share."""

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.calls = self.in_flight = self.most_in_flight = 0
        self.ids: set[bytes] = set()

    def as_json(self) -> bytes:
        told = {
            "calls": self.calls,
            "different_ids": len(self.ids),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
        }
        return json.dumps(told).encode()


class Connection(asyncio.Protocol):
    """One connection with requests one after another."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self.buffer) < size:
                return
            body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        path = head.split(b" ", 2)[1]
        if path == b"/state":
            self._send(self.state.as_json())
        elif path.startswith(b"/latency/"):
            self.state.latency_s = float(path.rpartition(b"/")[2])
            self.state.most_in_flight = 0
            self._send(b"{}")
        else:
            self._complete(head, body)

    def _complete(self, head: bytes, body: bytes) -> None:
        state = self.state
        state.calls += 1
        state.in_flight += 1
        state.most_in_flight = max(state.most_in_flight, state.in_flight)
        named = REQUEST_ID.search(head)
        if named:
            state.ids.add(named[1])
        asyncio.get_running_loop().call_later(state.latency_s, self._finish, completion(body))

    def _finish(self, body: bytes) -> None:
        self.state.in_flight -= 1
        self._send(body)

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


def completion(request: bytes) -> bytes:
    """Return a chat completion of about 1.1 kB whose answer is wrong: the first option that is not the key, or 17."""
    model, option = MODEL.search(request), OPTION.search(request)
    answer = option[1] if option else WRONG_NUMBER
    return (
        b'{"id":"chatcmpl-stub","object":"chat.completion","created":1760000000,"model":"%s","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"Explanation: %s\\nAnswer: %s\\nConfidence: 70%%","refusal":null},'
        b'"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":220,"completion_tokens":240,'
        b'"total_tokens":460,"completion_tokens_details":{"reasoning_tokens":0}},"service_tier":"default"}'
    ) % (model[1] if model else b"stub", EXPLANATION, answer)


async def serve() -> None:
    """Serve on a free port until ended."""
    state = State()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=8_192)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    uvloop.run(serve())
