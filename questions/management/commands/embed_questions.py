"""Make the vectors that the search by meaning needs, for all texts that lack one of the present encoder."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from questions.duplicates import embedders, search, vectors
from questions.duplicates.embedders import Embedder, Unusable
from questions.models import TextVector

SAMPLE = ("A short text.", "Ein kurzer Text.")
LANGUAGES = ("en", "de")


class Command(BaseCommand):
    """`manage.py embed_questions [--all] [--model-check] [--prune]`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name what may be done beside the missing vectors."""
        parser.add_argument("--all", action="store_true", help="make the vectors of this encoder again from the start")
        parser.add_argument("--model-check", action="store_true", help="load the encoder, try it on two texts, stop")
        parser.add_argument("--prune", action="store_true", help="delete the vectors of other encoders at the end")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work through what is due; a run that was cut short is taken up by the next one without --all."""
        embedder = _load()
        if options["model_check"]:
            self._check(embedder)
            return
        while search.keep_missing():
            continue
        if options["all"]:
            TextVector.objects.filter(model=embedder.name).delete()
        self._total = vectors.due(embedder.name, embedder.languages).count()
        self.stdout.write(f"{embedder.name}: {self._total} texts are due.")
        self._began = time.monotonic()
        outcome = vectors.embed_due(self._tell)
        if options["prune"]:
            self.stdout.write(f"Deleted {vectors.prune(embedder.name)} vectors of other encoders.")
        if outcome.problem:
            raise CommandError(f"{outcome.failed} texts have no vector and stay due. {outcome.problem}")
        self.stdout.write(f"Done: {outcome.embedded} vectors in {time.monotonic() - self._began:.1f} s.")

    def _tell(self, done: int) -> None:
        rate = done / max(time.monotonic() - self._began, 1e-6)
        rest_s = (self._total - done) / rate if rate else 0
        self.stdout.write(f"{done} of {self._total}, {rate:.0f} texts/s, about {rest_s:.0f} s left")

    def _check(self, embedder: Embedder) -> None:
        began = time.monotonic()
        try:
            vectors.checked(embedder.embed(SAMPLE, LANGUAGES), len(SAMPLE), embedder.dimensions)
        except Exception as error:
            raise CommandError(f"{embedder.name} was loaded and does not work: {error}") from error
        spoken = "any" if embedder.languages is None else ", ".join(sorted(embedder.languages))
        seconds = time.monotonic() - began
        self.stdout.write(f"{embedder.name} works: {embedder.dimensions} numbers, languages {spoken}, {seconds:.2f} s.")


def _load() -> Embedder:
    try:
        embedder = embedders.load()
    except Unusable as error:
        raise CommandError(str(error)) from None
    if embedder is None:
        raise CommandError("DUPLICATE_EMBEDDER names no encoder, so there is nothing to embed with.")
    return embedder
