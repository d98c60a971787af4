"""Approved questions and releases for tests: people act by the real actions, reviews are written as rows."""

import hashlib
import io

from django.utils import timezone
from PIL import Image

from grading.models import DifficultyCheck
from hle_site.accounts import actions as account_actions
from hle_site.accounts.enums import DocumentKind
from questions import actions, workflow
from questions.enums import Action
from questions.models import Question
from questions.releases import freeze
from review import actions as review_actions
from review.enums import AssignmentStatus
from review.models import Assignment, BlindSolve, Recommendation
from tests import factories


def png(colour=(200, 30, 30)) -> bytes:
    """A small picture."""
    stream = io.BytesIO()
    Image.new("RGB", (12, 8), colour).save(stream, "PNG")
    return stream.getvalue()


def make_approved(*, by, reviewer, senior, organiser, is_simulated=False, **content) -> Question:
    """Create a question that one reviewer solved, a senior reviewer recommended and an organiser approved."""
    question = factories.make_in_review(by=by, **content)
    round_ = question.rounds.get()
    assignment = Assignment.objects.create(
        round=round_, reviewer=reviewer, status=AssignmentStatus.SUBMITTED, due_at=timezone.now()
    )
    BlindSolve.objects.create(
        assignment=assignment, revision=question.newest, answer=question.newest.answer, matches_key=True
    )
    Recommendation.objects.create(round=round_, outcome="approve", by=senior)
    workflow.advance(question, Action.RECOMMEND, by=None)
    review_actions.decide(question=question, by=organiser, outcome="approve", reason="It is good.")
    DifficultyCheck.objects.filter(question=question).update(is_simulated=is_simulated)
    return Question.objects.get(pk=question.pk)


class World:
    """Contributor, reviewers and two organisers, and what they made together."""

    def __init__(self) -> None:
        self.author = factories.make_user("author", institution="North University")
        self.reviewer = factories.make_user("reviewer", "reviewer", institution="South College")
        self.senior = factories.make_user("senior", "senior_reviewer", institution="West Institute")
        self.first = factories.make_user("first", "organiser", institution="Exam Office")
        self.second = factories.make_user("second", "organiser", institution="Exam Office")
        self.researcher = factories.make_user("researcher")
        account_actions.accept(user=self.researcher, kind=DocumentKind.DATA_LICENCE, version="1")
        self.call = factories.default_call()
        self.count = 0

    def approve(self, count: int = 1, **content) -> list[Question]:
        """Approve some questions, each with a text of its own."""
        return [self._approve(**content) for _ in range(count)]

    def _approve(self, **content) -> Question:
        self.count += 1
        people = {"by": self.author, "reviewer": self.reviewer, "senior": self.senior, "organiser": self.second}
        letters = hashlib.sha256(str(self.count).encode()).hexdigest()  # so that no two texts are near to each other
        words = " ".join(letters[at : at + 16] for at in range(0, 64, 16))
        text = {
            "prompt": f"What is ${self.count}$ plus one hundred, written in base ten, in the case of {words}?",
            "answer": str(100 + self.count),
        }
        return make_approved(**people, **(text | content))

    def hold_out(self, share: str) -> None:
        """Set the share of questions that the call holds out."""
        self.call.held_out_share = share
        self.call.save(update_fields=["held_out_share"])

    def picture(self, **colour):
        """A picture that the contributor has uploaded."""
        return actions.store_picture(data=png(**colour), by=self.author)

    def draft(self, version="1.0.0", **facts):
        """Begin a release of the default call."""
        return freeze.draft(
            **{"version": version, "title": "A sample exam", "calls": [self.call], "by": self.first} | facts
        )

    def frozen(self, version="1.0.0", **facts):
        """Freeze and build a release."""
        release = freeze.freeze(release=self.draft(version, **facts), by=self.first)
        return freeze.build(release)

    def published(self, version="1.0.0", **facts):
        """Freeze, build and publish a release."""
        return freeze.publish(release=self.frozen(version, **facts), by=self.second)
