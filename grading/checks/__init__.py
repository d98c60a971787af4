"""The difficulty check of a question: where it stands, its plan, its settling, and what people may do to it."""

from grading.checks.people import clear_alarm, confirm_key, contest, judge_by_person, resolve_contest
from grading.checks.rejudging import judgeable, rejudge, rejudge_check
from grading.checks.settling import JUDGE_DETAIL, PASSING_KINDS, resume, settle, settle_landed, settle_ready, sweep
from grading.checks.standing import TERMINAL, Key, Seat, Standing, members_for, seats_of, standing_among, standing_of
from grading.checks.starting import cancel, open_check, try_number
from grading.checks.substituting import offers, substitute

__all__ = [
    "JUDGE_DETAIL",
    "PASSING_KINDS",
    "TERMINAL",
    "Key",
    "Seat",
    "Standing",
    "cancel",
    "clear_alarm",
    "confirm_key",
    "contest",
    "judge_by_person",
    "judgeable",
    "members_for",
    "offers",
    "open_check",
    "rejudge",
    "rejudge_check",
    "resolve_contest",
    "resume",
    "seats_of",
    "settle",
    "settle_landed",
    "settle_ready",
    "standing_among",
    "standing_of",
    "substitute",
    "sweep",
    "try_number",
]
