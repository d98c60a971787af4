"""What is collected (call, question), compared (duplicate) and released (release)."""

from questions.models.call import Call, Category, Terms
from questions.models.duplicate import ComparedText, DuplicatePair, EmbedderReport, TextVector
from questions.models.question import Attachment, ImportBatch, Question, Revision, StatusChange
from questions.models.release import Erratum, HoldBack, Release, ReleaseItem

__all__ = [
    "Attachment",
    "Call",
    "Category",
    "ComparedText",
    "DuplicatePair",
    "EmbedderReport",
    "Erratum",
    "HoldBack",
    "ImportBatch",
    "Question",
    "Release",
    "ReleaseItem",
    "Revision",
    "StatusChange",
    "Terms",
    "TextVector",
]
