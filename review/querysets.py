"""Which assignments a reader may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from review.enums import ACTIVE_ASSIGNMENTS

if TYPE_CHECKING:
    from hle_site.accounts.models import User


class AssignmentQuerySet(models.QuerySet["Any"]):
    """Assignments."""

    def visible_to(self, user: User) -> AssignmentQuerySet:
        """Return the user's own assignments; an organiser or auditor reads all of the questions that are open to them."""
        own = self.filter(reviewer=user)
        if not user.has_role("organiser", "auditor"):
            return own
        questions = self.model._meta.get_field("round").related_model._meta.get_field("question").related_model
        return self.filter(models.Q(reviewer=user) | models.Q(round__question__in=questions.objects.visible_to(user)))

    def active(self) -> AssignmentQuerySet:
        """Return the assignments that open a question to their reviewer."""
        return self.filter(status__in=ACTIVE_ASSIGNMENTS)
