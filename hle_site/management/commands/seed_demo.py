"""`manage.py seed_demo`: fill an empty demo with its people, questions, reviews and a release."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hle_site.demo import seed


class Command(BaseCommand):
    """Fill the demo once."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Fill it, or say that it is filled."""
        if settings.IS_PRODUCTION:
            raise CommandError("Example data belongs to the demo: this site runs in production mode.")
        try:
            is_new = seed.run(lambda line: self.stdout.write(line, ending="\n"))
        except seed.Unfinished as error:
            raise CommandError(str(error)) from error
        self.stdout.write("The example data is complete." if is_new else "The example data is there already.")
