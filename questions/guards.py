"""What must hold before an action: a registry from action to checks, filled by later stages at start-up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from questions.models import Question, Revision

Guard = Callable[["Question", Any], Iterable[str]]
Evidence = Callable[[Sequence["Revision"]], Mapping[Any, Mapping[str, Any]]]

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
    """Let `fact(revisions)` add, by the revision's key, plain JSON values to what a freeze stores beside a question.

    It is asked once for all questions of a release, so its queries must not grow with them.
    """
    if fact not in _evidence:
        _evidence.append(fact)
    return fact


def evidence(revisions: Sequence[Revision]) -> dict[Any, dict[str, Any]]:
    """Return by key of the revision what all stages know in favour of it; a later stage wins over an earlier one."""
    found: dict[Any, dict[str, Any]] = {revision.pk: {} for revision in revisions}
    for fact in _evidence:
        for key, values in fact(revisions).items():
            found[key].update(values)
    return found
