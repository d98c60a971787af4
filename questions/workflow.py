"""What may happen to a question: the transition table, and the one writer of `Question.status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site import lookups
from hle_site.audit import log
from questions import guards
from questions.enums import Action, Status
from questions.models import Question, Revision, StatusChange

status_changed = Signal()  # sent after commit with change_ids=


class InvalidTransition(Exception):
    """The action does not lead anywhere from the question's status, or somebody was faster."""


class Refused(Exception):
    """A guard refuses the action; `sentences` say what is missing."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


class Move(NamedTuple):
    """A question that is to move, the revision that it moves for, and why."""

    question: Question
    revision: Revision
    reason: str = ""


@dataclass(frozen=True)
class Transition:
    """One row of the table. `by` names who acts, in words; the platform acts where `is_automatic`."""

    action: Action
    sources: tuple[Status, ...]
    targets: tuple[Status, ...]
    by: str
    is_automatic: bool = False
    is_personal: bool = True

    @property
    def permission(self) -> str:
        """The name under which the permission table is asked."""
        return f"questions.{self.action.value}_question"


S = Status
TRANSITIONS: dict[str, Transition] = {
    row.action: row
    for row in (
        Transition(Action.START_CHECK, (S.DRAFT,), (S.CHECKING,), "contributor"),
        Transition(Action.CANCEL_CHECK, (S.CHECKING,), (S.DRAFT,), "contributor"),
        Transition(Action.PASS_CHECK, (S.CHECKING,), (S.ELIGIBLE,), "platform", is_automatic=True, is_personal=False),
        Transition(Action.FAIL_CHECK, (S.CHECKING,), (S.TOO_EASY,), "platform", is_automatic=True, is_personal=False),
        Transition(Action.REVISE, (S.TOO_EASY, S.ELIGIBLE, S.CHANGES_REQUESTED), (S.DRAFT,), "contributor"),
        Transition(Action.KEEP_CHECK, (S.DRAFT,), (S.ELIGIBLE, S.IN_REVIEW), "contributor", is_automatic=True),
        Transition(Action.SUBMIT_FOR_REVIEW, (S.ELIGIBLE,), (S.IN_REVIEW,), "contributor"),
        Transition(
            Action.REQUEST_CHANGES,
            (S.IN_REVIEW, S.AWAITING_DECISION),
            (S.CHANGES_REQUESTED,),
            "settled round, senior reviewer, organiser",
            is_automatic=True,
        ),
        Transition(Action.RECOMMEND, (S.IN_REVIEW,), (S.AWAITING_DECISION,), "settled last round", is_automatic=True),
        Transition(Action.APPROVE, (S.AWAITING_DECISION,), (S.APPROVED,), "organiser who did not recommend"),
        Transition(Action.REJECT, (S.AWAITING_DECISION,), (S.REJECTED,), "organiser who did not recommend"),
        Transition(Action.DESK_REJECT, (S.ELIGIBLE, S.IN_REVIEW), (S.REJECTED,), "senior reviewer, organiser"),
        Transition(Action.MARK_DUPLICATE, (S.ELIGIBLE, S.IN_REVIEW), (S.DUPLICATE,), "senior reviewer, organiser"),
        Transition(Action.OVERRIDE_CHECK, (S.TOO_EASY,), (S.ELIGIBLE,), "senior reviewer, organiser"),
        Transition(
            Action.REOPEN, (S.APPROVED, S.REJECTED, S.DUPLICATE), (S.IN_REVIEW,), "organiser, upheld appeal, erratum"
        ),
        Transition(
            Action.WITHDRAW,
            (S.DRAFT, S.CHECKING, S.TOO_EASY, S.ELIGIBLE, S.IN_REVIEW, S.CHANGES_REQUESTED, S.AWAITING_DECISION),
            (S.WITHDRAWN,),
            "contributor",
        ),
        Transition(Action.RETRACT, (S.APPROVED,), (S.RETRACTED,), "two organisers"),
    )
}
del S


def available_actions(question: Question, user: Any) -> list[Action]:
    """Return the actions that lead somewhere from here and that the user has the permission for."""
    with lookups.shared():
        return [
            row.action
            for row in TRANSITIONS.values()
            if row.is_personal and question.status in row.sources and user.has_perm(row.permission, question)
        ]


def advance(
    question: Question,
    action: str,
    *,
    by: Any,
    to: str = "",
    reason: str = "",
    reason_code: str = "",
    revision: Revision | None = None,
    **changes: Any,
) -> StatusChange:
    """Move the question by one row of the table and write the audit event and the StatusChange in the same transaction.

    `by` is a user, or None for the platform. `to` chooses where a row has several targets. `changes` are further columns of the
    question that change with its status. Raises InvalidTransition when the row does not fit or somebody was faster,
    PermissionDenied when the table of permissions refuses, Refused when a guard does.
    """
    row = TRANSITIONS[action]
    before = question.status
    target = to or row.targets[0]
    if before not in row.sources or target not in row.targets:
        raise InvalidTransition(
            _("“%(action)s” is not possible while the question is “%(status)s”.")
            % {"action": row.action.label, "status": question.get_status_display()}
        )
    _ask(row, question, by)
    now = timezone.now()
    with transaction.atomic():
        moved = Question.objects.filter(pk=question.pk, status=before).update(
            status=target, status_changed_at=now, **changes
        )
        if moved != 1:
            raise InvalidTransition(
                _("Somebody else was faster: the question has changed in the meantime. Nothing was done.")
            )
        change = StatusChange.objects.create(
            question=question,
            revision=revision or question.newest,
            action=action,
            before=before,
            after=target,
            by=by,
            at=now,
            reason=reason,
            reason_code=reason_code,
        )
        log.record(f"question.{action}", by=by, on=question, before=before, after=target, reason=reason)
        transaction.on_commit(lambda: status_changed.send(sender=Question, change_ids=[change.pk]))
    question.status, question.status_changed_at = target, now
    for name, value in changes.items():
        setattr(question, name, value)
    return change


def advance_all(moves: Sequence[Move], action: str) -> list[StatusChange]:
    """Move questions by one row of the table at once, by the platform, and return the changes.

    What is written is the same as by `advance` for each; a question that is elsewhere by now is left out.
    """
    row = TRANSITIONS[action]
    target, now = row.targets[0], timezone.now()
    for move in moves:
        _ask(row, move.question, None)
    with transaction.atomic():
        found = Question.objects.select_for_update().filter(pk__in=[move.question.pk for move in moves])
        before = dict(found.filter(status__in=row.sources).order_by("pk").values_list("pk", "status"))
        moves = [move for move in moves if move.question.pk in before]
        if not moves:
            return []
        Question.objects.filter(pk__in=before).update(status=target, status_changed_at=now)
        changes = StatusChange.objects.bulk_create(
            [
                StatusChange(
                    question=move.question,
                    revision=move.revision,
                    action=action,
                    before=before[move.question.pk],
                    after=target,
                    at=now,
                    reason=move.reason,
                )
                for move in moves
            ]
        )
        log.record_all(
            [
                log.Act(f"question.{action}", move.question, before[move.question.pk], target, move.reason)
                for move in moves
            ],
            by=None,
        )
        transaction.on_commit(
            lambda: status_changed.send(sender=Question, change_ids=[change.pk for change in changes])
        )
    return changes


def _ask(row: Transition, question: Question, by: Any) -> None:
    if by is None:
        if not row.is_automatic:
            raise PermissionDenied(f"the platform may not {row.action}")
    elif not row.is_personal or not by.has_perm(row.permission, question):
        raise PermissionDenied(f"{row.action} is not allowed for this account")
    sentences = guards.refusals(row.action, question, by)
    if sentences:
        raise Refused(sentences)


def figure() -> str:
    """The table as a Mermaid state diagram, for the README."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for row in TRANSITIONS.values():
        for source in row.sources:
            for target in row.targets:
                arrows.setdefault((source, target), []).append(row.action)
    lines = [f"    {source} --> {target}: {' / '.join(actions)}" for (source, target), actions in arrows.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Status.DRAFT}", *lines])
