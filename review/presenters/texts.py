"""A question as it is read, what opens after the own answer, and that answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading import evidence as grading_evidence
from grading.enums import PredictionState, Verdict
from grading.matching import canonical
from grading.models import Prediction
from questions.models import Revision
from review.models import Assignment


@dataclass(frozen=True)
class QuestionText:
    """A question as it is read, with the key only where the reader may know it."""

    prompt: str
    options: list[str]
    correct: str
    language: str
    image_url: str
    image_alt: str
    image_width: int
    image_height: int
    category: str
    subject: str
    answer_type: str
    revision: int


@dataclass(frozen=True)
class ModelAnswer:
    """What one model said."""

    name: str
    simulated: bool
    state: str
    verdict: str
    answer: str
    reason: str
    latency_s: float | None


@dataclass(frozen=True)
class Reveal:
    """What a reviewer learns after the own answer."""

    key: str
    rationale: str
    rationale_image_url: str
    sources: str
    ai_use_note: str
    models: list[ModelAnswer]
    summary: str
    alarm: str


@dataclass(frozen=True)
class OwnSolve:
    """The reader's own recorded answer."""

    answer: str
    is_unsolved: bool
    reason: str
    confidence: int | None
    matches_key: bool | None
    recorded_at: datetime


def picture_url(attachment: Any) -> str:
    """Return where a picture is read, or nothing."""
    return reverse("questions:picture", args=[attachment.pk]) if attachment else ""


def question_text(revision: Revision, *, with_key: bool) -> QuestionText:
    """Return a revision as it is read."""
    image = revision.image
    return QuestionText(
        prompt=revision.prompt,
        options=list(revision.options) if revision.is_choice else [],
        correct=revision.answer if with_key and revision.is_choice else "",
        language=revision.language,
        image_url=picture_url(image),
        image_alt=revision.image_alt,
        image_width=image.width if image else 0,
        image_height=image.height if image else 0,
        category=revision.get_category_display(),
        subject=revision.raw_subject,
        answer_type=revision.get_answer_type_display(),
        revision=revision.number,
    )


def reveal(revision: Revision, *, with_ai_note: bool) -> Reveal:
    """Return key, rationale and what the models said about a revision."""
    told = list(Prediction.objects.to(revision))
    grading_evidence.note_answers(revision.tested_hash, told)
    answers = [answer for answer in told if answer.draw == 0]
    return Reveal(
        key=revision.answer,
        rationale=revision.rationale,
        rationale_image_url=picture_url(revision.rationale_image),
        sources=revision.sources,
        ai_use_note=revision.ai_use_note if with_ai_note else "",
        models=[_model_answer(answer) for answer in answers],
        summary=_summary(answers, revision),
        alarm=_alarm(revision),
    )


def _model_answer(prediction: Prediction) -> ModelAnswer:
    is_final = prediction.state in {PredictionState.SETTLED, PredictionState.UNSCORED}
    return ModelAnswer(
        name=prediction.model.label,
        simulated=prediction.model.is_simulated,
        state=prediction.state,
        verdict=prediction.verdict if is_final else "",
        answer=prediction.answer,
        reason=prediction.verdict_reason,
        latency_s=prediction.latency_ms / 1000 if prediction.latency_ms else None,
    )


def _wrong_answers(answers: list[Prediction], revision: Revision) -> Counter[str]:
    wrong = (answer.answer for answer in answers if answer.verdict == Verdict.INCORRECT)
    spelled = (canonical(answer_type=revision.answer_type, answer=answer, options=revision.options) for answer in wrong)
    return Counter(answer for answer in spelled if answer)


def _summary(answers: list[Prediction], revision: Revision) -> str:
    verdicts = Counter(answer.verdict for answer in answers if answer.state != PredictionState.SKIPPED)
    right, wrong = verdicts[Verdict.CORRECT], verdicts[Verdict.INCORRECT]
    if not right + wrong:
        return _("No model has a scored answer to this text.")
    words = ngettext(
        "%(right)d of %(count)d model reached the key.", "%(right)d of %(count)d models reached the key.", right + wrong
    ) % {"right": right, "count": right + wrong}
    same = _wrong_answers(answers, revision).most_common(1)
    if same and same[0][1] > 1:
        words += " " + _("%(count)d of them gave the same other answer.") % {"count": same[0][1]}
    return words


def _alarm(revision: Revision) -> str:
    alarm, reason = grading_evidence.doubt(revision.question, revision)
    if alarm is None:
        return ""
    words = _(
        "Models agree on an answer that is not the key. The question may be hard, or the key may be wrong: please check the key with care."
    )
    if reason:
        words += " " + _("The contributor looked at it again and says: %(why)s") % {"why": reason}
    return words


def own_solve(assignment: Assignment) -> OwnSolve | None:
    """Return the reviewer's own recorded answer, if there is one."""
    solve = getattr(assignment, "solve", None)
    if solve is None:
        return None
    return OwnSolve(
        solve.answer, solve.is_unsolved, solve.reason, solve.confidence, solve.matches_key, solve.recorded_at
    )
