"""A site of a benchmark's own: a fresh database, a broker, a simulated provider and worker processes; needs no settings yet."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql


def end_in_order() -> None:
    """Let SIGTERM end what this process has started, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextlib.contextmanager
def fresh_database(name: str) -> Iterator[str]:
    """Make a copy of the migrated template, let Django use it from now on, and drop it at the end. Yields its address."""
    address = os.environ["DATABASE_URL"]
    host = address.partition("?host=")[2]
    with psycopg.connect(dbname="postgres", user="app", host=host, autocommit=True) as server:
        names = {"name": sql.Identifier(name), "template": sql.Identifier(os.environ["HLE_TEST_TEMPLATE"])}
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names))
        server.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**names))
        os.environ["DATABASE_URL"] = re.sub(r"(?<=@/)[^?]*", name, address)
        try:
            yield os.environ["DATABASE_URL"]
        finally:
            server.execute(sql.SQL("DROP DATABASE {name} WITH (FORCE)").format(**names))


@contextlib.contextmanager
def provider(**script: Any) -> Iterator[Any]:
    """A simulated provider with this script, to which this process and those that it starts turn."""
    from tests.grading.simulator.process import running  # also used by tests

    with tempfile.TemporaryDirectory() as folder, running(Path(folder), script, token="bench") as simulator:
        os.environ |= {"SIMULATOR_URL": simulator.base_url, "SIMULATOR_TOKEN": "bench"}
        yield simulator


@contextlib.contextmanager
def broker() -> Iterator[Any]:
    """A broker of the benchmark's own, that this process and those that it starts use from now on."""
    from tests.faults.servers import own_broker  # knows Django

    with own_broker() as running:
        os.environ["REDIS_URL"] = running.url
        yield running


def use_one_model(name: str) -> None:
    """Let new checks ask this model alone."""
    from grading.models import CallPanel, Panel, PanelMember

    panel = Panel.objects.get(slug="simulated", version=1)
    version = 1 + Panel.objects.filter(slug="simulated").count()
    alone = Panel.objects.create(slug="simulated", version=version, title="One model", judge=panel.judge)
    member = panel.members.get(model__name=name)
    PanelMember.objects.create(panel=alone, model=member.model, wave=1, position=1)
    CallPanel.objects.update(panel=alone)


def templates() -> list[Any]:
    """Questions to be copied, without options: those with options are asked twice more before they pass."""
    from tests.benchmarks.calls import world

    return [template for template in world.make_templates() if not template.revision.options]
