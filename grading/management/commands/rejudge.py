"""Ask a judge once more about stored answers; verdicts stay, and what differs is listed for a person."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from grading import checks, disagreements, engine
from grading.models import Judgement, ModelSpec, Panel, Prediction

AT_ONCE = 100


class Command(BaseCommand):
    """`manage.py rejudge --panel SLUG [--panel-version N] [--judge PROVIDER/MODEL] [--limit N] [--dry-run]`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the panel whose answers are meant, and the judge."""
        parser.add_argument("--panel", required=True, help="slug of the panel that gave the answers")
        parser.add_argument("--panel-version", type=int, help="the newest one if left out")
        parser.add_argument(
            "--judge", help="provider and model, as in simulated/simulated-judge; the panel's own if left out"
        )
        parser.add_argument("--limit", type=int, help="at most so many answers, the latest first")
        parser.add_argument("--dry-run", action="store_true", help="say how many answers there are, and ask nobody")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue the answers, work on them, and say what came of it."""
        panel, judge = _panel(options), _judge(options["judge"])
        rows = checks.judgeable(Prediction.objects.filter(panel=panel)).order_by("-answered_at", "pk")
        if options["limit"] is not None:
            rows = Prediction.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[: options["limit"]]))
        if options["dry_run"]:
            self.stdout.write(f"{rows.count()} answers to {panel} would be put before {judge or panel.judge}.")
            return
        known = set(Judgement.objects.filter(prediction__panel=panel).values_list("pk", flat=True))
        total = checks.rejudge(rows, by=None, judge=judge)
        try:
            self._work(total)
        finally:
            engine.shut_down()
        self._say(Judgement.objects.filter(prediction__panel=panel).exclude(pk__in=known))

    def _work(self, total: int) -> None:
        done = 0
        while n := engine.current().judge_again(AT_ONCE):
            done += n
            self.stdout.write(f"{done} calls for {total} answers")

    def _say(self, made: Any) -> None:
        readable = made.exclude(is_correct=None).count()
        waiting = made.filter(due_at__isnull=False).count()
        differing = disagreements.judged_otherwise().filter(judgements__in=made).distinct().count()
        self.stdout.write(
            f"{readable} judgements were made, {differing} differ from the verdict and wait for a person. "
            f"{waiting} are still due: a worker, or this command again, goes on with them."
        )


def _panel(options: dict[str, Any]) -> Panel:
    wanted = Panel.objects.filter(slug=options["panel"]).select_related("judge")
    if options["panel_version"] is not None:
        wanted = wanted.filter(version=options["panel_version"])
    panel = wanted.order_by("-version").first()
    if panel is None:
        raise CommandError(f"There is no such version of a panel {options['panel']}.")
    return panel


def _judge(name: str | None) -> ModelSpec | None:
    if not name:
        return None
    provider, _slash, model = name.partition("/")
    judge = ModelSpec.objects.filter(provider__slug=provider, name=model).order_by("pk").first()
    if judge is None:
        raise CommandError(f"There is no model {name}: give it as provider/model.")
    return judge
