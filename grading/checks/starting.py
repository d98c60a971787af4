"""Start and stop the check of a question."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from grading import budget, judging, matching, ordering, policy, prompts
from grading.checks import learning, plan, settling
from grading.checks.standing import members_for, rule_of, standing_of
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
    choice = CallPanel.objects.select_related("panel__judge__provider", "panel__second_judge__provider", "policy").get(
        call=question.call
    )
    members = members_for(choice.panel, revision)
    asked = [*choice.panel.judges, *(member.model for member in members)]
    is_simulated = any(model.is_simulated for model in asked)
    pk = uuid.uuid4()
    check = DifficultyCheck.objects.create(
        pk=pk,
        question=question,
        revision=revision,
        tested_hash=revision.tested_hash,
        status=CheckStatus.QUEUED if is_wanted else CheckStatus.CANCELLED,
        panel=choice.panel,
        policy=choice.policy,
        prompt_version=prompts.PROMPT_VERSION,
        matcher_version=matching.MATCHER_VERSION,
        judge_version=judging.JUDGE_VERSION,
        plan=learning.plan_for(members, revision=revision, policy=choice.policy),
        # simulated models cost nothing, so there is nothing to learn from them
        is_run_all=not is_simulated
        and ordering.is_run_all(pk, percent=choice.policy.run_all_percent, key=settings.SECRET_KEY),
        confirmation_rounds=policy.rounds_to_confirm(
            answer_type=revision.answer_type,
            try_number=try_number(question, revision),
            rule=rule_of(choice.policy),
        ),
        is_simulated=is_simulated,
        is_exempt=question.batch_id is not None,
        requested_by=by,
    )
    if is_wanted:
        plan.ask_again(plan.rows(check).filter(state=PredictionState.UNSCORED))
        _begin(check)
    return check


def _begin(check: DifficultyCheck) -> None:
    """Ask whoever is due first; a text whose answers are all there is settled at once."""
    standing = standing_of(check)
    if standing.due is None:
        transaction.on_commit(lambda: settling.settle(check))
    else:
        settling.ask(check, standing)


def try_number(question: Question, revision: Revision) -> int:
    """The how manieth text this is that the contributor tries, from 1; the same text again is the same try."""
    return 1 + budget.tries_used(question, apart_from=revision.tested_hash)


def cancel(*, question: Question) -> None:
    """Stop the live check of a question that is no longer being tested; answers under way still arrive and stay."""
    with transaction.atomic():
        live = DifficultyCheck.objects.live().filter(question=question).select_for_update().first()
        if live and not Question.objects.filter(pk=question.pk, status=Status.CHECKING).exists():
            plan.end(live, CheckStatus.CANCELLED, "")
