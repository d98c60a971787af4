"""Replay recorded answers through the whole check: import, workers, provider over HTTP, matcher, judge, policy. Then compare."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from grading import replay
from grading.enums import CheckStatus
from grading.models import DifficultyCheck, Worker
from hle_site.accounts.models import User
from questions import actions
from questions.importing import drafts
from questions.models import Call, Question

SAMPLE_VARIABLE = "HLE_SAMPLE_DATA"
NO_DATA = 77
ALT_TEXT = "A picture that came with the imported question, without a description."
QUICK = {
    "SWEEP_INTERVAL_S": "5",
    "HEARTBEAT_INTERVAL_S": "2",
    "WORKER_DEAD_AFTER_S": "8",
    "CONN_MAX_AGE": "0",
    "LOG_LEVEL": "WARNING",
}
STOP_S = 90


class Command(BaseCommand):
    """`manage.py replay [QUESTIONS.jsonl --replay RESPONSES.jsonl]`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the files; without any they are looked for in HLE_SAMPLE_DATA."""
        parser.add_argument("questions", nargs="?", type=Path)
        parser.add_argument("--replay", type=Path, metavar="FILE", help="recorded answers to these questions")
        parser.add_argument(
            "--image-questions", type=Path, metavar="FILE", help="questions with pictures, reported apart"
        )
        parser.add_argument("--by", metavar="E-MAIL", help="the organiser who imports (the first one)")
        parser.add_argument("--limit", type=int, metavar="N", help="test only the first N of each file")
        parser.add_argument("--delay", type=float, nargs=2, default=(0.2, 1.0), metavar=("FROM", "TO"), help="seconds")
        parser.add_argument(
            "--kill-worker", type=int, metavar="N", help="kill -9 the worker after N calls, then start another"
        )
        parser.add_argument("--timeout", type=int, default=1800, metavar="S")
        parser.add_argument("--report", type=Path, metavar="FILE.json")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay, wait, report. Ends with code 77 when there is no data."""
        try:
            sources = _sources(options)
        except replay.NoData as error:
            self.stderr.write(f"Nothing to replay: {error}.")
            sys.exit(NO_DATA)
        if Worker.objects.alive().exists():
            raise CommandError(
                "A worker is running on this database. Stop it: it would ask another simulated provider."
            )
        by, records = _organiser(options["by"]), replay.read_records(sources.responses)
        models = sorted({model for _question, model in records})
        call = replay.prepare_call(models)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            script = replay.script(sources, models, delay_s=tuple(options["delay"]))
            self.stdout.write(f"Replaying {len(models)} models: {', '.join(models)}")
            imported = [self._import(path, call, by) for path in (sources.questions, sources.images) if path]
            text, images = ({row.question_id: row.id for row in part.accepted} for part in _padded(imported))
            text, images = (_first(part, options["limit"]) for part in (text, images))
            env = stack.enter_context(_simulator(folder, script))
            started = time.monotonic()
            _start_checks([*text, *images], by)
            self.stdout.write(f"{len(text) + len(images)} checks started in {time.monotonic() - started:.1f} s")
            self._run_workers(stack, folder, env, [*text, *images], options)
            duration_s = time.monotonic() - started
        report = replay.measure(text=text, images=images, records=records, models=models, duration_s=duration_s)
        report.refused = [
            {"line": row.line, "field": row.field, "reason": str(row.reason)}
            for part in imported
            for row in part.refused
        ]
        self._print(report)
        if options["report"]:
            options["report"].write_text(json.dumps(report.as_dict(), indent=1, ensure_ascii=False), encoding="utf-8")

    def _import(self, path: Path, call: Call, by: User) -> drafts.ImportReport:
        report = drafts.import_file(path, call=call, by=by, alt_text=ALT_TEXT, again=True)
        self.stdout.write(
            f"{path.parent.name}: {len(report.accepted)} became drafts, {len(report.refused)} were refused"
        )
        return report

    def _run_workers(
        self, stack: ExitStack, folder: Path, env: dict[str, str], questions: list[Any], options: dict[str, Any]
    ) -> None:
        """Work until every check has a verdict or waits for a person; kill a worker on the way when asked to."""
        stack.enter_context(_celery(folder, env, "beat", "-s", str(folder / "schedule"), "--pidfile", ""))
        worker = stack.enter_context(_worker(folder, env))
        ends_at, kill_after = time.monotonic() + options["timeout"], options["kill_worker"]
        while (n_open := _open_checks(questions)) and time.monotonic() < ends_at:
            if kill_after is not None and len(_journal(folder)) >= kill_after:
                worker.send_signal(signal.SIGKILL)
                worker.wait(STOP_S)
                self.stdout.write(f"Worker killed after {len(_journal(folder))} calls, {n_open} checks open")
                worker, kill_after = stack.enter_context(_worker(folder, env)), None
            if worker.poll() is not None:
                raise CommandError(f"The worker ended with code {worker.returncode}:\n{_tail(folder)}")
            connection.close()
            time.sleep(0.5)
        if n_open:
            self.stderr.write(f"{n_open} checks had no verdict after {options['timeout']} s.")

    def _print(self, report: replay.Report) -> None:
        write = self.stdout.write
        write(f"\nQuestions, text      {_counts(report.states)}")
        if report.image_states:
            write(f"Questions, pictures  {_counts(report.image_states)}   (scripted answers: no accuracy)")
        write(f"Verdicts, text       {_counts(report.verdicts)}")
        if report.unscored:
            write(f"Unscored because     {_counts(report.unscored)}")
        for name, part in (("matcher", report.by_matcher), ("simulated judge", report.by_judge)):
            share = f"{part.percent} %" if part.percent is not None else "-"
            write(f"Agreement, {name:<16} {part.agreeing} of {part.rows} rows with the record: {share}")
        write(f"Decided by matcher   {report.share_decided_by_matcher} % of the scored rows")
        write(f"Calls                {_counts(report.calls)}")
        write(f"Models asked twice   {report.asked_twice} (only after a call whose end is unknown)")
        write(f"Duration             {report.duration_s} s")
        write(f"Refused rows         {len(report.refused)}")
        for row in report.refused:
            write(f"  line {row['line']}, {row['field']}: {row['reason']}")
        write(f"Disagreements        {len(report.disagreements)}, by cause:")
        for cause, n in report.causes.items():
            write(f"  {n:>4}  {cause}")
        write("Each of them:")
        for item in report.disagreements:
            write(f"  {item['question']}  {item['model']}  {item['cause']}")


