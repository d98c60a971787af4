"""Questions under test, opened in batches that wait until they are released; needs Django's settings.

One question of each shape is made by the real actions, its check planned by the real reaction; all others are copies of these
rows with texts of their own, since writing them is not what is measured.
"""

from __future__ import annotations

import json
import secrets
import uuid
from copy import copy
from datetime import UTC, datetime
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from grading import prompts
from grading.models import CallPanel, DifficultyCheck, ModelSpec, Panel, PanelMember, Prediction, Provider
from grading.tasks import hint
from questions.models import Question, Revision
from tests import factories

LATER = datetime(2999, 1, 1, tzinfo=UTC)
AUTHORS = 20
AT_ONCE = 500
STORY = (
    "A finite group acts on a set of points so that every stabiliser is cyclic, and the orbits are counted with their sizes"
    " in the order in which they are found. Assume that the action is faithful and that no two orbits have the same size. "
)
# What HLE asks for: a quarter by choice, the others short and verifiable. None of the keys is 17.
SHAPES: tuple[dict[str, Any], ...] = (
    {"answer": "192"},
    {"answer": "3.1416"},
    {"answer": "2/3"},
    {
        "answer_type": "multipleChoice",
        "options": ["the value: 3", "the value: 9", "the key: 27", "the value: 81", "the value: 5"],
        "answer": "C",
    },
)
_numbers = count(1)


class Template(NamedTuple):
    """The rows of one question under test."""

    question: Question
    revision: Revision
    check: DifficultyCheck
    predictions: list[Prediction]


def use_one_wave() -> None:
    """Let new checks ask all models of the simulated panel at once instead of in three waves."""
    panel = Panel.objects.get(slug="simulated", version=1)
    wide = Panel.objects.create(slug="simulated", version=2, title="All at once", judge=panel.judge)
    for member in panel.members.all():
        PanelMember.objects.create(panel=wide, model=member.model, wave=1, position=member.position)
    CallPanel.objects.update(panel=wide)


def allow(calls_in_flight: int) -> None:
    """Let the provider take so many calls at once, each for as long as a real one."""
    Provider.objects.update(max_connections=calls_in_flight + 100)
    ModelSpec.objects.update(timeout_s=600)


def make_templates() -> list[Template]:
    """Start the check of one question of each shape."""
    made = []
    for shape in SHAPES:
        question = factories.make_checking(by=factories.make_user("author"), prompt=_prompt(), **shape)
        check = question.checks.get()
        Prediction.objects.filter(tested_hash=check.tested_hash).update(due_at=LATER)
        rows = list(Prediction.objects.filter(tested_hash=check.tested_hash))
        made.append(Template(question, question.newest, check, rows))
    return made


def open_batch(templates: list[Template], size: int) -> list[uuid.UUID]:
    """Create so many questions of twenty people under test, with answers that are not due, and return the checks' ids."""
    people = cycle([factories.make_user("contributor") for _ in range(AUTHORS)])
    copies = [_copy(template, next(people)) for template in islice(cycle(templates), size)]
    Question.objects.bulk_create([made.question for made in copies], AT_ONCE)
    Revision.objects.bulk_create([made.revision for made in copies], AT_ONCE)
    DifficultyCheck.objects.bulk_create([made.check for made in copies], AT_ONCE)
    Prediction.objects.bulk_create([row for made in copies for row in made.predictions], AT_ONCE)
    return [made.check.pk for made in copies]


def _copy(template: Template, contributor: Any) -> Template:
    question, revision, check = copy(template.question), copy(template.revision), copy(template.check)
    question.pk, question.contributor = uuid.uuid4(), contributor
    revision.pk, revision.question, revision.prompt, revision.created_by = (
        uuid.uuid4(),
        question,
        _prompt(),
        contributor,
    )
    revision.tested_hash = revision.compute_tested_hash()
    check.pk, check.question, check.revision, check.tested_hash = uuid.uuid4(), question, revision, revision.tested_hash
    rows = [copy(row) for row in template.predictions]
    for row in rows:
        row.pk, row.revision, row.tested_hash = uuid.uuid4(), revision, revision.tested_hash
        row.option_seed = secrets.randbits(48)
    return Template(question, revision, check, rows)


def _prompt() -> str:
    return f"{STORY}What is the number of orbits in case {next(_numbers)} of the list of numbers with 14 divisors?"


def release(checks: list[uuid.UUID]) -> None:
    """Make the answers due, and hint at each question, as the site does when a test is started."""
    hashes = DifficultyCheck.objects.filter(pk__in=checks).values("tested_hash")
    Prediction.objects.filter(tested_hash__in=hashes).update(due_at=timezone.now())
    for pk in checks:
        hint(str(pk))


def is_settled(checks: list[uuid.UUID]) -> bool:
    """Tell whether every check has its verdict."""
    return not DifficultyCheck.objects.live().filter(pk__in=checks).exists()


def verdicts(checks: list[uuid.UUID]) -> dict[str, int]:
    """Return how many checks stand where."""
    counted = DifficultyCheck.objects.filter(pk__in=checks).values_list("status").annotate(Count("pk"))
    return dict(counted.order_by())


def latencies_ms(checks: list[uuid.UUID]) -> list[int]:
    """Return how long each call of these checks took, as the worker saw it, in order of size."""
    hashes = DifficultyCheck.objects.filter(pk__in=checks).values("tested_hash")
    return sorted(Prediction.objects.filter(tested_hash__in=hashes).values_list("latency_ms", flat=True))


def write_messages(path: Path) -> None:
    """Write the requests of some questions for those who call without the site."""
    revisions = Revision.objects.all()[:100]
    asked = [prompts.messages(prompt=revision.prompt, options=revision.options) for revision in revisions]
    path.write_text(json.dumps(asked))


def keep_quiet() -> None:
    """Neither our own polls nor our own messages count as statements or log lines of the site."""
    with connection.cursor() as cursor:
        cursor.execute("SET log_statement TO 'none'")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
