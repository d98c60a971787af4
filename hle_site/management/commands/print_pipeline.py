"""Print the transition table as a diagram and the reaction table: the figure of the README."""

from typing import Any

from django.core.management.base import BaseCommand

from hle_site import pipeline
from questions import workflow


def text() -> str:
    """Return both tables as Markdown."""
    return f"```mermaid\n{workflow.figure()}\n```\n\n{pipeline.figure()}\n"


class Command(BaseCommand):
    """`manage.py print_pipeline`"""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the figure."""
        self.stdout.write(text(), ending="")
