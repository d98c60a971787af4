"""Preflight findings on a revision: errors stop the check, warnings inform. Pure but for reading the revision's fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from questions.models import Call, Revision

ERROR, WARNING = "error", "warning"
OPEN_ENDED = re.compile(r"\b(prove that|show that|explain why|discuss|describe how)\b", re.IGNORECASE)
LONG_DECIMAL = re.compile(r"[+-]?\d+\.\d{4,}$")
HIDDEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


class Finding(NamedTuple):
    """One remark: `severity` error or warning, the field it is about, a sentence that says how to mend it."""

    severity: str
    field: str
    text: str


def findings(revision: Revision, call: Call) -> list[Finding]:
    """Return all remarks on a revision, errors first."""
    found = [*_required(revision), *_choices(revision, call), *_style(revision), *_picture(revision)]
    return sorted(found, key=lambda finding: finding.severity != ERROR)


def errors(revision: Revision, call: Call) -> list[Finding]:
    """Return only what stops the check."""
    return [finding for finding in findings(revision, call) if finding.severity == ERROR]


def _required(revision: Revision) -> list[Finding]:
    found = []
    if not revision.prompt.strip():
        found.append(Finding(ERROR, "prompt", _("The question is empty: write what is asked.")))
    if not revision.answer.strip():
        found.append(Finding(ERROR, "answer", _("The answer is empty: give the one answer that experts accept.")))
    if not revision.category:
        found.append(Finding(ERROR, "category", _("No category is chosen: choose the one that fits best.")))
    if not revision.raw_subject.strip():
        found.append(Finding(ERROR, "raw_subject", _("The subject is empty: name the field, such as “Graph theory”.")))
    return found


def _choices(revision: Revision, call: Call) -> list[Finding]:
    if not revision.is_choice:
        return []
    found, options = [], [option.strip() for option in revision.options]
    if len(options) < call.min_options:
        text = _("There are %(n)d options; at least %(min)d are needed, so that guessing is not worth it.")
        found.append(Finding(ERROR, "options", text % {"n": len(options), "min": call.min_options}))
    if not all(options):
        found.append(Finding(ERROR, "options", _("An option is empty: fill it in or remove it.")))
    if len({option.casefold() for option in options}) < len(options):
        found.append(Finding(ERROR, "options", _("Two options are the same: make each one different.")))
    letters = [letter for letter, _option in revision.lettered_options]
    if revision.answer.strip() and revision.answer.strip() not in letters:
        text = _("The answer must be the letter of one option, %(first)s to %(last)s.")
        found.append(Finding(ERROR, "answer", text % {"first": "A", "last": letters[-1] if letters else "?"}))
    return found


def _style(revision: Revision) -> list[Finding]:
    found = []
    if OPEN_ENDED.search(revision.prompt):
        found.append(
            Finding(
                WARNING,
                "prompt",
                _("This reads like an open-ended task. Reviewers decline questions without one checkable answer."),
            )
        )
    if HIDDEN.search(revision.prompt) or HIDDEN.search(revision.answer):
        found.append(
            Finding(
                WARNING,
                "prompt",
                _("The text has invisible characters. Reviewers will see them marked; better remove them."),
            )
        )
    if len(revision.prompt.strip()) < 30 and revision.prompt.strip():
        found.append(
            Finding(
                WARNING,
                "prompt",
                _("The question is very short. Is everything said that an expert needs to answer it?"),
            )
        )
    if not revision.is_choice and LONG_DECIMAL.match(revision.answer.strip()):
        found.append(
            Finding(
                WARNING,
                "answer",
                _("The answer has more than three decimals. Say in the question how it is to be rounded."),
            )
        )
    if revision.prompt.count("$") % 2:
        found.append(
            Finding(WARNING, "prompt", _("There is an odd number of dollar signs: a formula may not be closed."))
        )
    return found


def _picture(revision: Revision) -> list[Finding]:
    if revision.image is None or revision.image_alt.strip():
        return []
    return [
        Finding(
            WARNING if revision.question.batch_id else ERROR,
            "image_alt",
            _("The picture has no description: say in words what it shows, for people who cannot see it."),
        )
    ]
