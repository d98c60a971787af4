"""Tasks of the first stage: building the files of a frozen release, finding near-duplicates."""

from datetime import timedelta

from celery import shared_task
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from questions.duplicates import search, vectors
from questions.enums import ReleaseStatus
from questions.models import ComparedText, Release
from questions.releases.files import BuildFailed, build

RETRY_AFTER = timedelta(minutes=5)
EMBED_HINT = "embed_hint"
EMBED_HINT_S = 600  # until a message to a queue that nobody reads is sent again


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
    """Build what a crash left unbuilt, and what failed a while ago; search for texts that nobody searched for."""
    due = Q(build_failed_at=None) | Q(build_failed_at__lt=timezone.now() - RETRY_AFTER)
    for release_id in Release.objects.filter(due, status=ReleaseStatus.FROZEN, built_at=None).values_list("pk"):
        build_release(str(release_id[0]))
    search.keep_missing()
    search.search_due()
    hint_embedding()


@shared_task
def find_duplicates(text_id: int) -> None:
    """Search for the texts that are near to one text; a second time finds nothing to do."""
    search.search_due(ComparedText.objects.filter(pk=text_id))
    hint_embedding()


@shared_task
def embed_texts() -> None:
    """Make and search the vectors that are missing. Runs where the encoder's library is, on a queue of its own."""
    cache.delete(EMBED_HINT)
    vectors.embed_due()


def hint_embedding() -> None:
    """Leave one message for the worker with the encoder when something is due; the sweep leaves it again."""
    if not vectors.is_anything_due() or not cache.add(EMBED_HINT, 1, EMBED_HINT_S):
        return
    try:
        embed_texts.delay()
    except OperationalError:
        cache.delete(EMBED_HINT)
