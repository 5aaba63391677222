"""The command line: parse, call, print."""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn


class Interrupted(BaseException):
    """The user, or the system, asked the program to stop."""


def main() -> None:
    """Run the command; 0, or 2 for what the user has to mend, or 1 for a fault of ours."""
    from spectile.cli.app import app
    from spectile.errors import InputError

    # An exception instead of death at once: what is half written gets cleaned away.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        app(prog_name="spectile")
    except InputError as error:
        print(f"spectile: {error.on_command_line}", file=sys.stderr)
        sys.exit(2)
    except Interrupted:
        print("spectile: interrupted; a run goes on with --resume.", file=sys.stderr)
        sys.exit(130)


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise Interrupted
