"""Start and stop the check of a question."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from grading import judging, matching, prompts
from grading.checks import plan, settling
from grading.checks.standing import members_for
from grading.enums import CheckStatus, PredictionState
from grading.models import CallPanel, DifficultyCheck
from questions.enums import Status
from questions.models import Question, Revision


@transaction.atomic
def open_check(*, question: Question, revision: Revision, by: Any) -> DifficultyCheck:
    """Plan the check of a revision's tested part, once; answers scored earlier for the same text stand.

    A question that has moved on meanwhile gets a check that is cancelled from the start.
    """
    live = DifficultyCheck.objects.live().filter(question=question).select_for_update().first()
    if live and live.tested_hash == revision.tested_hash:
        return live
    if live:
        plan.end(live, CheckStatus.CANCELLED, _("The question was tested again."))
    is_wanted = Question.objects.filter(pk=question.pk, status=Status.CHECKING).exists()
    choice = CallPanel.objects.select_related("panel__judge__provider", "policy").get(call=question.call)
    members = members_for(choice.panel, revision)
    check = DifficultyCheck.objects.create(
        question=question,
        revision=revision,
        tested_hash=revision.tested_hash,
        status=CheckStatus.QUEUED if is_wanted else CheckStatus.CANCELLED,
        panel=choice.panel,
        policy=choice.policy,
        prompt_version=prompts.PROMPT_VERSION,
        matcher_version=matching.MATCHER_VERSION,
        judge_version=judging.JUDGE_VERSION,
        is_simulated=choice.panel.judge.is_simulated or any(member.model.is_simulated for member in members),
        is_exempt=question.batch_id is not None,
        requested_by=by,
    )
    if is_wanted:
        plan.ask_again(plan.rows(check).filter(state=PredictionState.UNSCORED))
        settling.open_wave(check, members, members[0].wave)
    return check


def cancel(*, question: Question) -> None:
    """Stop the live check of a question that is no longer being tested; answers under way still arrive and stay."""
    with transaction.atomic():
        live = DifficultyCheck.objects.live().filter(question=question).select_for_update().first()
        if live and not Question.objects.filter(pk=question.pk, status=Status.CHECKING).exists():
            plan.end(live, CheckStatus.CANCELLED, "")
