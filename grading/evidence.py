"""What a check proves about a text: whether it stands, who answered, and whether models agree against the key."""

from __future__ import annotations

from typing import Any

from grading import matching, policy
from grading.budget import tries_used
from grading.enums import CheckStatus, PredictionState, Verdict
from grading.models import ClearedAlarm, DifficultyCheck, Prediction
from grading.policy import KeyAlarm
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
    rows = list(
        Prediction.objects.filter(
            tested_hash=revision.tested_hash, state=PredictionState.SETTLED, verdict=Verdict.INCORRECT, draw=0
        )
    )
    spelling = {"answer_type": revision.answer_type, "options": revision.options}
    answers = [(matching.canonical(answer=row.answer, **spelling), row.confidence) for row in rows]
    agreeing = policy.choice_agreement(len(rows)) if revision.is_choice else 2
    return policy.key_alarm(answers, matching.canonical(answer=revision.answer, **spelling), min_agreeing=agreeing)


def has_key_alarm(question: Question) -> bool:
    """True while models agree against the key of the newest text and no organiser has cleared the alarm."""
    revision = question.newest
    if ClearedAlarm.objects.filter(question=question, tested_hash=revision.tested_hash).exists():
        return False
    return key_alarm(revision) is not None


def of_check(question: Question, revision: Revision) -> dict[str, Any]:
    """What a freeze stores about the check of a revision; plain JSON values, no text of question or answer."""
    check = newest_settled(question, revision)
    if check is None:
        return {"check": None, "is_simulated": True}
    verdicts = list(
        Prediction.objects.filter(tested_hash=check.tested_hash, panel=check.panel, draw=0)
        .exclude(verdict=Verdict.UNSCORED)
        .values_list("verdict", "model__name")
    )
    solved_by = sorted(model for verdict, model in verdicts if verdict == Verdict.CORRECT)
    return {
        "check": str(check.pk),
        "check_status": check.status,
        "check_stands": stands(question, revision),
        "is_overridden": is_overridden(question, revision),
        "is_simulated": check.is_simulated,
        "panel": f"{check.panel.slug}-v{check.panel.version}",
        "policy": check.policy.version,
        "prompt_version": check.prompt_version,
        "matcher_version": check.matcher_version,
        "judge_version": check.judge_version,
        "n_models": len(verdicts),
        "n_correct": len(solved_by),
        "solved_by": solved_by,
        "tries": max(1, tries_used(question)),
        "has_key_alarm": has_key_alarm(question),
    }
