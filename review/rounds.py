"""Rounds of review: open, settle, close."""

from questions.models import Question, StatusChange


def open_next(*, change: StatusChange) -> None:
    """Open the round that follows a status change, once."""
    raise NotImplementedError


def close_open(*, question: Question) -> None:
    """End the open round of a question without outcome."""
    raise NotImplementedError
