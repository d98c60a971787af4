"""The files of a release in storage: built from frozen rows, uploaded, read back, opened, deleted."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from hle_site.accounts.enums import Role
from hle_site.accounts.models import User
from hle_site.audit import log
from hle_site.notifications import outbox
from questions.enums import ItemChange, ReleaseStatus, Split
from questions.models import Release
from questions.releases import export
from questions.releases.changelog import Change, InconsistentChangesError
from questions.releases.contents import ReleaseInfo
from questions.releases.rows import DamagedPicture, export_row
from questions.releases.verification import MANIFEST

logger = structlog.get_logger(__name__)

BUILD_LOCK = 0x4255494C  # "BUIL", beside the release's own number
FILE_SPLIT = {Split.PUBLIC: "test", Split.HELD_OUT: "held_out"}
EXPECTED = (
    OSError,
    DamagedPicture,
    InconsistentChangesError,
    export.BadInfoError,
    export.BadRowError,
)


class BuildFailed(Exception):
    """The files could not be built, stored or verified; the message names files and ids, never content."""


def prefix(release: Release, split: str = Split.PUBLIC) -> str:
    """Return where the files of a split lie in storage."""
    return f"releases/{release.version}/{split}"


def build(release: Release) -> Release:
    """Write the files of a frozen release, store them and read them back; the row is marked only after all of it.

    Running it again changes nothing, and a run that was cut off is taken up. Raises BuildFailed, which is also kept
    for the organisers to read.
    """
    with _alone(release) as is_alone:
        release = Release.objects.get(pk=release.pk)
        if not is_alone or release.built_at or release.status != ReleaseStatus.FROZEN:
            return release
        try:
            _build(release)
        except (BuildFailed, *EXPECTED, *_of_bucket()) as error:
            problem = str(error) or type(error).__name__
            Release.objects.filter(pk=release.pk).update(build_failed_at=timezone.now(), build_problem=problem[:2000])
            logger.warning("release_build_failed", release=str(release.pk), error=type(error).__name__)
            raise BuildFailed(problem) from error
    return Release.objects.get(pk=release.pk)


def _of_bucket() -> tuple[type[Exception], ...]:
    # what a bucket that is away raises is no OSError
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # optional extra
    except ImportError:
        return ()
    return BotoCoreError, ClientError


def _build(release: Release) -> None:
    public = _build_split(release, Split.PUBLIC, release.canary)
    held_out = dict(release.held_out)
    if release.items.present().filter(split=Split.HELD_OUT).exists():
        built = _build_split(release, Split.HELD_OUT, held_out["canary"])
        held_out |= {
            "prefix": prefix(release, Split.HELD_OUT),
            "manifest": built.manifest,
            "manifest_sha256": built.manifest_sha256,
        }
    card = _text(f"{prefix(release)}/README.md")
    with transaction.atomic():
        is_frozen_still = Release.objects.filter(pk=release.pk, status=ReleaseStatus.FROZEN, built_at=None).update(
            manifest=public.manifest,
            manifest_sha256=public.manifest_sha256,
            rows_hash=public.manifest["rows_sha256"],
            held_out=held_out,
            prefix=prefix(release),
            card=card,
            built_at=timezone.now(),
            build_failed_at=None,
            build_problem="",
        )
        if is_frozen_still:
            log.record("release.build", by=None, on=release, after=public.manifest_sha256)
            _tell_organisers(release)
    if not is_frozen_still:
        delete_files(release)  # discarded while it was built


def _build_split(release: Release, split: str, canary: str) -> export.Built:
    items = release.items.filter(split=split).select_related("image", "rationale_image").order_by("public_id")
    info = _info(release, split, canary)
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        built = export.build((export_row(item) for item in items.present().iterator(chunk_size=100)), info, folder)
        if damages := export.verify(folder, manifest_sha256=built.manifest_sha256):
            raise BuildFailed("; ".join(f"{damage.file} {damage.problem}" for damage in damages[:10]))
        _upload(folder, prefix(release, split), built)
    return built


def _info(release: Release, split: str, canary: str) -> ReleaseInfo:
    changes = release.items.filter(split=split).exclude(change=ItemChange.SAME).order_by("public_id")
    return ReleaseInfo(
        version=release.version,
        title=release.title,
        licence=release.licence,
        canary=canary,
        created=release.facts["created"],
        is_demonstration=release.is_demonstration,
        split=FILE_SPLIT[Split(split)],
        previous_version=release.facts["previous_version"],
        calls=tuple(release.facts["calls"]),
        changes=tuple(
            Change(item.change, item.public_id, item.change_reason, tuple(item.changed_fields), item.is_tombstone)
            for item in changes
        ),
    )


def _upload(folder: Path, place: str, built: export.Built) -> None:
    # the manifest seals the rest, so it goes last; what lies there without one is the leftover of a run cut off
    is_sealed = default_storage.exists(f"{place}/{MANIFEST}")
    for entry in built.manifest["files"]:  # type: ignore[attr-defined]
        _store(folder / entry["path"], f"{place}/{entry['path']}", entry["sha256"], is_sealed=is_sealed)
    _store(folder / MANIFEST, f"{place}/{MANIFEST}", built.manifest_sha256, is_sealed=is_sealed)


def _store(source: Path, name: str, sha256: str, *, is_sealed: bool) -> None:
    if default_storage.exists(name):
        if stored_sha256(name) == sha256:
            return
        if is_sealed:
            raise BuildFailed(f"{name} is there already with other content, and is not overwritten")
        default_storage.delete(name)
    with source.open("rb") as stream:
        stored_as = default_storage.save(name, File(stream))
    if stored_as != name:
        default_storage.delete(stored_as)
        raise BuildFailed(f"{name} was written by somebody else at the same time")
    if stored_sha256(name) != sha256:
        raise BuildFailed(f"{name} reads back with another SHA-256")


def stored_sha256(name: str) -> str:
    """Return the SHA-256 of a file in storage."""
    digest = hashlib.sha256()
    with default_storage.open(name, "rb") as stream:
        for chunk in stream.chunks():
            digest.update(chunk)
    return digest.hexdigest()


def verify_stored(release: Release) -> list[tuple[str, export.Damage]]:
    """Return split and damage for everything that is wrong with the stored files of a built release."""
    found = _damages(release, Split.PUBLIC, release.manifest, release.manifest_sha256)
    if "manifest" in release.held_out:
        held_out = release.held_out
        found += _damages(release, Split.HELD_OUT, held_out["manifest"], held_out["manifest_sha256"])
    return found


def _damages(release: Release, split: str, manifest: dict[str, Any], sha256: str) -> list[tuple[str, export.Damage]]:
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        for path in [*(entry["path"] for entry in manifest["files"]), MANIFEST]:
            _fetch(f"{prefix(release, split)}/{path}", folder / path)
        return [(split, damage) for damage in export.verify(folder, manifest_sha256=sha256)]


def _fetch(name: str, target: Path) -> None:
    if not default_storage.exists(name):
        return  # the verification says that it is missing
    target.parent.mkdir(parents=True, exist_ok=True)
    with default_storage.open(name, "rb") as source, target.open("wb") as copy:
        for chunk in source.chunks():
            copy.write(chunk)


def entry_of(release: Release, path: str) -> dict[str, Any] | None:
    """Return the line of the public manifest for a path, None for anything else."""
    return next((entry for entry in release.manifest.get("files", []) if entry["path"] == path), None)


def open_file(release: Release, path: str) -> IO[bytes]:
    """Open a public file of a built release."""
    return default_storage.open(f"{release.prefix}/{path}", "rb")


def delete_files(release: Release) -> None:
    """Remove the files of a release that was given up before anybody could download it."""
    for split in Split.values:
        for name in _names(prefix(release, split)):
            default_storage.delete(name)


def _names(place: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(place)
    except FileNotFoundError:
        return
    for folder in folders:
        yield from _names(f"{place}/{folder}")
    yield from (f"{place}/{file}" for file in files)


def _text(name: str) -> str:
    with default_storage.open(name, "rb") as stream:
        return stream.read().decode()


def _tell_organisers(release: Release) -> None:
    organisers = User.objects.filter(is_active=True, grants__role=Role.ORGANISER, grants__revoked_at=None)
    for person in organisers.exclude(pk=release.frozen_by_id):
        outbox.notify(
            recipient=person,
            kind="release_built",
            key=str(release.pk),
            subject=_("Version %s is ready to be published") % release.version,
            body=_("Its files are built and verified. It takes an organiser who did not freeze it to publish it."),
            path=reverse("releases:prepare", args=[release.version]),
        )


@contextmanager
def _alone(release: Release) -> Iterator[bool]:
    """Hold the lock of this release's build, or yield False when another process holds it."""
    number = int.from_bytes(release.pk.bytes[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [BUILD_LOCK, number])
        is_alone = cursor.fetchone()[0]
    try:
        yield is_alone
    finally:
        if is_alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [BUILD_LOCK, number])
