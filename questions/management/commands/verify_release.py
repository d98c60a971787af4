"""Read the files of a release back and say what is damaged: those of a version in storage, or those of a folder."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from questions.models import Release
from questions.releases import export, files


class Command(BaseCommand):
    """`manage.py verify_release VERSION | FOLDER`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name a version or a folder."""
        parser.add_argument("what", metavar="VERSION|FOLDER")
        parser.add_argument("--manifest-sha256", help="for a folder: the checksum that its manifest must have")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each damage and fail, or say that there is none."""
        folder = Path(options["what"])
        if folder.is_dir():
            found = [("", damage) for damage in export.verify(folder, manifest_sha256=options["manifest_sha256"])]
        else:
            found = files.verify_stored(_release(options["what"]))
        for split, damage in found:
            self.stdout.write(f"{split} {damage.file}: {damage.problem}".strip())
        if found:
            raise CommandError(f"{len(found)} things are wrong with {options['what']}.")
        self.stdout.write(f"{options['what']} is undamaged.")


def _release(version: str) -> Release:
    release = Release.objects.filter(version=version).first()
    if release is None or not release.built_at:
        raise CommandError(f"There is no built release {version}, and no such folder.")
    return release
