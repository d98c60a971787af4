"""What a check proves about a text: whether it stands, who answered, and whether models agree against the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from grading import alarms
from grading.alarms import Given, KeyAlarm
from grading.budget import tried_texts
from grading.enums import CheckStatus, PredictionState, Verdict
from grading.models import ClearedAlarm, ConfirmedKey, DifficultyCheck, Prediction
from hle_site import lookups
from questions.enums import Action
from questions.models import Question, Revision, StatusChange


def newest_settled(question: Question, revision: Revision) -> DifficultyCheck | None:
    """The newest check of this exact tested part that came to a verdict."""
    return (
        DifficultyCheck.objects.settled()
        .filter(question=question, tested_hash=revision.tested_hash)
        .select_related("panel", "policy")
        .order_by("-settled_at")
        .first()
    )


def is_overridden(question: Question, revision: Revision) -> bool:
    """True when somebody let this exact tested part pass with a reason."""
    return StatusChange.objects.filter(
        question=question, action=Action.OVERRIDE_CHECK, revision__tested_hash=revision.tested_hash
    ).exists()


def stands(question: Question, revision: Revision) -> bool:
    """True when the newest settled check of this tested part passed, or was overridden."""
    check = newest_settled(question, revision)
    return check is not None and (check.status == CheckStatus.PASSED or is_overridden(question, revision))


def key_alarm(revision: Revision) -> KeyAlarm | None:
    """The answer on which models agree against the key of this revision, if there is one."""
    key = ("answers", revision.tested_hash)
    return _alarm(revision, lookups.once(key, lambda: _answers([revision])[revision.tested_hash]))


def note_answers(tested_hash: str, rows: Iterable[Prediction]) -> None:
    """Let alarms rest on these answers, which are all to a text and were loaded with their models."""
    lookups.note(
        ("answers", tested_hash),
        [
            _Answer(row.panel_id, row.draw, row.model.name, row.state, row.verdict, row.answer, row.confidence)
            for row in rows
        ],
    )


class _Answer(NamedTuple):
    panel_id: int
    draw: int
    model: str
    state: str
    verdict: str
    text: str
    confidence: int | None


def _answers(revisions: Sequence[Revision]) -> dict[str, list[_Answer]]:
    found: dict[str, list[_Answer]] = {revision.tested_hash: [] for revision in revisions}
    rows = Prediction.objects.filter(tested_hash__in=list(found)).order_by()
    for tested_hash, *values in rows.values_list(
        "tested_hash", "panel_id", "draw", "model__name", "state", "verdict", "answer", "confidence"
    ):
        found[tested_hash].append(_Answer(*values))
    return found


def _alarm(revision: Revision, answers: list[_Answer]) -> KeyAlarm | None:
    given = [
        Given(row.model, row.text, row.confidence, is_correct=row.verdict == Verdict.CORRECT)
        for row in answers
        if row.state == PredictionState.SETTLED
    ]
    return alarms.against_key(
        given,
        answer_type=revision.answer_type,
        key=revision.answer,
        options=revision.options,
        question=revision.prompt,
    )


def open_alarm(question: Question) -> KeyAlarm | None:
    """The answer on which models agree against the key of the newest text, while no organiser has cleared the alarm."""
    tested_hash = question.newest.tested_hash
    return lookups.once(("open alarm", question.pk, tested_hash), lambda: _open_alarm(question))


def _open_alarm(question: Question) -> KeyAlarm | None:
    revision = question.newest
    alarm = key_alarm(revision)
    cleared = ClearedAlarm.objects.filter(question=question, tested_hash=revision.tested_hash)
    return None if alarm is None or cleared.exists() else alarm


def has_key_alarm(question: Question) -> bool:
    """True while models agree against the key of the newest text and no organiser has cleared the alarm."""
    return open_alarm(question) is not None


def confirmed_key(question: Question) -> ConfirmedKey | None:
    """What the contributor said when the key of the newest text was looked at again, if that was said."""
    tested_hash = question.newest.tested_hash
    said = ConfirmedKey.objects.filter(question=question, tested_hash=tested_hash)
    return lookups.once(("confirmed key", question.pk, tested_hash), said.first)


def with_doubts(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Load beside each check or revision what people said of its text's key: is the alarm cleared, the contributor's reason."""
    of_text = {"question": OuterRef("question"), "tested_hash": OuterRef("tested_hash")}
    return rows.annotate(
        is_alarm_cleared=Exists(ClearedAlarm.objects.filter(**of_text)),
        key_reason=Subquery(ConfirmedKey.objects.filter(**of_text).values("reason")),
    )


