"""What people do in review: solve, review, comment, adjudicate, decide, appeal, retract. Pages, API and seed all call these.

Locks are taken in one order: question, round, assignment; the audit chain last.
"""

from review.actions.adjudication import adjudicate, possible_outcomes
from review.actions.appeals import decide_appeal, file_appeal
from review.actions.comments import comment
from review.actions.decisions import decide, reopen, request_changes
from review.actions.retractions import confirm_retraction, propose_retraction
from review.actions.reviews import CHECK_FIELDS, MIN_FEEDBACK, EditConflict, missing_in, save_review, submit_review
from review.actions.solves import confirm_match, record_solve
from review.actions.triage import ask_senior, triage_candidates

__all__ = [
    "CHECK_FIELDS",
    "MIN_FEEDBACK",
    "EditConflict",
    "adjudicate",
    "ask_senior",
    "comment",
    "confirm_match",
    "confirm_retraction",
    "decide",
    "decide_appeal",
    "file_appeal",
    "missing_in",
    "possible_outcomes",
    "propose_retraction",
    "record_solve",
    "reopen",
    "request_changes",
    "save_review",
    "submit_review",
    "triage_candidates",
]
