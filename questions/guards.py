"""What must hold before an action: a registry from action to checks, filled by later stages at start-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from questions.models import Question

Guard = Callable[["Question", Any], Iterable[str]]

_guards: dict[str, list[Guard]] = defaultdict(list)


def register(*actions: str) -> Callable[[Guard], Guard]:
    """Add a check `(question, user) -> sentences`; an empty answer lets the action pass."""

    def add(guard: Guard) -> Guard:
        for action in actions:
            if guard not in _guards[action]:
                _guards[action].append(guard)
        return guard

    return add


def refusals(action: str, question: Question, user: Any) -> list[str]:
    """Return the sentences with which the checks refuse the action; none when all agree."""
    return [sentence for guard in _guards[action] for sentence in guard(question, user)]
