"""Recorded answers of real models, replayed through the simulated provider: set-up, and what came of them beside the record."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from grading.enums import DecidedBy, LedgerState, OutcomeKind, PredictionState, Verdict
from grading.models import CallPanel, Ledger, ModelSpec, Panel, PanelMember, Policy, Prediction
from grading.panels import ensure_simulated_panel
from questions.models import Call, Category, Question

SLUG = "replay"
QUESTIONS, RESPONSES = "questions.jsonl", "responses.jsonl"


class NoData(Exception):
    """There is nothing to replay here."""


class Sources(NamedTuple):
    """The files of a replay: questions with recorded answers, the answers, and questions with pictures."""

    questions: Path
    responses: Path
    images: Path | None


class Record(NamedTuple):
    """What is on record of one answer: whether it was taken as right, if anybody said, and whether one was extracted."""

    correct: bool | None
    has_answer: bool


@dataclass
class Agreement:
    """Verdicts of one kind beside the record."""

    rows: int = 0
    agreeing: int = 0

    @property
    def percent(self) -> float | None:
        """Agreement in percent; None without rows."""
        return round(100 * self.agreeing / self.rows, 1) if self.rows else None


@dataclass
class Report:
    """What came of a replay."""

    states: dict[str, int] = field(default_factory=dict)
    image_states: dict[str, int] = field(default_factory=dict)
    refused: list[dict[str, Any]] = field(default_factory=list)
    verdicts: dict[str, int] = field(default_factory=dict)
    unscored: dict[str, int] = field(default_factory=dict)
    by_matcher: Agreement = field(default_factory=Agreement)
    by_judge: Agreement = field(default_factory=Agreement)
    share_decided_by_matcher: float | None = None
    causes: dict[str, int] = field(default_factory=dict)
    disagreements: list[dict[str, str]] = field(default_factory=list)
    image_verdicts: dict[str, int] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    asked_twice: int = 0
    duration_s: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        values = asdict(self)
        for name in ("by_matcher", "by_judge"):
            values[name]["percent"] = getattr(self, name).percent
        return values


def find(folder: Path) -> Sources:
    """Find the files below a folder: questions beside recorded answers are replayed, others are asked with their pictures."""
    found = sorted(folder.glob(f"*/{QUESTIONS}")) + sorted(folder.glob(QUESTIONS))
    recorded = [path for path in found if (path.parent / RESPONSES).exists()]
    if not recorded:
        raise NoData(f"no {QUESTIONS} beside {RESPONSES} below {folder}")
    others = [path for path in found if path not in recorded]
    return Sources(recorded[0], recorded[0].parent / RESPONSES, others[0] if others else None)


def read_records(path: Path) -> dict[tuple[str, str], Record]:
    """Recorded answers by question id of the file and recorded model."""
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {
        (row["question_id"], row["model"]): Record(row.get("correct"), bool(row.get("answer", "").strip()))
        for row in rows
    }


def simulated_name(recorded: str) -> str:
    """The name under which a recorded model is replayed."""
    return f"simulated-replay-{slugify(recorded)}"


def script(sources: Sources, models: Iterable[str], *, delay_s: tuple[float, float]) -> dict[str, Any]:
    """The simulator's script that replays these models."""
    return {
        "delay_s": list(delay_s),
        "replay": {
            "questions": str(sources.questions.resolve()),
            "responses": str(sources.responses.resolve()),
            "models": {simulated_name(model): model for model in models},
        },
    }


@transaction.atomic
def prepare_call(models: Iterable[str]) -> Call:
    """Return a call of its own whose panel asks all replayed models in one wave, so that each answer is compared."""
    default = Call.objects.get(is_default=True)
    call, is_new = Call.objects.get_or_create(
        slug=SLUG,
        defaults={
            "title": "Replay of recorded answers",
            "opens_at": timezone.now(),
            "contributor_terms": default.contributor_terms,
            "data_licence": default.data_licence,
        },
    )
    if is_new:
        names = default.categories.values_list("name", flat=True)
        Category.objects.bulk_create(Category(call=call, name=name) for name in names)
    panel = _panel([simulated_name(model) for model in models])
    policy = Policy.objects.order_by("pk").first()
    CallPanel.objects.update_or_create(call=call, defaults={"panel": panel, "policy": policy})
    return call


