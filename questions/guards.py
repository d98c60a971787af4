"""What must hold before an action: a registry from action to checks, filled by later stages at start-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from questions.models import Question, Revision

Guard = Callable[["Question", Any], Iterable[str]]
Evidence = Callable[["Question", "Revision"], dict[str, Any]]

_guards: dict[str, list[Guard]] = defaultdict(list)
_evidence: list[Evidence] = []


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


def register_evidence(fact: Evidence) -> Evidence:
    """Let `fact(question, revision)` add plain JSON values to what a freeze stores beside a question."""
    if fact not in _evidence:
        _evidence.append(fact)
    return fact


def evidence(question: Question, revision: Revision) -> dict[str, Any]:
    """Return what all stages know in favour of a revision, merged; a later stage wins over an earlier one."""
    return {name: value for fact in _evidence for name, value in fact(question, revision).items()}
