"""What pages show, as plain values: no model reaches a template, so no name can slip through one."""

from review.presenters.cards import MINUTES, Card, assignment_card, pool_card
from review.presenters.feedback import DecisionNews, FeedbackItem, RoundFeedback, appeal_of, decision_news, feedback
from review.presenters.names import pool_handle, pseudonym
from review.presenters.rounds import (
    Evidence,
    Message,
    ReviewCard,
    RoundCard,
    all_rounds,
    evidence,
    rounds_for,
    solve_words,
)
from review.presenters.texts import (
    ModelAnswer,
    OwnSolve,
    QuestionText,
    Reveal,
    own_solve,
    picture_url,
    question_text,
    reveal,
)

__all__ = [
    "MINUTES",
    "Card",
    "DecisionNews",
    "Evidence",
    "FeedbackItem",
    "Message",
    "ModelAnswer",
    "OwnSolve",
    "QuestionText",
    "Reveal",
    "ReviewCard",
    "RoundCard",
    "RoundFeedback",
    "all_rounds",
    "appeal_of",
    "assignment_card",
    "decision_news",
    "evidence",
    "feedback",
    "own_solve",
    "picture_url",
    "pool_card",
    "pool_handle",
    "pseudonym",
    "question_text",
    "reveal",
    "rounds_for",
    "solve_words",
]
