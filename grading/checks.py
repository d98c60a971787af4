"""The difficulty check of a question: plan waves, settle, advance."""

from typing import Any

from grading.models import DifficultyCheck
from questions.models import Question, Revision


def open_check(*, question: Question, revision: Revision, by: Any) -> DifficultyCheck:
    """Plan the check of a revision's tested part, once."""
    raise NotImplementedError


def cancel(*, question: Question) -> None:
    """Stop the live check of a question, if there is one."""
    raise NotImplementedError
