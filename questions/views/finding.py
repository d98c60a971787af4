"""How a page finds its question, and how it says what an action answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from questions.actions import EditConflict
from questions.models import Question
from questions.workflow import InvalidTransition, Refused

REFUSALS = (Refused, InvalidTransition, EditConflict)


def question_of(request: HttpRequest, pk: Any, permission: str, **beside: Any) -> Question:
    """Return a question that the reader works with, or say 404; then ask the permission, or say 403.

    A question that only a release opens has no page here: its release shows the text that was released. `beside` are
    annotations to load with it.
    """
    found = Question.objects.at_work_for(request.user).select_related(
        "call__contributor_terms", "call__data_licence", "contributor"
    )
    question: Question = get_object_or_404(found.with_standing(request.user).annotate(**beside), pk=pk)
    question.note_standing(request.user)
    request.is_at_others = not question.is_owned_by(request.user)  # the menu marks the own questions only
    if not request.user.has_perm(permission, question):
        raise PermissionDenied
    return question


def sentences(error: Exception) -> list[str]:
    """Return what an action says against a step."""
    return error.sentences if isinstance(error, Refused) else [str(error)]


def add_errors(form: Any, error: Exception) -> int:
    """Put what an action says into the form, beside what was typed, and return the status of the answer."""
    for sentence in sentences(error):
        form.add_error(None, sentence)
    return 400 if isinstance(error, Refused) else 409


def attempt(form: Any, act: Callable[..., Any]) -> int:
    """Call an act with what the form holds and return 200, or the status of the page that shows the form with errors."""
    if not form.is_valid():
        return 400
    try:
        act(**form.cleaned_data)
    except REFUSALS as error:
        return add_errors(form, error)
    return 200
