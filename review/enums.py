"""The closed lists of the review stage."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class RoundKind(models.TextChoices):
    """Which scale and rules a round uses."""

    FIRST = "first", _("Round 1: feedback")
    SECOND = "second", _("Round 2: selection")
    ADJUDICATION = "adjudication", _("Adjudication")


class RoundOutcome(models.TextChoices):
    """Where a settled round leads."""

    NEXT_ROUND = "next_round", _("On to the next round")
    CHANGES = "changes", _("Changes requested")
    ADJUDICATION = "adjudication", _("A senior reviewer decides")
    APPROVAL = "approval", _("Recommended for approval")
    REJECTION = "rejection", _("Recommended to decline")
    CANCELLED = "cancelled", _("Ended without outcome")


class AssignmentStatus(models.TextChoices):
    """The life of an assignment."""

    INVITED = "invited", _("Invited")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    IN_PROGRESS = "in_progress", _("In progress")
    SUBMITTED = "submitted", _("Submitted")
    HANDED_BACK = "handed_back", _("Handed back")
    EXPIRED = "expired", _("Expired")
    INVALIDATED = "invalidated", _("Invalidated")


ACTIVE_ASSIGNMENTS = (AssignmentStatus.ACCEPTED, AssignmentStatus.IN_PROGRESS, AssignmentStatus.SUBMITTED)
# still asks something of its reviewer
OPEN_ASSIGNMENTS = (AssignmentStatus.ACCEPTED, AssignmentStatus.IN_PROGRESS)


class Blinding(models.TextChoices):
    """Who sees whose name. The contributor never sees a reviewer's."""

    B0 = "B0", _("Reviewers see names")
    B1 = "B1", _("Reviewers see the contributor and numbered colleagues")
    B2 = "B2", _("Reviewers see no names")


class Depth(models.TextChoices):
    """How far a reviewer verified the answer."""

    SOLVED = "solved", _("I solved it myself")
    CHECKED_RATIONALE = "checked_rationale", _("I checked the rationale step by step")
    FORMAT_ONLY = "format_only", _("I checked format and clarity only")


class DecisionOutcome(models.TextChoices):
    """What an organiser decides."""

    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Decline")
    CHANGES = "changes", _("Request changes")


class AppealStatus(models.TextChoices):
    """The life of an appeal."""

    OPEN = "open", _("Open")
    UPHELD = "upheld", _("Upheld")
    DISMISSED = "dismissed", _("Dismissed")


class Audience(models.TextChoices):
    """Who reads a comment."""

    REVIEWERS = "reviewers", _("Reviewers and organisers")
    CONTRIBUTOR = "contributor", _("The contributor as well")
