"""THE reaction table: status entered -> what follows. The only file that knows all stages.

Each reaction is idempotent and writes its rows and outbox entries in one transaction with the mark that it ran, so a crash in
between loses nothing: the sweep handles what is unhandled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from kombu.exceptions import OperationalError

from grading import checks
from grading import tasks as grading_tasks
from hle_site.notifications import outbox
from questions import tasks as question_tasks
from questions.duplicates import actions as duplicate_actions
from questions.duplicates import search as duplicate_search
from questions.enums import Status
from questions.models import StatusChange
from questions.workflow import status_changed
from review import rounds

logger = structlog.get_logger(__name__)

Reaction = Callable[[StatusChange], Callable[[], Any] | None]


def open_check(change: StatusChange) -> Callable[[], Any]:
    """Plan the difficulty check and hint a worker at it."""
    check = checks.open_check(question=change.question, revision=change.revision, by=change.by)
    return lambda: grading_tasks.hint(str(check.pk))


def find_duplicates(change: StatusChange) -> Callable[[], Any]:
    """Have the text that is tested now compared with all others."""
    compared = duplicate_search.keep(change.revision)
    return lambda: question_tasks.find_duplicates.delay(compared.pk)


def follow_duplicates(change: StatusChange) -> None:
    """Confirm the pair of a question with its original, or open it again when the question comes back."""
    duplicate_actions.follow(change.question)


def end_check(change: StatusChange) -> None:
    """Stop a check that nobody waits for any more."""
    checks.cancel(question=change.question)


def open_round(change: StatusChange) -> None:
    """Open the next round of review, on the revision that entered review."""
    rounds.open_next(change=change)


def end_rounds(change: StatusChange) -> None:
    """Close what is still open in review."""
    rounds.close_open(question=change.question)


def tell_contributor(change: StatusChange) -> None:
    """Tell the contributor where the question stands and what comes next; never with question text."""
    question = change.question
    outbox.notify(
        recipient=question.contributor,
        kind=f"status_{change.after}",
        key=str(change.pk),
        subject=_("%(handle)s: %(status)s") % {"handle": question.handle, "status": Status(change.after).label},
        body=NEWS[change.after],
        path=reverse("questions:detail", args=[question.pk]),
    )


NEWS = {
    Status.TOO_EASY: gettext_lazy(
        "Models answered it correctly. The page of its test says how it ended, and you can revise the question."
    ),
    Status.ELIGIBLE: gettext_lazy("The models could not answer it. Add the rationale and submit it for review."),
    Status.CHANGES_REQUESTED: gettext_lazy(
        "The reviewers ask for changes. You can read their feedback on the question's page."
    ),
    Status.APPROVED: gettext_lazy("The organisers approved the question. It can become part of the next release."),
    Status.REJECTED: gettext_lazy("The question was declined. The reasons are on its page, and you may appeal once."),
    Status.DUPLICATE: gettext_lazy("The question was closed as a duplicate."),
    Status.RETRACTED: gettext_lazy("The question was retracted. The reason is on its page."),
}

REACTIONS: dict[str, tuple[Reaction, ...]] = {
    Status.DRAFT: (end_check,),
    Status.CHECKING: (open_check, find_duplicates),
    Status.TOO_EASY: (tell_contributor,),
    Status.ELIGIBLE: (tell_contributor,),
    Status.IN_REVIEW: (open_round, follow_duplicates),
    Status.CHANGES_REQUESTED: (end_rounds, tell_contributor),
    Status.AWAITING_DECISION: (),
    Status.APPROVED: (tell_contributor,),
    Status.REJECTED: (end_rounds, tell_contributor),
    Status.DUPLICATE: (end_rounds, tell_contributor, follow_duplicates),
    Status.WITHDRAWN: (end_check, end_rounds),
    Status.RETRACTED: (tell_contributor,),
}


def handle(*change_ids: int) -> None:
    """Run the reactions to status changes, once and all or none; hints to workers leave after the commit."""
    hints = []
    with transaction.atomic(), outbox.together():
        changes = list(
            StatusChange.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("question__contributor", "question__call", "revision", "by")
            .filter(pk__in=change_ids, handled_at=None)
            .order_by("pk")
        )
        for change in changes:
            hints += [hint for reaction in REACTIONS[change.after] if (hint := reaction(change))]
        StatusChange.objects.filter(pk__in=[change.pk for change in changes]).update(handled_at=timezone.now())
    for hint in hints:
        send_hint(hint)


def send_hint(hint: Callable[[], Any]) -> None:
    """Hand a message to the broker; without one the sweep finds the work."""
    try:
        hint()
    except OperationalError as error:
        logger.warning("broker_unreachable", error=type(error).__name__)


def on_status_changed(*, change_ids: Sequence[int], **_kwargs: object) -> None:
    """React at once, in the process that made the changes; a failure is left to the sweep and logged."""
    try:
        handle(*change_ids)
    except DatabaseError as error:
        logger.warning("reaction_failed", changes=list(change_ids), error=type(error).__name__)


def sweep() -> int:
    """Handle the status changes that a crash left unhandled and return how many there were."""
    due = list(StatusChange.objects.filter(handled_at=None).order_by("at").values_list("pk", flat=True)[:200])
    for change_id in due:
        handle(change_id)
    return len(due)


def connect() -> None:
    """Listen to the one signal of the project."""
    status_changed.connect(on_status_changed, dispatch_uid="pipeline")


def figure() -> str:
    """The reaction table as a Markdown table, for the README."""
    rows = [
        f"| `{status}` | {', '.join(f'`{reaction.__name__}`' for reaction in reactions) or 'nothing'} |"
        for status, reactions in REACTIONS.items()
    ]
    return "\n".join(["| status entered | what follows |", "|---|---|", *rows])
