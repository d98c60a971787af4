"""What review shows on the page of a question: what was said to its contributor, what a senior reviewer was asked."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from hle_site.accounts.enums import Role
from questions.models import Question
from questions.panels import Panel
from review import editor_steps, presenters
from review.models import Triage


def said(question: Question, user: Any) -> dict[str, Any]:
    """Return what the contributor reads of reviews and decisions, and whether an appeal is open to them."""
    filed = presenters.appeal_of(question)
    return {
        "question_id": question.pk,
        "rounds": presenters.feedback(question),
        "decisions": presenters.decision_news(question),
        "appeal": filed and {"status": filed.status, "text": filed.text, "answer": filed.answer, "at": filed.filed_at},
        "may_appeal": filed is None and user.has_perm("review.file_appeal", question),
    }


def triage_panel(question: Question, user: Any) -> Panel | None:
    """What an organiser asks a senior reviewer to look at, and what they may do about it."""
    if not user.has_role(Role.SENIOR_REVIEWER):
        return None
    asked = Triage.objects.open().filter(question=question, senior=user).first()
    if asked is None:
        return None
    content = {"reason": asked.reason, "steps": editor_steps.offered(question, user)}
    return Panel("triage", _("You were asked to look"), "review/_triage.html", content)


def feedback_panel(question: Question, user: Any) -> Panel | None:
    """The feedback, once there is any."""
    if question.submitted_at is None or not user.has_perm("review.view_feedback", question):
        return None
    content = said(question, user)
    if not (content["rounds"] or content["decisions"] or content["may_appeal"]):
        return None
    return Panel("feedback", _("Feedback"), "review/_said.html", content, "css/pages/review.css")
