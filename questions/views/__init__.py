"""Pages of questions: the list and the page of one (`reading`), the editor (`writing`), the search (`searching`), steps from status to status (`steps`)."""

from questions.views.reading import detail, history, list_, picture, preview
from questions.views.searching import search
from questions.views.steps import cancel, check, keep, revise, submit, withdraw
from questions.views.writing import autosave, autosave_support, edit, findings, new, support

__all__ = [
    "autosave",
    "autosave_support",
    "cancel",
    "check",
    "detail",
    "edit",
    "findings",
    "history",
    "keep",
    "list_",
    "new",
    "picture",
    "preview",
    "revise",
    "search",
    "submit",
    "support",
    "withdraw",
]
