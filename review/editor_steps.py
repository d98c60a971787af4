"""Steps that editors may take on a question besides the decision: each with its form, its action and its words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.urls import reverse
from django.utils.translation import gettext_lazy

from questions import actions as question_actions
from questions.enums import Action, Status
from questions.models import Question
from questions.workflow import available_actions
from review import actions
from review.forms import DeskRejectForm, DuplicateForm, ReasonForm, RetractionForm


class EditorStep(NamedTuple):
    """One step of an editor: its form, what it does, and its words."""

    form: Callable[..., Any]
    act: Callable[..., Any]
    title: Any
    body: Any
    done: Any
    danger: bool = True


STEPS: dict[str, EditorStep] = {
    Action.DESK_REJECT: EditorStep(
        DeskRejectForm,
        question_actions.desk_reject,
        gettext_lazy("Decline without review"),
        gettext_lazy("The contributor reads the reason and may appeal once."),
        gettext_lazy("The question is declined."),
    ),
    Action.MARK_DUPLICATE: EditorStep(
        DuplicateForm,
        question_actions.mark_duplicate,
        gettext_lazy("Mark as duplicate"),
        gettext_lazy("The contributor learns which question it repeats only if they may read that one."),
        gettext_lazy("The question is closed as a duplicate."),
    ),
    Action.OVERRIDE_CHECK: EditorStep(
        ReasonForm,
        question_actions.override_check,
        gettext_lazy("Let it pass although models solved it"),
        gettext_lazy("The reason is logged and stays with the question."),
        gettext_lazy("The question may be submitted for review."),
        danger=False,
    ),
    Action.REOPEN: EditorStep(
        ReasonForm,
        actions.reopen,
        gettext_lazy("Reopen the question"),
        gettext_lazy("It goes back into review, and a senior reviewer looks at it again."),
        gettext_lazy("The question is in review again."),
        danger=False,
    ),
    Action.REQUEST_CHANGES: EditorStep(
        ReasonForm,
        actions.request_changes,
        gettext_lazy("Request changes now"),
        gettext_lazy("The running round ends, and the contributor reads your reason with the reviews that are in."),
        gettext_lazy("The contributor is asked for changes."),
    ),
    Action.RETRACT: EditorStep(
        RetractionForm,
        actions.propose_retraction,
        gettext_lazy("Propose a retraction"),
        gettext_lazy(
            "A second organiser confirms it. Old releases keep the question, the next one leaves a note in its place."
        ),
        gettext_lazy("Proposed. A second organiser confirms it."),
    ),
}


def offered(question: Question, user: Any) -> list[dict[str, Any]]:
    """Return the steps that lead somewhere from here and that the user may take."""
    possible = set(available_actions(question, user))
    if question.status == Status.AWAITING_DECISION:
        possible.discard(Action.REQUEST_CHANGES)  # there it is one of the decisions
    return [
        {"url": reverse("review:act", args=[question.pk, action]), "label": step.title}
        for action, step in STEPS.items()
        if action in possible
    ]
