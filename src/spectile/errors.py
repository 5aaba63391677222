"""The one error that is the user's to mend."""

import re

SWITCHES = {
    "overwrite": "overwrite=True",
    "resume": "resume=True",
    "align": "align=True",
    "skip-bad": "skip_bad=True",
    "keep-going": "keep_going=True",
    "probabilities": "probabilities=True",
    "entropy": "entropy=True",
    "no-regions": "regions=False",
    "network": "network=...",
    "bands-first": "bands_last=False",
    "bands-last": "bands_last=True",
}
"""Options of the command line without a value, as arguments of Python functions."""

_OPTION = re.compile(r"(?<![^\s(])--([a-z][a-z-]*)( (?=\d))?")


class InputError(ValueError):
    """What was given can't be used.

    The message is one sentence that names the thing and says what to do next. The command line
    prints it and exits with 2; everything else that is raised is a fault of ours. Options in it
    are written as on the command line; as text it speaks of Python's arguments: "--ignore 0"
    becomes "ignore=0".
    """

    def __str__(self) -> str:
        return in_python(super().__str__())

    @property
    def on_command_line(self) -> str:
        """The message with the options of the command line."""
        return super().__str__()


def in_python(message: str) -> str:
    """A message with the options of the command line as arguments of Python's functions."""
    return _OPTION.sub(_argument, message)


def first_line(said: object) -> str:
    """The first line of what an error or a text says; the name of its type if it says nothing."""
    return (str(said).strip() or type(said).__name__).splitlines()[0]


def _argument(option: re.Match[str]) -> str:
    name, value = option.groups()
    return SWITCHES.get(name) or name.replace("-", "_") + ("=" if value else "")
