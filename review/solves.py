"""What people's own solutions say in favour of a question: the evidence without which nothing is approved."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db.models import Avg, Count
from django.utils.translation import gettext as _

from hle_site import lookups
from questions.models import Question, Revision
from review.enums import ACTIVE_ASSIGNMENTS, Depth
from review.models import BlindSolve, Decision, Review


class Solves(NamedTuple):
    """How many reviewers recorded an answer to one tested part, and how it compares with the key."""

    matching: int
    different: int
    undecided: int
    unsolved: int
    checked: int  # reviews of others who checked the rationale step by step

    @property
    def suffices(self) -> bool:
        """True with one matching solve, or with two "cannot solve" and a derivation checked by a third reviewer."""
        return self.matching > 0 or (self.unsolved >= 2 and self.checked > 0)

    @property
    def rests_on_derivation(self) -> bool:
        """True when nobody reached the key, and the derivation was checked instead."""
        return self.matching == 0 and self.suffices


Text = tuple[Any, str]  # a question and the hash of its tested part
TEXT_OF_REVIEW = ("assignment__round__question", "assignment__round__revision__tested_hash")


def _texts(revisions: Sequence[Revision]) -> list[Text]:
    return [(revision.question_id, revision.tested_hash) for revision in revisions]


def count(question: Question, revision: Revision) -> Solves:
    """Count what reviewers recorded about a revision's tested part."""
    key = ("solves", question.pk, revision.tested_hash)
    return lookups.once(key, lambda: counts([revision])[question.pk, revision.tested_hash])


def counts(revisions: Sequence[Revision]) -> dict[Text, Solves]:
    """Count what reviewers recorded about the tested parts of revisions, by question and hash, in two queries."""
    recorded: dict[Text, list[BlindSolve]] = defaultdict(list)
    checked: dict[Text, list[Any]] = defaultdict(list)
    questions = [revision.question_id for revision in revisions]
    stands = {"assignment__status__in": ACTIVE_ASSIGNMENTS, "revision__question__in": questions}
    for solve in BlindSolve.objects.filter(**stands).select_related("assignment", "revision"):
        recorded[solve.revision.question_id, solve.revision.tested_hash].append(solve)
    reviews = Review.objects.counted().filter(assignment__round__question__in=questions, depth=Depth.CHECKED_RATIONALE)
    for question, tested_hash, reviewer in reviews.values_list(*TEXT_OF_REVIEW, "assignment__reviewer"):
        checked[question, tested_hash].append(reviewer)
    return {text: _count(recorded[text], checked[text]) for text in _texts(revisions)}


def _count(recorded: list[BlindSolve], checked: list[Any]) -> Solves:
    unable = {solve.assignment.reviewer_id for solve in recorded if solve.is_unsolved}
    answered = [solve.matches_key for solve in recorded if not solve.is_unsolved]
    return Solves(
        matching=answered.count(True),
        different=answered.count(False),
        undecided=answered.count(None),
        unsolved=len(unable),
        checked=sum(reviewer not in unable for reviewer in checked),
    )


def missing(question: Question, _user: Any = None) -> list[str]:
    """Return what stands against approval for want of an independent solution; empty when nothing does."""
    solves = count(question, question.newest)
    if solves.suffices:
        return []
    if solves.undecided:
        return [
            _(
                "No reviewer's own answer is known to match the key. One could not be compared: confirm it by hand first."
            )
        ]
    return [
        _(
            "No reviewer has reached the key independently. It takes one matching solution of this text, or two reviewers"
            " who could not solve it and a third who checked the derivation step by step."
        )
    ]


def evidence(revisions: Sequence[Revision]) -> dict[Any, dict[str, Any]]:
    """Return what reviewers found about revisions, by their keys, as plain values without names, for a release."""
    solves, rounds, decisions = counts(revisions), mean_scores(revisions), _decisions(revisions)
    return {
        revision.pk: {"review_rounds": rounds[text], **_solved(solves[text])}
        | {"decided_by_two_people": bool(text in decisions and decisions[text].recommended_by_id)}
        for revision, text in zip(revisions, _texts(revisions), strict=True)
    }


def _solved(solves: Solves) -> dict[str, Any]:
    return {
        "solves_matching_key": solves.matching,
        "solves_recorded": solves.matching + solves.different + solves.undecided + solves.unsolved,
        "key_checked_by_derivation": solves.rests_on_derivation,
    }


def mean_scores(revisions: Sequence[Revision]) -> dict[Text, list[dict[str, Any]]]:
    """Return by question and hash what the rounds over each text came to, the first round first."""
    found: dict[Text, list[dict[str, Any]]] = defaultdict(list)
    questions = [revision.question_id for revision in revisions]
    rows = (
        Review.objects.counted()
        .filter(assignment__round__question__in=questions)
        .values(
            *TEXT_OF_REVIEW, "assignment__round__number", "assignment__round__kind", "assignment__round__rubric_version"
        )
        .annotate(reviews=Count("pk"), mean_score=Avg("score"))
        .order_by("assignment__round__number")
    )
    for row in rows:
        question, tested_hash = (row[name] for name in TEXT_OF_REVIEW)
        told = {
            "round": row["assignment__round__number"],
            "kind": row["assignment__round__kind"],
            "rubric": row["assignment__round__rubric_version"],
            "reviews": row["reviews"],
            "mean_score": round(row["mean_score"], 2),
        }
        found[question, tested_hash].append(told)
    return found


def _decisions(revisions: Sequence[Revision]) -> dict[Text, Decision]:
    questions = [revision.question_id for revision in revisions]
    rows = Decision.objects.filter(question__in=questions).select_related("revision").order_by("at")
    return {(row.question_id, row.revision.tested_hash): row for row in rows}
