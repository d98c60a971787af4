"""Start the simulated provider: `python -m grading.simulator --fd N | --port 0 [--script FILE] [--journal FILE]`."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from aiohttp import web

from grading.simulator import server
from grading.simulator.journal import Journal
from grading.simulator.script import BadScript, Script, load

if sys.platform != "win32":
    from uvloop import new_event_loop
else:
    from asyncio import new_event_loop

STOP_GRACE_S = 0.2
KEEPALIVE_S = 75.0  # longer than any client's, so that it is never this side which closes an idle connection


def main(arguments: list[str] | None = None) -> int:
    options = _parse(arguments)
    try:
        script = load(options.script) if options.script else Script()
    except BadScript as error:
        print(f"simulator: {error}", file=sys.stderr)  # noqa: T201 - a program's own message
        return 2
    listener = socket.socket(fileno=options.fd) if options.fd is not None else _bind(options.port)
    journal = Journal(options.journal)
    app = server.make_app(script, journal, token=os.environ.get("SIMULATOR_TOKEN", ""))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(app, listener, journal))
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m grading.simulator", description=__doc__)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--fd", type=int, help="a bound or listening socket inherited from the parent")
    place.add_argument("--port", type=int, help="a port of the loopback address; 0 picks a free one and prints it")
    parser.add_argument("--script", type=Path, help="TOML or JSON, see README.md in this package")
    parser.add_argument("--journal", type=Path, help="append one JSON line for each billed request")
    return parser.parse_args(arguments)


def _bind(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port), backlog=1024)


async def _serve(app: web.Application, listener: socket.socket, journal: Journal) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_GRACE_S, keepalive_timeout=KEEPALIVE_S)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=1024).start()
        print(listener.getsockname()[1], flush=True)  # noqa: T201 - the parent reads the port here
        await stop.wait()
    finally:
        await runner.cleanup()
        journal.close()


if __name__ == "__main__":
    sys.exit(main())
