"""Who reads which part of the audit log: the one place that knows to which question an object belongs."""

from typing import Any

from django.apps import apps
from django.db.models import CharField, Q
from django.db.models.functions import Cast

from hle_site.accounts.enums import Role
from hle_site.audit.querysets import register_closers, register_readers
from questions.enums import Split
from questions.models import Question
from questions.querysets import NOTHING as NO_QUESTION
from questions.querysets import denied, own
from review.enums import OPEN_ASSIGNMENTS

# What belongs to a question, and how, to two where two paths stand: a new kind of object must be named here or in OPEN, or nobody reads its events.
OF_A_QUESTION = {
    "questions.question": "pk",
    "questions.erratum": "item__question",
    "questions.duplicatepair": "first second",
    "grading.difficultycheck": "question",
    "grading.contest": "question",
    "grading.prediction": "revision__question",
    "review.round": "question",
    "review.assignment": "round__question",
    "review.blindsolve": "assignment__round__question",
    "review.review": "assignment__round__question",
    "review.comment": "question",
    "review.decision": "question",
    "review.appeal": "question",
    "review.retraction": "question",
    "review.triage": "question",
}
ACCOUNTS = "accounts."
KEYS = ("grading.provider", "grading.modelspec")
OPEN = (
    *KEYS,
    "grading.panel",
    "grading.policy",
    "questions.call",
    "questions.release",
    "questions.importbatch",
)
NOTHING = Q(sequence__lt=0)


def _readable(user: Any) -> Any:
    """The questions whose events the user reads: never those with a conflict, nor while an own blind answer is due."""
    owes = Q(
        rounds__assignments__reviewer=user,
        rounds__assignments__status__in=OPEN_ASSIGNMENTS,
        rounds__settled_at=None,
    )
    table = Question.objects
    readable = table.all() if user.has_role(Role.AUDITOR) else table.at_work_for(user)
    closed = denied(user) | own(user) if user.pk else NO_QUESTION
    return readable.exclude(pk__in=table.filter(closed).values("pk")).exclude(pk__in=table.filter(owes).values("pk"))


def for_staff(user: Any) -> Q:
    """Auditors and organisers: the site's own events, and those of the questions that are open to them."""
    if not user.has_role(Role.AUDITOR, Role.ORGANISER):
        return NOTHING
    return Q(object_type__startswith=ACCOUNTS) | Q(object_type__in=OPEN) | _of(_readable(user).values("pk"))


def _of(questions: Any) -> Q:
    """The events of everything that belongs to these questions."""
    rule = Q()
    for kind, paths in OF_A_QUESTION.items():
        objects = apps.get_model(kind).objects.filter(**{f"{path}__in": questions for path in paths.split()})
        rule |= Q(object_type=kind, object_id__in=objects.annotate(key=Cast("pk", CharField())).values("key"))
    return rule


def held_out(user: Any) -> Q:
    """Auditors: that something happened to a held-out question is known, why is not."""
    is_reader = user.has_role(Role.AUDITOR)
    return _of(Question.objects.filter(split=Split.HELD_OUT).values("pk")) if is_reader else NOTHING


def for_administrators(user: Any) -> Q:
    """Administrators: accounts, roles, keys; nothing that tells of a question."""
    if not user.has_role(Role.ADMINISTRATOR):
        return NOTHING
    return Q(object_type__startswith=ACCOUNTS) | Q(object_type__in=KEYS)


def register() -> None:
    """Let the log ask these rules."""
    register_readers(for_staff)
    register_readers(for_administrators)
    register_closers(held_out)
