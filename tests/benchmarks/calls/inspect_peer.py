"""inspect_ai on the same stand-in, by its own generate and match scorer; runs in an environment of its own, without this project.

Takes `N` on a line and answers with what N samples cost, like `peers`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

AT_ONCE = 50  # where it is at its best: more calls at once cost it more each


def main(base_url: str, messages_path: str) -> None:
    """Answer each number on standard input with the cost of so many samples."""
    os.environ |= {"STUB_BASE_URL": base_url, "STUB_API_KEY": "stub"}
    messages = json.loads(Path(messages_path).read_text())
    is_warm = False
    for line in sys.stdin:
        if not is_warm:
            evaluate(messages[:20])
            is_warm = True
        asked = [messages[number % len(messages)] for number in range(int(line))]
        before, started = cpu_s(), time.monotonic()
        evaluate(asked)
        usage = {"cpu_s": cpu_s() - before, "wall_s": time.monotonic() - started, "calls": len(asked)}
        usage["peak_rss_kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024 // 1_000
        print(json.dumps(usage), flush=True)


def cpu_s() -> float:
    """Processor seconds of this process and of those that it started and has waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def evaluate(messages: list[list[dict[str, Any]]]) -> None:
    """One evaluation; raises when a sample is missing."""
    from inspect_ai import Task, eval  # noqa: A004 - its name there
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser
    from inspect_ai.scorer import match
    from inspect_ai.solver import generate

    samples = [
        Sample(
            input=[ChatMessageSystem(content=system["content"]), ChatMessageUser(content=user["content"])], target="192"
        )
        for system, user in messages
    ]
    with tempfile.TemporaryDirectory() as folder:
        (log,) = eval(
            Task(dataset=MemoryDataset(samples), solver=generate(), scorer=match(numeric=True)),
            model="openai-api/stub/simulated-small",
            max_connections=AT_ONCE,
            display="none",
            log_dir=folder,
            log_level="error",
        )
    if log.status != "success" or log.results is None or log.results.completed_samples != len(messages):
        raise RuntimeError(f"inspect_ai ended with {log.status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