def doubt(question: Question, known: DifficultyCheck | Revision) -> tuple[KeyAlarm | None, str | None]:
    """Return the open alarm of the newest text and why the contributor holds to the key.

    `known` may come from `with_doubts`: then nothing is looked up again if it is of the newest text.
    """
    newest = question.newest
    if known.tested_hash == newest.tested_hash and "key_reason" in known.__dict__:
        alarm = None if known.is_alarm_cleared else key_alarm(newest)
        lookups.note(("open alarm", question.pk, newest.tested_hash), alarm)
        return alarm, known.key_reason
    alarm = open_alarm(question)
    confirmed = confirmed_key(question) if alarm else None
    return alarm, confirmed and confirmed.reason


class _Known(NamedTuple):
    # what is stored about the checks of many texts, read once
    checks: dict[tuple[Any, str], DifficultyCheck]  # question and hash -> the newest settled one
    overridden: set[tuple[Any, str]]
    cleared: set[tuple[Any, str]]
    answers: dict[str, list[_Answer]]
    tried: dict[Any, set[str]]


def _known(revisions: Sequence[Revision]) -> _Known:
    questions = [revision.question_id for revision in revisions]
    here = {"question__in": questions}
    settled = DifficultyCheck.objects.settled().filter(**here).select_related("panel", "policy").order_by("settled_at")
    overrides = StatusChange.objects.filter(action=Action.OVERRIDE_CHECK, **here).order_by()
    cleared = ClearedAlarm.objects.filter(**here).order_by()
    return _Known(
        checks={(check.question_id, check.tested_hash): check for check in settled},
        overridden=set(overrides.values_list("question_id", "revision__tested_hash")),
        cleared=set(cleared.values_list("question_id", "tested_hash")),
        answers=_answers(revisions),
        tried=tried_texts(questions),
    )


def of_checks(revisions: Sequence[Revision]) -> dict[Any, dict[str, Any]]:
    """What a freeze stores about the checks of revisions, by their keys; plain JSON values, no text of question or answer."""
    known = _known(revisions)
    return {revision.pk: _of_check(revision, known) for revision in revisions}


def _of_check(revision: Revision, known: _Known) -> dict[str, Any]:
    text = (revision.question_id, revision.tested_hash)
    check = known.checks.get(text)
    if check is None:
        return {"check": None, "is_simulated": True}
    answers = known.answers[revision.tested_hash]
    scored = [row for row in answers if row.panel_id == check.panel_id and row.verdict != Verdict.UNSCORED]
    first = [row for row in scored if row.draw == 0]
    further = [row for row in scored if 0 < row.draw <= check.confirmation_rounds]
    solved_by = sorted(row.model for row in first if row.verdict == Verdict.CORRECT)
    overridden = text in known.overridden
    return {
        "check": str(check.pk),
        "check_status": check.status,
        "check_stands": check.status == CheckStatus.PASSED or overridden,
        "is_overridden": overridden,
        "is_simulated": check.is_simulated,
        "panel": f"{check.panel.slug}-v{check.panel.version}",
        "policy": check.policy.version,
        "prompt_version": check.prompt_version,
        "matcher_version": check.matcher_version,
        "judge_version": check.judge_version,
        "n_models": len(first),
        "n_correct": len(solved_by),
        "solved_by": solved_by,
        "confirmation_rounds": check.confirmation_rounds,
        "confirmation_answers": len(further),
        "confirmation_correct": sum(row.verdict == Verdict.CORRECT for row in further),
        "tries": max(1, len(known.tried[revision.question_id])),
        "has_key_alarm": text not in known.cleared and _alarm(revision, answers) is not None,
    }
