"""What people's own solutions say in favour of a question: the evidence without which nothing is approved."""

from typing import Any, NamedTuple

from django.db.models import Avg, Count, QuerySet
from django.utils.translation import gettext as _

from questions.models import Question, Revision
from review.enums import ACTIVE_ASSIGNMENTS, Depth
from review.models import BlindSolve, Review


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


def of(tested_hash: str) -> QuerySet[BlindSolve]:
    """Return the recorded answers to a tested part whose assignments stand."""
    return BlindSolve.objects.filter(
        revision__tested_hash=tested_hash, assignment__status__in=ACTIVE_ASSIGNMENTS
    ).select_related("assignment")


def count(question: Question, revision: Revision) -> Solves:
    """Count what reviewers recorded about a revision's tested part."""
    found = [solve for solve in of(revision.tested_hash) if solve.revision.question_id == question.pk]
    unable = {solve.assignment.reviewer_id for solve in found if solve.is_unsolved}
    answered = [solve.matches_key for solve in found if not solve.is_unsolved]
    checked = (
        Review.objects.counted()
        .filter(
            assignment__round__question=question,
            assignment__round__revision__tested_hash=revision.tested_hash,
            depth=Depth.CHECKED_RATIONALE,
        )
        .exclude(assignment__reviewer__in=unable)
    )
    return Solves(
        matching=answered.count(True),
        different=answered.count(False),
        undecided=answered.count(None),
        unsolved=len(unable),
        checked=checked.count(),
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


def evidence(question: Question, revision: Revision) -> dict[str, Any]:
    """Return what reviewers found about a revision as plain values without names, for a release."""
    rounds = (
        Review.objects.counted()
        .filter(assignment__round__question=question, assignment__round__revision__tested_hash=revision.tested_hash)
        .values("assignment__round__number", "assignment__round__kind", "assignment__round__rubric_version")
        .annotate(reviews=Count("pk"), mean_score=Avg("score"))
        .order_by("assignment__round__number")
    )
    solves = count(question, revision)
    decision = question.decisions.filter(revision__tested_hash=revision.tested_hash).order_by("-at").first()
    return {
        "review_rounds": [
            {
                "round": row["assignment__round__number"],
                "kind": row["assignment__round__kind"],
                "rubric": row["assignment__round__rubric_version"],
                "reviews": row["reviews"],
                "mean_score": round(row["mean_score"], 2),
            }
            for row in rounds
        ],
        "solves_matching_key": solves.matching,
        "solves_recorded": solves.matching + solves.different + solves.undecided + solves.unsolved,
        "key_checked_by_derivation": solves.rests_on_derivation,
        "decided_by_two_people": bool(decision and decision.recommended_by_id),
    }