def _sources(options: dict[str, Any]) -> replay.Sources:
    if options["questions"]:
        if not options["replay"]:
            raise CommandError("Give the recorded answers with --replay FILE.")
        sources = replay.Sources(options["questions"], options["replay"], options["image_questions"])
        missing = [str(path) for path in sources if path and not path.is_file()]
        if missing:
            raise replay.NoData(f"no file {', '.join(missing)}")
        return sources
    folder = os.environ.get(SAMPLE_VARIABLE, "")
    if not folder:
        raise replay.NoData(f"no file was named and {SAMPLE_VARIABLE} is not set")
    return replay.find(Path(folder))


def _organiser(email: str | None) -> User:
    people = User.objects.filter(email__iexact=email) if email else User.objects.order_by("joined_at")
    found = next((user for user in people if user.has_role("organiser")), None)
    if found is None:
        raise CommandError("There is no such organiser. Make one with: manage.py grant_role E-MAIL organiser")
    return found


def _padded(imported: list[drafts.ImportReport]) -> list[drafts.ImportReport]:
    return [*imported, drafts.ImportReport(None, (), ())][:2]


def _first(questions: dict[Any, str], limit: int | None) -> dict[Any, str]:
    return dict(list(questions.items())[:limit])


def _start_checks(questions: list[Any], by: User) -> None:
    for question in Question.objects.filter(pk__in=questions).select_related("call__contributor_terms", "contributor"):
        actions.start_check(question=question, by=by, terms_version=question.call.contributor_terms.version)


def _open_checks(questions: list[Any]) -> int:
    live = DifficultyCheck.objects.live().filter(question__in=questions)
    return live.exclude(status=CheckStatus.PARKED, due_at=None).count()


@contextmanager
def _simulator(folder: Path, script: dict[str, Any]) -> Iterator[dict[str, str]]:
    """A simulated provider on an inherited socket, so that nobody races for its port. Yields what workers need to find it."""
    (folder / "script.json").write_text(json.dumps(script))
    token = secrets.token_urlsafe(24)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        listener.set_inheritable(True)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        env = {**os.environ, **QUICK, "SIMULATOR_URL": url, "SIMULATOR_TOKEN": token}
        arguments = [
            "--fd",
            str(listener.fileno()),
            "--script",
            str(folder / "script.json"),
            "--journal",
            str(folder / "journal"),
        ]
        with _process(folder, "simulator", ["-m", "grading.simulator", *arguments], env, pass_fds=(listener.fileno(),)):
            yield env


@contextmanager
def _process(
    folder: Path, name: str, arguments: list[str], env: dict[str, str], **more: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A child of ours, asked to stop at the end, and killed if it does not."""
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own modules
            [sys.executable, *arguments], cwd=settings.BASE_DIR, env=env, stdout=log, stderr=log, **more
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _celery(folder: Path, env: dict[str, str], *arguments: str) -> Any:
    return _process(folder, arguments[0], ["-m", "celery", "-A", "hle_site.celery", *arguments], env)


def _worker(folder: Path, env: dict[str, str]) -> Any:
    threads = ("--pool", "threads", "-c", "8", "--without-mingle", "--without-gossip")
    return _celery(folder, env, "worker", *threads, "-n", f"replay-{secrets.token_hex(3)}@%h")


def _journal(folder: Path) -> list[str]:
    path = folder / "journal"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _tail(folder: Path) -> str:
    return "\n".join((folder / "worker.log").read_text(errors="replace").splitlines()[-5:])


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda item: -item[1])) or "none"
