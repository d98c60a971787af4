"""What later stages show on the page of a question: a registry of panels, filled by each stage at start-up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from questions.models import Question


class Panel(NamedTuple):
    """One section of the page: its anchor, its heading, the template, what that is given as `panel`, its own style sheet."""

    anchor: str
    title: str
    template: str
    content: Any
    style: str = ""


Rule = Callable[["Question", Any], Panel | None]

_rules: list[tuple[int, Rule]] = []


def register(order: int, rule: Rule) -> Rule:
    """Let `rule(question, user)` add a panel, or none; lower orders come first on the page."""
    if all(known is not rule for _order, known in _rules):
        _rules.append((order, rule))
        _rules.sort(key=lambda entry: entry[0])
    return rule


def panels(question: Question, user: Any) -> list[Panel]:
    """Return the panels that this reader sees beside a question, in their order."""
    return [panel for _order, rule in _rules if (panel := rule(question, user))]
