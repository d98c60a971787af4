"""`python -m hle_site.embedded --state DIR`: run the two servers alone, for a shell or a debugger beside them.

Prints their addresses as shell exports and stays until Ctrl-C or SIGTERM.
"""

import argparse
import signal
import sys
from pathlib import Path

from hle_site.embedded import Refusal, services


def main() -> int:
    """Start, print, wait, stop; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m hle_site.embedded", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="directory of the servers' files")
    state = parser.parse_args().state
    ends = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    try:
        with services(state) as running:
            signal.pthread_sigmask(signal.SIG_BLOCK, ends)
            sys.stdout.write(f"export DATABASE_URL='{running.database_url}'\nexport REDIS_URL='{running.redis_url}'\n")
            sys.stdout.flush()
            signal.sigwait(ends)
    except Refusal as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
