"""Reports that something in a released question is wrong, and what organisers make of them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions.enums import ErratumStatus, ReleaseStatus
from questions.models import Erratum, Question, Release, ReleaseItem
from questions.querysets import denied
from questions.workflow import InvalidTransition, Refused

S = ErratumStatus
NEXT: dict[str, tuple[ErratumStatus, ...]] = {
    S.REPORTED: (S.ACKNOWLEDGED, S.NEEDS_INFO, S.CONFIRMED, S.NOT_AN_ERROR, S.DUPLICATE),
    S.ACKNOWLEDGED: (S.NEEDS_INFO, S.CONFIRMED, S.NOT_AN_ERROR, S.DUPLICATE),
    S.NEEDS_INFO: (S.ACKNOWLEDGED, S.CONFIRMED, S.NOT_AN_ERROR, S.DUPLICATE),
    S.CONFIRMED: (S.RESOLVED, S.NOT_AN_ERROR),
    S.NOT_AN_ERROR: (S.ACKNOWLEDGED,),
    S.DUPLICATE: (S.ACKNOWLEDGED,),
    S.RESOLVED: (),
}
NEEDS_WORDS = (S.NEEDS_INFO, S.CONFIRMED, S.NOT_AN_ERROR, S.DUPLICATE)
OPEN = (S.REPORTED, S.ACKNOWLEDGED, S.NEEDS_INFO, S.CONFIRMED)
PUBLIC = (S.CONFIRMED, S.RESOLVED)
del S


@transaction.atomic
def report(*, item: ReleaseItem, text: str, by: Any) -> Erratum:
    """File a report against a question of a release and tell the organisers, without its text."""
    if not by.has_perm("questions.report_erratum"):
        raise PermissionDenied("questions.report_erratum")
    if len(text.strip()) < 20:
        raise Refused([_("Say in a sentence or two what is wrong and how you know, so that it can be checked.")])
    erratum = Erratum.objects.create(item=item, text=text.strip(), reported_by=by)
    log.record("erratum.report", by=by, on=erratum, after=ErratumStatus.REPORTED)
    for person in User.objects.filter(is_active=True, grants__role=Role.ORGANISER, grants__revoked_at=None):
        outbox.notify(
            recipient=person,
            kind="erratum_reported",
            key=str(erratum.pk),
            subject=_("An error is reported in version %s") % item.release.version,
            body=_("Somebody reports that a released question is wrong. The report is on the errata page."),
            path=reverse("releases:errata"),
        )
    return erratum


@transaction.atomic
def answer(*, erratum: Erratum, status: str, resolution: str, by: Any) -> Erratum:
    """Move a report on, with words for the person who filed it. Not open to an organiser with a conflict."""
    if not by.has_perm("questions.manage_release"):
        raise PermissionDenied("questions.manage_release")
    erratum = Erratum.objects.select_for_update(of=("self",)).select_related("item__release").get(pk=erratum.pk)
    _check(erratum, status, resolution, by)
    before, erratum.status = erratum.status, status
    erratum.resolution = resolution.strip() or erratum.resolution
    if status == ErratumStatus.RESOLVED:
        erratum.resolved_in = _current(erratum)
    erratum.save(update_fields=["status", "resolution", "resolved_in"])
    log.record("erratum.answer", by=by, on=erratum, before=before, after=status, reason=resolution)
    outbox.notify(
        recipient=erratum.reported_by,
        kind="erratum_answered",
        key=f"{erratum.pk}:{status}",
        subject=_("Your report on version %(version)s: %(status)s")
        % {"version": erratum.item.release.version, "status": ErratumStatus(status).label},
        body=_("The answer is on the page of the question."),
        path=reverse("releases:item", args=[erratum.item.release.version, erratum.item.public_id]),
    )
    return erratum


def _check(erratum: Erratum, status: str, resolution: str, by: Any) -> None:
    if status not in NEXT[erratum.status]:
        raise InvalidTransition(
            _("A report that is “%(before)s” cannot become “%(after)s”.")
            % {"before": erratum.get_status_display(), "after": ErratumStatus(status).label}
        )
    if Question.objects.filter(denied(by), pk=erratum.item.question_id).exists():
        raise Refused([_("You have a conflict of interest with this question. Another organiser has to answer.")])
    if status in NEEDS_WORDS and not resolution.strip():
        raise Refused([_("Give an answer in words: the person who reported it reads it.")])


def _current(erratum: Erratum) -> Release | None:
    kind = erratum.item.release.is_demonstration
    return Release.objects.filter(status=ReleaseStatus.PUBLISHED, is_demonstration=kind).first()


def visible(item: ReleaseItem, *, user: Any) -> QuerySet[Erratum]:
    """Return the reports on the question of an item that the user may read: confirmed ones and the own."""
    of_question = Erratum.objects.filter(item__question=item.question_id).select_related("resolved_in", "item__release")
    return of_question.filter(status__in=PUBLIC) | of_question.filter(reported_by=user)


def desk(user: Any) -> QuerySet[Erratum]:
    """Return the reports with what a row shows, newest first: all but those on questions with which the reader has a conflict."""
    closed = Question.objects.filter(denied(user)).values("pk")
    rows = Erratum.objects.exclude(item__question__in=closed)
    return rows.select_related("item__release", "reported_by", "resolved_in").order_by("-reported_at")
