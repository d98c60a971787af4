"""The life of a release: drafted, frozen by one organiser, published by another, perhaps discarded or yanked.

Which questions go in is `selection`, the files are `files`.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from kombu.exceptions import OperationalError

from hle_site.audit import log
from hle_site.notifications import outbox
from questions.duplicates import search as duplicates
from questions.enums import ErratumStatus, ItemChange, ReleaseStatus, Split, Status
from questions.models import Call, Erratum, HoldBack, Question, Release, ReleaseItem, StatusChange
from questions.querysets import PUBLISHED
from questions.releases import changelog, rows, selection
from questions.releases.changelog import Change
from questions.releases.export import field_hashes
from questions.releases.files import BuildFailed, build, delete_files
from questions.releases.selection import Candidate, Choice, candidates, preview_changes
from questions.workflow import InvalidTransition, Refused

__all__ = ["BuildFailed", "build", "candidates", "discard", "draft", "freeze", "preview_changes", "publish", "yank"]

PERMISSION = "questions.manage_release"
FREEZE_LOCK = 0x46524545  # "FREE": one freeze at a time, so that no label is drawn twice
VERSION = re.compile(r"[0-9]+\.[0-9]+(\.[0-9]+)?(-[a-z0-9]+)?")


@transaction.atomic
def draft(
    *,
    version: str,
    title: str,
    calls: Iterable[Call],
    by: Any,
    is_demonstration: bool = False,
    notes: str = "",
) -> Release:
    """Begin a release of the approved questions of some calls."""
    _require(by)
    calls = list(calls)
    refused = [] if calls else [_("Choose at least one call.")]
    if not VERSION.fullmatch(version) or len(version) > 20:
        refused.append(_("The version must look like 1.0.0 or 1.1.0-pilot."))
    elif Release.objects.filter(version=version).exists():
        refused.append(_("The version %s exists already. A number is used once.") % version)
    if refused:
        raise Refused(refused)
    licence = max(calls, key=lambda call: call.opens_at).data_licence
    release = Release.objects.create(
        version=version,
        title=title,
        notes=notes,
        is_demonstration=is_demonstration,
        licence_version=licence.version,
        created_by=by,
    )
    release.calls.set(calls)
    log.record("release.draft", by=by, on=release, after=ReleaseStatus.DRAFT)
    return release


@transaction.atomic
def hold_back(*, release: Release, question: Question, reason: str, by: Any) -> None:
    """Keep a question out of a release that is not frozen yet."""
    _require(by)
    _require_draft(release)
    if not reason.strip():
        raise Refused([_("Give a reason: it is logged and shown to the other organisers.")])
    HoldBack.objects.update_or_create(
        release=release, question=question, defaults={"reason": reason.strip(), "held_by": by}
    )
    log.record("release.hold_back", by=by, on=question, after=release.version, reason=reason)


@transaction.atomic
def take_in(*, release: Release, question: Question, by: Any) -> None:
    """Let a question that was held back go into the release again."""
    _require(by)
    _require_draft(release)
    if HoldBack.objects.filter(release=release, question=question).delete()[0]:
        log.record("release.take_in", by=by, on=question, after=release.version)


def objections(release: Release, choice: Choice) -> list[str]:
    """Return what stands against freezing a draft now, in sentences; empty when nothing does."""
    found = []
    if not choice.included:
        found.append(_("No approved question can go in. The list says what keeps each one out."))
    if choice.simulated and not release.is_demonstration:
        count = len(choice.simulated)
        text = ngettext(
            "%(count)d question was tested by simulated models only, so it can be released only in a release marked as a demonstration.",
            "%(count)d questions were tested by simulated models only, so they can be released only in a release marked as a demonstration.",
            count,
        )
        found.append(text % {"count": count})
    frozen = Release.objects.filter(status=ReleaseStatus.FROZEN).exclude(pk=release.pk).first()
    if frozen:
        found.append(_("Version %s is frozen and waits: publish or discard it first.") % frozen.version)
    return found


def freeze(*, release: Release, by: Any, accepts_duplicates: bool = False) -> Release:
    """Store everything that the files of the release will be made of, and start the build.

    Open pairs of near-duplicates among its questions go in only when `by` accepts them, which is logged. Raises Refused with
    what stands against it, InvalidTransition when the release is no draft any more.
    """
    _require(by)
    duplicates.finish(selection.approved(release))  # before the transaction, so that a refusal keeps what it finds
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FREEZE_LOCK])
        release = Release.objects.select_for_update().get(pk=release.pk)
        _require_draft(release)
        choice = candidates(release, lock=True)
        if found := objections(release, choice):
            raise Refused(found)
        _require_distinct(release, choice, by=by, accepts_duplicates=accepts_duplicates)
        _store_items(release, choice.included)
        _seal(release, by=by)
        transaction.on_commit(lambda: _hint(release))
    return release


def _require_distinct(release: Release, choice: Choice, *, by: Any, accepts_duplicates: bool) -> None:
    count = duplicates.open_among(candidate.question.pk for candidate in choice.included).count()
    if count and not accepts_duplicates:
        text = ngettext(
            "%(count)d open pair of near-duplicates would go in. Look at it first, or accept it when you freeze.",
            "%(count)d open pairs of near-duplicates would go in. Look at them first, or accept them when you freeze.",
            count,
        )
        raise Refused([text % {"count": count}])
    if count:
        log.record("release.accept_duplicates", by=by, on=release, after=str(count))


def _store_items(release: Release, chosen: list[Candidate]) -> None:
    earlier = selection.earlier_labels()
    labels = selection.split_labels(chosen, earlier=earlier)
    release.previous = selection.previous_of(release)
    items = [_item(release, candidate, labels[candidate.question.pk]) for candidate in chosen]
    for item in items:
        item.is_label_new = item.question_id not in earlier
    for split in Split.values:
        _store_changes(release, [item for item in items if item.split == split], split)
    for split in Split.values:
        fresh = [item.question_id for item in items if item.split == split and item.is_label_new]
        Question.objects.filter(pk__in=fresh).update(split=split)


def _item(release: Release, candidate: Candidate, split: str) -> ReleaseItem:
    revision, public_id = candidate.revision, selection.public_id(candidate.question.pk)
    item = ReleaseItem(
        release=release,
        question=candidate.question,
        revision=revision,
        public_id=public_id,
        split=split,
        row=rows.frozen_row(candidate, public_id=public_id),
        image=revision.image,
        rationale_image=revision.rationale_image,
        evidence=dict(candidate.evidence),
    )
    item.field_hashes = field_hashes(rows.export_row(item))
    item.row_hash = changelog.row_hash(item.field_hashes)
    return item


def _store_changes(release: Release, items: list[ReleaseItem], split: str) -> None:
    """Give each item of a split its change verb, add rows for what was removed, and write all of them."""
    before = {item.public_id: item for item in _items_before(release, split)}
    by_id = {item.public_id: item for item in items}
    retracted = _retracted(before.values())
    changes = changelog.diff(
        {key: item.field_hashes for key, item in before.items()},
        {key: item.field_hashes for key, item in by_id.items()},
        formerly=selection.ever_released(release),
        reasons=_public_reasons(by_id.values()),
        retracted=retracted,
    )
    for item in items:
        item.change = ItemChange.SAME
    for change in changes:
        if change.verb == ItemChange.REMOVE:
            by_id[change.id] = _removed(release, before[change.id])
        _apply(change, by_id[change.id])
    ReleaseItem.objects.bulk_create(by_id.values(), batch_size=500)


def _items_before(release: Release, split: str) -> list[ReleaseItem]:
    if release.previous is None:
        return []
    return list(release.previous.items.present().filter(split=split).select_related("question"))


def _apply(change: Change, item: ReleaseItem) -> None:
    item.change, item.change_reason = change.verb, change.reason[:300]
    item.changed_fields, item.is_tombstone = list(change.fields), change.is_tombstone


def _removed(release: Release, before: ReleaseItem) -> ReleaseItem:
    return ReleaseItem(
        release=release,
        question=before.question,
        revision_id=before.revision_id,
        public_id=before.public_id,
        split=before.split,
    )


def _retracted(before: Iterable[ReleaseItem]) -> dict[str, str]:
    """Return public id -> reason of the retracted ones; a retraction is the one change whose reason is public."""
    gone = {item.question_id: item.public_id for item in before if item.question.status == Status.RETRACTED}
    changes = StatusChange.objects.filter(question__in=gone, after=Status.RETRACTED).order_by("at")
    return {gone[question]: reason for question, reason in changes.values_list("question_id", "reason")}


CORRECTED = "Corrected after a report of an error"


def _public_reasons(items: Iterable[ReleaseItem]) -> dict[str, str]:
    """Return public id -> sentence for questions that a confirmed report speaks of."""
    public_ids = {item.question_id: item.public_id for item in items}
    reported = Erratum.objects.filter(item__question__in=public_ids, status=ErratumStatus.CONFIRMED)
    return {public_ids[question]: CORRECTED for question in reported.values_list("item__question", flat=True)}


def _seal(release: Release, *, by: Any) -> None:
    now, before = timezone.now(), release.previous
    release.canary = before.canary if before else _canary()
    release.held_out = {"canary": before.held_out["canary"] if before else _canary()}
    release.facts = {
        "created": now.date().isoformat(),
        "calls": sorted(release.calls.values_list("title", flat=True)),
        "previous_version": before.version if before else "",
    }
    release.status, release.frozen_at, release.frozen_by = ReleaseStatus.FROZEN, now, by
    release.save(
        update_fields=["previous", "canary", "held_out", "facts", "status", "frozen_at", "frozen_by"],
    )
    log.record("release.freeze", by=by, on=release, before=ReleaseStatus.DRAFT, after=ReleaseStatus.FROZEN)


def _canary() -> str:
    # a marker of this benchmark alone, the same in all of its releases
    return f"{slugify(settings.SITE_NAME)[:30] or 'exam'}:{secrets.token_hex(2)}:{uuid.uuid4()}"


def _hint(release: Release) -> None:
    from questions.tasks import build_release  # tasks import this module

    try:
        build_release.delay(str(release.pk))
    except OperationalError:
        return  # the sweep finds it


@transaction.atomic
def publish(*, release: Release, by: Any) -> Release:
    """Publish a frozen and built release, as another organiser than the one who froze it; the one before steps back."""
    _require(by)
    release = Release.objects.select_for_update().get(pk=release.pk)
    _require_status(release, ReleaseStatus.FROZEN)
    if release.frozen_by_id == by.pk:
        raise Refused([_("You froze this release yourself. Another organiser has to publish it.")])
    if release.built_at is None:
        raise Refused([_("The files are not built and verified yet. Please wait until they are.")])
    siblings = Release.objects.filter(status=ReleaseStatus.PUBLISHED, is_demonstration=release.is_demonstration)
    for older in siblings:
        _move(older, ReleaseStatus.SUPERSEDED, "release.supersede", by=by)
    _move(release, ReleaseStatus.PUBLISHED, "release.publish", by=by, published_at=timezone.now(), published_by=by)
    _settle_errata(release, by=by)
    _tell_contributors(release)
    return release


def _settle_errata(release: Release, *, by: Any) -> None:
    changed = release.items.filter(change__in=[ItemChange.UPDATE, ItemChange.REMOVE]).values("question")
    for erratum in Erratum.objects.filter(item__question__in=changed, status=ErratumStatus.CONFIRMED):
        erratum.status, erratum.resolved_in = ErratumStatus.RESOLVED, release
        erratum.save(update_fields=["status", "resolved_in"])
        log.record("erratum.resolve", by=by, on=erratum, before=ErratumStatus.CONFIRMED, after=ErratumStatus.RESOLVED)


def _tell_contributors(release: Release) -> None:
    added = release.items.in_public().filter(change__in=[ItemChange.ADD, ItemChange.READD], question__batch=None)
    people = {item.question.contributor for item in added.select_related("question__contributor")}
    for person in people:
        outbox.notify(
            recipient=person,
            kind="released",
            key=str(release.pk),
            subject=_("Version %s is published, with questions of yours") % release.version,
            body=_("Thank you. The release's page shows how to load it and how to report an error."),
            path=reverse("releases:detail", args=[release.version]),
        )


@transaction.atomic
def discard(*, release: Release, by: Any, reason: str = "") -> Release:
    """Give up a release that was never published; labels that its freeze made are taken back, its number stays used."""
    _require(by)
    release = Release.objects.select_for_update().get(pk=release.pk)
    _require_status(release, ReleaseStatus.DRAFT, ReleaseStatus.FROZEN)
    fresh = release.items.filter(is_label_new=True).values("question")
    _move(release, ReleaseStatus.DISCARDED, "release.discard", by=by, reason=reason)
    Question.objects.filter(pk__in=fresh).update(split="")
    transaction.on_commit(lambda: delete_files(release))
    return release


@transaction.atomic
def yank(*, release: Release, by: Any, reason: str) -> Release:
    """Stop the download of a published release. Its page, manifest and the public reason stay."""
    _require(by)
    if not reason.strip():
        raise Refused([_("Give a reason: it is shown on the page of the release.")])
    release = Release.objects.select_for_update().get(pk=release.pk)
    _require_status(release, *PUBLISHED)
    _move(
        release,
        ReleaseStatus.YANKED,
        "release.yank",
        by=by,
        reason=reason,
        yanked_at=timezone.now(),
        yank_reason=reason.strip(),
    )
    return release


def _move(release: Release, status: str, action: str, *, by: Any, reason: str = "", **columns: Any) -> None:
    before = release.status
    moved = Release.objects.filter(pk=release.pk, status=before).update(status=status, **columns)
    if moved != 1:
        raise InvalidTransition(_("Somebody else was faster: the release has changed in the meantime."))
    release.status = status
    for name, value in columns.items():
        setattr(release, name, value)
    log.record(action, by=by, on=release, before=before, after=status, reason=reason)


def _require(by: Any) -> None:
    if not by.has_perm(PERMISSION):
        raise PermissionDenied(PERMISSION)


def _require_draft(release: Release) -> None:
    _require_status(release, ReleaseStatus.DRAFT)


def _require_status(release: Release, *allowed: str) -> None:
    if release.status not in allowed:
        raise InvalidTransition(
            _("This is not possible while the release is “%s”.") % ReleaseStatus(release.status).label
        )
