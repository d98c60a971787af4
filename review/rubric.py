"""The rubrics as data: scales with anchor texts and the checklist, by version. A round names the version it was scored with."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from review.enums import RoundKind

Text = str | Promise
CURRENT = "hle-2025-1"


class Level(NamedTuple):
    """One level of a scale, with the words that anchor it."""

    value: int
    label: Text
    text: Text


class Check(NamedTuple):
    """One yes-or-no point of the checklist; `field` is the column of the review."""

    field: str
    question: Text
    hint: Text


class Rubric(NamedTuple):
    """One version: the scale of each kind of round and the checklist that both use."""

    version: str
    scales: dict[str, tuple[Level, ...]]
    checklist: tuple[Check, ...]

    def level(self, kind: str, value: int) -> Level:
        """Return the level with this value. Raises KeyError when the scale has none."""
        return {level.value: level for level in self.scales[kind]}[value]

    def values(self, kind: str) -> frozenset[int]:
        """Return the values that a review of this kind of round may take."""
        return frozenset(level.value for level in self.scales.get(kind, ()))


FIRST = (
    Level(
        5,
        _("Top-notch"),
        _("Nothing to mend. Precise, original and hard; you would put it in front of a colleague."),
    ),
    Level(
        4, _("Great"), _("Needs graduate-level knowledge or is hard in another honest way; at most a word to change.")
    ),
    Level(3, _("Okay"), _("Hard enough, though not at graduate level or not complex; perhaps a small revision.")),
    Level(
        2,
        _("Some revisions needed"),
        _("Difficulty or depth is borderline, or wording and format need work before it can stay."),
    ),
    Level(
        1,
        _("Major revisions needed"),
        _("Large parts must change, it is too simple as it stands, or it is not in the call's language."),
    ),
    Level(
        0,
        _("Discard"),
        _("Out of scope, copied, open-ended, a matter of opinion, found by a quick search, or spam."),
    ),
    Level(
        -1,
        _("Unsure"),
        _("You doubt that the answer is right, or whether it fits the guidelines; a senior reviewer will look."),
    ),
)
SECOND = (
    Level(6, _("Top question in its category"), _("Among the best that you have seen in this subject.")),
    Level(5, _("Good to include"), _("Very good; belongs in the exam as it is.")),
    Level(4, _("Borderline"), _("Hard but of little interest, or at least one model answered it.")),
    Level(
        3,
        _("Easy although models failed"),
        _("Basic, found by a simple search, or hard only through heavy arithmetic or running code."),
    ),
    Level(2, _("Pending"), _("A small revision is still missing; the organisers decide. Say what is missing.")),
    Level(1, _("Not sure"), _("Needs a major revision, or you cannot judge it; the organisers decide. Say why.")),
    Level(0, _("Discard"), _("Does not belong in the exam.")),
)
CHECKLIST = (
    Check("is_precise", _("Is the question precise?"), _("Every term, unit and assumption is stated.")),
    Check("is_single_answer", _("Is there one answer that experts accept?"), _("No second answer can be defended.")),
    Check(
        "is_not_searchable",
        _("Is it safe from a quick search?"),
        _("A minute with a search engine or a textbook index does not find the answer."),
    ),
    Check(
        "is_not_artificial",
        _("Is it hard for its content?"),
        _("Not for long arithmetic, rendering code, tricks of wording or obscure trivia."),
    ),
    Check("is_safe", _("Is it free of hazards?"), _("Nothing in it helps to cause harm.")),
)
RUBRICS = {CURRENT: Rubric(CURRENT, {RoundKind.FIRST: FIRST, RoundKind.SECOND: SECOND}, CHECKLIST)}
