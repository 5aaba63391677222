"""Why a network can't be mapped densely."""

from __future__ import annotations

from typing import Self

from torch import nn

from spectile.errors import InputError


class NotShareableError(InputError):
    """A network's windows share no work that could be done once with the same numbers."""

    @property
    def reason(self) -> str:
        """The message without what to do, which stands at its end behind a colon."""
        return self.on_command_line.rpartition(": ")[0]

    @classmethod
    def of(cls, layer: str, what: str, *, shared: float | None = None) -> Self:
        """The layer named `layer` does `what`; a share of the work is done before, or besides."""
        subject = f"its layer {layer}" if layer else "it"
        rest = ""
        if shared is not None:
            share = f"only {100 * shared:.0f}%" if shared >= 0.005 else "next to nothing"
            rest = f"; {share} of its work could be shared"
        return cls(
            f"{subject} {what}, which neighbouring windows can't share with the same numbers"
            f"{rest}: map it with --method patches."
        )


def unfitting(
    module: nn.Module, window: tuple[int, int], bands: int | None, error: Exception
) -> InputError:
    """What to tell where `module` failed on a window; `bands` None if none of those tried fit."""
    counted, needed = "", "window that it was made for, or its bands"
    if bands is not None:
        counted, needed = f" and {bands} bands", "window and the bands that it was made for"
    return InputError(
        f"{type(module).__name__} takes no windows of {window[0]} x {window[1]} pixels{counted} "
        f"({short_text(error)}): give the {needed}."
    )


def short_text(error: Exception) -> str:
    """What an exception says, in short."""
    return (str(error).strip() or repr(error)).splitlines()[0]
