"""The closed sets of words in which grading speaks."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _


class Verdict(TextChoices):
    """What one model's answer is worth. Everything that is not a complete, decided answer is unscored."""

    CORRECT = "correct", _("Correct")
    INCORRECT = "incorrect", _("Incorrect")
    UNSCORED = "unscored", _("Unscored")


class DecidedBy(TextChoices):
    """Who came to a verdict."""

    MATCHER = "matcher", _("Automatic comparison")
    JUDGE = "judge", _("Judge model")
    PERSON = "person", _("A person")


class OutcomeKind(TextChoices):
    """How a provider call ended. Only `answer` may be scored; `unparsed` is said of a judge's reply alone."""

    ANSWER = "answer", _("Answered")
    EMPTY = "empty", _("Empty reply")
    TRUNCATED = "truncated", _("Cut off")
    FILTERED = "filtered", _("Stopped by the provider's filter")
    REFUSED = "refused", _("Declined on policy grounds")
    MALFORMED = "malformed", _("Unreadable reply")
    REQUEST_ERROR = "request_error", _("Request not accepted")
    CONFIG_ERROR = "config_error", _("Provider not set up")
    THROTTLED = "throttled", _("Held back by a rate limit")
    TRANSIENT = "transient", _("Provider not reachable")
    AMBIGUOUS = "ambiguous", _("Unknown whether the call went through")
    MISMATCH = "mismatch", _("Another model answered")
    UNPARSED = "unparsed", _("Judge's reply unreadable")


class CheckStatus(TextChoices):
    """Where a difficulty check stands."""

    QUEUED = "queued", _("Waiting for a place")
    RUNNING = "running", _("Models are answering")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Models solved it")
    PARKED = "parked", _("No verdict yet")
    STALE = "stale", _("Out of date")
    CANCELLED = "cancelled", _("Stopped")


class PredictionState(TextChoices):
    """Where one model's answer stands."""

    WAITING = "waiting", _("Waiting")
    ASKED = "asked", _("Answering")
    ANSWERED = "answered", _("Answered, being compared")
    SETTLED = "settled", _("Compared")
    UNSCORED = "unscored", _("No answer, not counted")
    SKIPPED = "skipped", _("Not needed")


class Dialect(TextChoices):
    """Which protocol a provider speaks."""

    OPENAI_CHAT = "openai_chat", _("OpenAI chat completions")
    OPENAI_RESPONSES = "openai_responses", _("OpenAI responses")
    OPENROUTER = "openrouter", _("OpenRouter: errors may come inside a 200")
    COMPATIBLE = "compatible", _("Compatible: no strict schema, perhaps no usage")


class JudgeSeat(IntegerChoices):
    """Which judge a judgement comes from."""

    FIRST = 1, _("Judge")
    SECOND = 2, _("Second judge")
    AGAIN = 3, _("Judged again later")


# How `outcome_detail` tells why a complete answer has no verdict: what happened to its judge, or to both.
JUDGE_DETAIL = "judge: "
JUDGES_DISAGREE, NOTHING_STATED = "judges disagree", "nothing stated"
WHY_UNDECIDED = {
    f"{JUDGE_DETAIL}{JUDGES_DISAGREE}": _("The judges disagree"),
    f"{JUDGE_DETAIL}{NOTHING_STATED}": _("The reply states nothing that could be compared"),
}


class LedgerState(TextChoices):
    """What is known about the price of one call."""

    RESERVED = "reserved", _("Reserved")
    BILLED = "billed", _("Billed")
    AMBIGUOUS = "ambiguous", _("Perhaps billed")
    RELEASED = "released", _("Not billed")
