"""Why a network can't be mapped densely."""

from __future__ import annotations

from typing import Self

from spectile.errors import InputError


class NotShareableError(InputError):
    """A network's windows share no work that could be done once with the same numbers."""

    @classmethod
    def of(cls, layer: str, what: str) -> Self:
        """The layer named `layer` does `what`."""
        subject = f"its layer {layer}" if layer else "it"
        return cls(
            f"{subject} {what}, which neighbouring windows can't share with the same numbers: "
            "map it with --method patches."
        )
