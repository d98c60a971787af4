#!/usr/bin/env python3
"""Django's entry point; `demo`, `test` and `bench` first make sure of the environment in `.venv`.

Old Pythons can read this file, so that they answer with a sentence instead of a syntax error.
"""

import os
import sys

LAUNCHERS = ("demo", "test", "bench")


def main():
    """Check Python, set up what a launcher needs, hand over to Django."""
    if os.name != "posix":
        sys.exit("This runs on Linux and macOS; on Windows use WSL.")
    if sys.version_info < (3, 11):  # noqa: UP036  the sentence for those who have it
        sys.exit("This needs Python 3.11 or newer, and this is Python " + sys.version.split()[0] + ".")
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  missing under PYTHONSAFEPATH
    from hle_site import bootstrap  # modern syntax

    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command in LAUNCHERS:
        bootstrap.ensure(sys.argv)
        bootstrap.run_launcher(sys.argv)
    bootstrap.require_django()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hle_site.settings")
    from django.core.management import execute_from_command_line  # installed by now

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
