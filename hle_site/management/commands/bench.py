"""`manage.py bench`: list the benchmarks under tests/benchmarks, or run one on services of its own.

Runs without Django's settings, since those name the services that it starts.
"""

import argparse
import ast
import os
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser

from hle_site.embedded.places import CHECKOUT
from hle_site.management.commands.test import run_on_services

BENCHMARKS = CHECKOUT / "tests/benchmarks"


class Command(BaseCommand):
    """Print what there is to measure, or measure it; the exit status is the benchmark's."""

    help = "List the benchmarks, or run one on embedded services."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a name, and pass on all that follows it."""
        parser.add_argument("name", nargs="?", help="one of the list")
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what the benchmark itself takes")

    def handle(self, name: str | None, arguments: list[str], **_: object) -> None:
        """List without a name, else run."""
        known = scripts()
        if not name:
            print("\n".join(listing(known)))
            return
        if name not in known:
            sys.exit(f"There is no benchmark {name!r}. {' '.join(listing(known))}")
        os.environ.setdefault("LOG_LEVEL", "WARNING")  # a table is wanted, not each call
        sys.exit(run_on_services([sys.executable, "-m", f"tests.benchmarks.{name}", *arguments]))


def scripts(folder: Path = BENCHMARKS) -> dict[str, Path]:
    """Return the benchmarks by name: modules, or packages that can be run, which define `main`."""
    found = {path.stem: path for path in folder.glob("[a-z]*.py")}
    found |= {path.parent.name: path for path in folder.glob("[a-z]*/__main__.py")}
    return {name: found[name] for name in sorted(found) if _defines_main(found[name])}


def listing(known: dict[str, Path]) -> list[str]:
    """Return one line a benchmark: its name and the first line of its docstring."""
    if not known:
        return ["There are no benchmarks yet."]
    return [f"{name:<28} {_summary(path)}" for name, path in known.items()]


def _defines_main(path: Path) -> bool:
    statements = ast.parse(path.read_text()).body
    return any(isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name == "main" for part in statements)


def _summary(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
