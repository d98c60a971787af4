"""The contributor's view of the reviews as a template tag, so that pages of earlier stages can show it without importing this one."""

from typing import Any

from django import template

from questions.models import Question
from review import presenters

register = template.Library()


@register.inclusion_tag("review/_feedback.html", takes_context=True)
def review_feedback(context: dict[str, Any], question: Question) -> dict[str, Any]:
    """Show the feedback of a question to its owner, with a reply box per round; nothing to anybody else."""
    request = context["request"]
    if not request.user.has_perm("review.view_feedback", question):
        return {"rounds": []}
    return {
        "rounds": presenters.feedback(question),
        "next": request.path,
        "may_reply": True,
        "csrf_token": context.get("csrf_token"),
    }
