"""Load providers, models and a panel from a TOML file and attach the panel to a call."""

import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from grading import panels
from hle_site.accounts.models import User
from questions.models import Call


class Command(BaseCommand):
    """`manage.py load_panel FILE --by E-MAIL [--call SLUG]`"""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file, who takes the responsibility, and the call."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", required=True, help="e-mail of an organiser; recorded with the no-training terms")
        parser.add_argument(
            "--call", help="slug of the call that uses the panel from now on; the default call if left out"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the file, or say in one sentence what is wrong with it."""
        by = User.objects.filter(email__iexact=options["by"]).first()
        if by is None or not by.has_perm("grading.manage_panel"):
            raise CommandError(f"{options['by']} is not an organiser of this site.")
        call = Call.objects.filter(**({"slug": options["call"]} if options["call"] else {"is_default": True})).first()
        if call is None:
            raise CommandError(f"There is no call named {options['call']}.")
        try:
            with options["file"].open("rb") as file:
                panel = panels.load(tomllib.load(file), call=call, by=by)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        except tomllib.TOMLDecodeError as error:
            raise CommandError(f"{options['file']} is not valid TOML: {error}.") from error
        except panels.PanelRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{panel} now tests the questions of “{call}”.")
