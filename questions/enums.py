"""The closed lists of the first stage: statuses, actions, answer types, releases."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    """Where a question stands; the label is what its contributor reads."""

    DRAFT = "draft", _("Draft")
    CHECKING = "checking", _("Testing against models")
    TOO_EASY = "too_easy", _("Models solved it")
    ELIGIBLE = "eligible", _("Passed: add rationale and submit")
    IN_REVIEW = "in_review", _("In review")
    CHANGES_REQUESTED = "changes_requested", _("Changes requested")
    AWAITING_DECISION = "awaiting_decision", _("In review, decision pending")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Declined")
    DUPLICATE = "duplicate", _("Duplicate")
    WITHDRAWN = "withdrawn", _("Withdrawn")
    RETRACTED = "retracted", _("Retracted")


class Action(models.TextChoices):
    """What may be done to a question, by name."""

    START_CHECK = "start_check", _("Test against models")
    CANCEL_CHECK = "cancel_check", _("Stop the test")
    PASS_CHECK = "pass_check", _("Pass the check")
    FAIL_CHECK = "fail_check", _("Fail the check")
    REVISE = "revise", _("Revise")
    KEEP_CHECK = "keep_check", _("Keep the earlier check")
    SUBMIT_FOR_REVIEW = "submit_for_review", _("Submit for review")
    REQUEST_CHANGES = "request_changes", _("Request changes")
    RECOMMEND = "recommend", _("Pass on for a decision")
    APPROVE = "approve", _("Approve")
    REJECT = "reject", _("Decline")
    DESK_REJECT = "desk_reject", _("Decline without review")
    MARK_DUPLICATE = "mark_duplicate", _("Mark as duplicate")
    OVERRIDE_CHECK = "override_check", _("Override the check")
    REOPEN = "reopen", _("Reopen")
    WITHDRAW = "withdraw", _("Withdraw")
    RETRACT = "retract", _("Retract")


class AnswerType(models.TextChoices):
    """How an answer is given and compared; the values are those of exported files."""

    EXACT_MATCH = "exactMatch", _("Exact answer")
    MULTIPLE_CHOICE = "multipleChoice", _("Multiple choice")


class Split(models.TextChoices):
    """Which part of a release a question belongs to; a label never changes."""

    PUBLIC = "public", _("Public")
    HELD_OUT = "held_out", _("Held out")


class ReleaseStatus(models.TextChoices):
    """The life of a release."""

    DRAFT = "draft", _("Draft")
    FROZEN = "frozen", _("Frozen")
    DISCARDED = "discarded", _("Discarded")
    PUBLISHED = "published", _("Published")
    SUPERSEDED = "superseded", _("Superseded")
    YANKED = "yanked", _("Yanked")


class ItemChange(models.TextChoices):
    """What happened to a question since the release before."""

    ADD = "add", _("Added")
    UPDATE = "update", _("Updated")
    READD = "readd", _("Added again")
    REMOVE = "remove", _("Removed")
    SAME = "same", _("Unchanged")


class ReasonCode(models.TextChoices):
    """Why a question was declined or taken back."""

    SCOPE = "scope", _("Outside the call's scope")
    TOO_EASY = "too_easy", _("Too easy or searchable")
    OPEN_ENDED = "open_ended", _("Open-ended or subjective")
    WRONG_KEY = "wrong_key", _("The answer is wrong or disputed")
    UNCLEAR = "unclear", _("Ambiguous or unclear")
    HAZARD = "hazard", _("Hazardous content")
    SPAM = "spam", _("Spam")
    DUPLICATE = "duplicate", _("Duplicate of another question")
    OTHER = "other", _("Another reason")


class ErratumStatus(models.TextChoices):
    """The life of a report against a released question."""

    REPORTED = "reported", _("Reported")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    NEEDS_INFO = "needs_info", _("More information needed")
    CONFIRMED = "confirmed", _("Confirmed")
    NOT_AN_ERROR = "not_an_error", _("Not an error")
    DUPLICATE = "duplicate", _("Reported already")
    RESOLVED = "resolved", _("Resolved")


class PairKind(models.TextChoices):
    """How two near texts were found."""

    LEXICAL = "lexical", _("By letters and words")
    EMBEDDING = "embedding", _("By meaning")


class PairState(models.TextChoices):
    """What people said of a pair of near texts."""

    OPEN = "open", _("Open")
    DISMISSED = "dismissed", _("Not a duplicate")
    CONFIRMED = "confirmed", _("Duplicate")
