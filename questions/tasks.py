"""Tasks of the first stage: building the files of a frozen release."""

from datetime import timedelta

from celery import shared_task
from django.db.models import Q
from django.utils import timezone

from questions.enums import ReleaseStatus
from questions.models import Release
from questions.releases.files import BuildFailed, build

RETRY_AFTER = timedelta(minutes=5)


@shared_task
def build_release(release_id: str) -> None:
    """Build the files of one release; a failure is kept with the release for the organisers to read."""
    release = Release.objects.filter(pk=release_id).first()
    if release is None:
        return
    try:
        build(release)
    except BuildFailed:
        return  # logged and stored where it was raised


@shared_task
def sweep() -> None:
    """Build what a crash left unbuilt, and what failed a while ago."""
    due = Q(build_failed_at=None) | Q(build_failed_at__lt=timezone.now() - RETRY_AFTER)
    for release_id in Release.objects.filter(due, status=ReleaseStatus.FROZEN, built_at=None).values_list("pk"):
        build_release(str(release_id[0]))
