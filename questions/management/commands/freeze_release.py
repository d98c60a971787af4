"""Freeze a release and build its files, as an organiser; another organiser publishes it on the site."""

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.management.base import BaseCommand, CommandError, CommandParser

from hle_site.accounts.models import User
from questions.models import Call, Release
from questions.releases import freeze
from questions.workflow import InvalidTransition, Refused


class Command(BaseCommand):
    """`manage.py freeze_release VERSION --by E-MAIL`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the version and the organiser; a version without a draft is begun here."""
        parser.add_argument("version_number", metavar="VERSION")
        parser.add_argument("--by", required=True, metavar="E-MAIL", help="the organiser who freezes")
        parser.add_argument("--title", default=settings.SITE_NAME)
        parser.add_argument("--call", action="append", metavar="SLUG", help="may be repeated (the default call)")
        parser.add_argument("--accept-duplicates", action="store_true", help="let open pairs of near-duplicates go in")
        parser.add_argument("--demonstration", action="store_true", help="mark it as a demonstration")

    def handle(self, *args: Any, **options: Any) -> None:
        """Freeze and build, or say what stands against it."""
        by = User.objects.filter(email__iexact=options["by"]).first()
        if by is None:
            raise CommandError(f"There is no account {options['by']}.")
        try:
            draft, accepts = _draft(options, by), options["accept_duplicates"]
            release = freeze.build(freeze.freeze(release=draft, by=by, accepts_duplicates=accepts))
        except PermissionDenied:
            raise CommandError(f"{options['by']} may not freeze a release: this takes an organiser.") from None
        except (Refused, InvalidTransition, freeze.BuildFailed) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{release} is frozen and built: {release.manifest['row_count']} public questions.")
        self.stdout.write(f"SHA-256 of its manifest: {release.manifest_sha256}")
        self.stdout.write("An organiser who did not freeze it can publish it now.")


def _draft(options: dict[str, Any], by: User) -> Release:
    release = Release.objects.filter(version=options["version_number"]).first()
    if release:
        return release
    chosen = {"slug__in": options["call"]} if options["call"] else {"is_default": True}
    return freeze.draft(
        version=options["version_number"],
        title=options["title"],
        calls=Call.objects.filter(**chosen),
        is_demonstration=options["demonstration"],
        by=by,
    )