def _panel(names: list[str]) -> Panel:
    """A new version of the panel for each run: answers of an earlier run stand, and nobody would be asked."""
    version = 1 + Panel.objects.filter(slug=SLUG).count()
    judge = ensure_simulated_panel().judge
    panel = Panel.objects.create(slug=SLUG, version=version, title="Replayed models", judge=judge)
    for position, name in enumerate(names):
        model, _new = ModelSpec.objects.get_or_create(
            provider=judge.provider, name=name, defaults={"label": name, "takes_images": True, "timeout_s": 60}
        )
        PanelMember.objects.create(panel=panel, model=model, wave=1, position=position, for_text=True, for_images=True)
    return panel


def measure(
    *,
    text: Mapping[Any, str],
    images: Mapping[Any, str],
    records: Mapping[tuple[str, str], Record],
    models: Iterable[str],
    duration_s: float,
) -> Report:
    """Compare what the platform said with the record. `text` and `images` map questions of the site to ids of the files."""
    report = Report(duration_s=round(duration_s, 1), states=_states(text), image_states=_states(images))
    recorded_name = {simulated_name(model): model for model in models}
    for row, question_id in _rows(text):
        report.verdicts[row.verdict] = report.verdicts.get(row.verdict, 0) + 1
        if row.verdict == Verdict.UNSCORED:
            why = row.outcome_detail if row.outcome == OutcomeKind.ANSWER else row.outcome or row.state
            report.unscored[why] = report.unscored.get(why, 0) + 1
            continue
        file_id = text[question_id]
        record = records.get((file_id, recorded_name[row.model.name]))
        if record is not None and record.correct is not None:
            _compare(report, row, file_id, record)
    report.image_verdicts = dict(Counter(row.verdict for row, _question in _rows(images)))
    decided = report.by_matcher.rows + report.by_judge.rows
    report.share_decided_by_matcher = round(100 * report.by_matcher.rows / decided, 1) if decided else None
    report.causes = dict(Counter(item["cause"] for item in report.disagreements).most_common())
    _count_calls(report, [*text, *images])
    return report


def _states(questions: Mapping[Any, str]) -> dict[str, int]:
    return dict(Counter(Question.objects.filter(pk__in=questions).values_list("status", flat=True)))


def _rows(questions: Mapping[Any, str]) -> Iterable[tuple[Prediction, Any]]:
    """Predictions with the question they answer; two questions with one text share theirs and count once each."""
    hashes = dict(Question.objects.filter(pk__in=questions).values_list("pk", "checks__tested_hash"))
    found: dict[str, list[Prediction]] = {}
    for row in Prediction.objects.filter(tested_hash__in=hashes.values(), panel=_newest_panel()).select_related(
        "model"
    ):
        found.setdefault(row.tested_hash, []).append(row)
    for question, tested_hash in hashes.items():
        for row in found.get(tested_hash, []):
            if row.state != PredictionState.SKIPPED:
                yield row, question


def _newest_panel() -> Panel:
    return Panel.objects.filter(slug=SLUG).order_by("-version")[0]


def _compare(report: Report, row: Prediction, file_id: str, record: Record) -> None:
    kind = report.by_matcher if row.decided_by == DecidedBy.MATCHER else report.by_judge
    is_correct = row.verdict == Verdict.CORRECT
    kind.rows += 1
    kind.agreeing += is_correct == record.correct
    if is_correct != record.correct:
        said = f"site {row.verdict}, record {'correct' if record.correct else 'incorrect'}"
        who = f"{row.decided_by}, rule {row.rule}" if row.decided_by == DecidedBy.MATCHER else "judge (simulated)"
        cause = f"{who}: {row.verdict_reason if row.decided_by == DecidedBy.MATCHER else _why_judge(record)} ({said})"
        report.disagreements.append({"question": file_id, "model": row.model.label, "cause": cause})


def _why_judge(record: Record) -> str:
    """The simulated judge compares strings only, so what it lets fall is known without reading."""
    return "compares strings only" if record.has_answer else "no answer line in the recorded reply"


def _count_calls(report: Report, questions: list[Any]) -> None:
    hashes = Question.objects.filter(pk__in=questions).values("checks__tested_hash")
    ledger = Ledger.objects.filter(prediction__tested_hash__in=hashes, prediction__panel=_newest_panel())
    report.calls = {
        "to models": ledger.filter(judgement=None).count(),
        "to the judge": ledger.exclude(judgement=None).count(),
        "perhaps billed": ledger.filter(state=LedgerState.AMBIGUOUS).count(),
    }
    asked = Counter(ledger.filter(judgement=None).values_list("prediction", flat=True))
    report.asked_twice = sum(n - 1 for n in asked.values())
