"""What people say of a pair: not a duplicate, or take that back. A pair is confirmed by closing one question as a duplicate."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.audit import log
from questions.enums import PairState
from questions.models import DuplicatePair, Question
from questions.workflow import InvalidTransition, Refused

PERMISSION = "questions.judge_duplicates"


@transaction.atomic
def dismiss(*, pair: DuplicatePair, by: Any, reason: str) -> DuplicatePair:
    """Say of an open pair that it is no duplicate; it comes back only when another text of either question is found near."""
    pair = _locked(pair, by, PairState.OPEN)
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged and shown to the other organisers.")])
    pair.state, pair.reason = PairState.DISMISSED, reason.strip()[:300]
    pair.decided_at, pair.decided_by = timezone.now(), by
    pair.save(update_fields=["state", "reason", "decided_at", "decided_by"])
    log.record("pair.dismiss", by=by, on=pair, before=PairState.OPEN, after=PairState.DISMISSED, reason=pair.reason)
    return pair


@transaction.atomic
def undo(*, pair: DuplicatePair, by: Any) -> DuplicatePair:
    """Take back a dismissal: the pair is open again."""
    pair = _locked(pair, by, PairState.DISMISSED)
    _open(pair)
    log.record("pair.undo", by=by, on=pair, before=PairState.DISMISSED, after=PairState.OPEN)
    return pair


def follow(question: Question) -> None:
    """Bring the pairs of a question in line with its status: that with its original is confirmed while it is closed as one."""
    of_question = DuplicatePair.objects.filter(Q(first=question) | Q(second=question))
    with_original = Q(first=question.original_id) | Q(second=question.original_id)
    is_closed = question.status == "duplicate"
    for pair in of_question.filter(with_original).exclude(state=PairState.CONFIRMED) if is_closed else ():
        pair.state, pair.reason, pair.decided_at, pair.decided_by = PairState.CONFIRMED, "", timezone.now(), None
        pair.save(update_fields=["state", "reason", "decided_at", "decided_by"])
    for pair in () if is_closed else of_question.filter(state=PairState.CONFIRMED):
        _open(pair)


def _open(pair: DuplicatePair) -> None:
    pair.state, pair.reason, pair.decided_at, pair.decided_by = PairState.OPEN, "", None, None
    pair.save(update_fields=["state", "reason", "decided_at", "decided_by"])


def _locked(pair: DuplicatePair, by: Any, state: str) -> DuplicatePair:
    found = DuplicatePair.objects.select_for_update(of=("self",)).select_related("first", "second").get(pk=pair.pk)
    if not all(by.has_perm(PERMISSION, question) for question in (found.first, found.second)):
        raise PermissionDenied(PERMISSION)
    if found.state != state:
        raise InvalidTransition(_("Somebody else was faster: the pair has changed in the meantime. Nothing was done."))
    return found
