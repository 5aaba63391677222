"""The command line: parse, call, print."""

from __future__ import annotations

import io
import logging
import signal
import sys
from typing import Any, NoReturn


class _Notes(logging.Handler):
    """What the user should know while a command goes on: a line each, as errors are."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"spectile: {record.getMessage()}", file=sys.stderr)


class Interrupted(BaseException):
    """The user, or the system, asked the program to stop."""


def main() -> None:
    """Run the command; 0, or 2 for what the user has to mend, or 1 for a fault of ours."""
    from spectile.cli.app import app
    from spectile.compat.typer import USAGE_ERROR
    from spectile.errors import InputError

    notes = logging.getLogger("spectile")
    if not any(isinstance(handler, _Notes) for handler in notes.handlers):
        notes.addHandler(_Notes())
    for stream in (sys.stdout, sys.stderr):
        # File names may be no text, and a terminal may lack a letter: neither ends a run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # An exception instead of death at once: what is half written gets cleaned away.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        # Not standalone: what typer refuses is said as everything else is, in one sentence.
        sys.exit(app(prog_name="spectile", standalone_mode=False))
    except USAGE_ERROR as error:
        _refuse(error)
    except InputError as error:
        print(f"spectile: {error.on_command_line}", file=sys.stderr)
        sys.exit(2)
    except UnicodeEncodeError as error:
        name = ascii(error.object[:200])
        print(f"spectile: {name} is no UTF-8 text: rename the file.", file=sys.stderr)
        sys.exit(2)
    except Interrupted:
        print("spectile: interrupted; a run goes on with --resume.", file=sys.stderr)
        sys.exit(130)


def _refuse(error: Any) -> NoReturn:
    """Say what is wrong with an option, or show the help that a command without any asks for."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        sys.exit(error.exit_code)
    text = " ".join(str(error.format_message()).split()).rstrip(".")
    command = error.ctx.command_path if error.ctx is not None else "spectile"
    print(f"spectile: {text[:1].lower()}{text[1:]}; see {command} --help.", file=sys.stderr)
    sys.exit(2)


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise Interrupted
