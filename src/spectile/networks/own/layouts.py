"""How the axes of a window lie in what a network takes, written as letters, as in NCHW.

N windows, B bands, H rows, W columns, P all pixels of a window in one axis, 1 an axis of length 1.
An input without H, W and P is the spectrum of the centre pixel. Several inputs are joined by +.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from torch import Tensor

from spectile.errors import InputError

COMMON = ("NBHW", "N1BHW", "N1HWB", "NHWB", "NBP", "NPB", "NB", "N1B", "NB1")
"""Tried in this order, where nobody says the layout."""
WITH_SPECTRUM = ("NB", "N1B")
"""Of the centre pixel, as a second input beside a window."""
_INPUT = re.compile(r"N[1BHWP]+")
_AXES = ({"B", "H", "W"}, {"B", "P"}, {"B"})


@dataclass(frozen=True)
class Layout:
    """A way to hand windows to a network."""

    inputs: tuple[str, ...]
    """For each input its axes, such as N1HWB."""

    @classmethod
    def of(cls, text: str) -> Self:
        """The layout written as `text`; raises InputError for what is none."""
        inputs = tuple(text.upper().replace(" ", "").split("+"))
        for axes in inputs:
            letters = axes.replace("1", "")[1:]
            if not _INPUT.fullmatch(axes) or sorted(letters) not in map(sorted, _AXES):
                raise InputError(
                    f"there is no layout {text!r}: write one such as NBHW, N1HWB, NBP or "
                    "NBHW+NB, of N windows, B bands, H rows, W columns, P all pixels of a window, "
                    "1 an axis of length 1; B alone is the spectrum in the middle."
                )
        return cls(inputs)

    def __str__(self) -> str:
        return "+".join(self.inputs)

    @property
    def holds_windows(self) -> bool:
        """Whether more than the spectrum in the middle is handed over."""
        return any({"H", "P"} & set(axes) for axes in self.inputs)

    def arranged(self, windows: Tensor) -> tuple[Tensor, ...]:
        """The network's inputs, of windows (N, B, H, W)."""
        return tuple(_arranged(windows, axes) for axes in self.inputs)


def candidates(inputs: int) -> tuple[Layout, ...]:
    """The layouts to try for a network that takes one or two tensors, the most usual first."""
    if inputs == 1:
        return tuple(Layout((axes,)) for axes in COMMON)
    windows = [axes for axes in COMMON if {"H", "P"} & set(axes)]
    ahead = [Layout((window, spectrum)) for window in windows for spectrum in WITH_SPECTRUM]
    behind = [Layout((spectrum, window)) for window in windows for spectrum in WITH_SPECTRUM]
    return (*ahead, *behind)


def _arranged(windows: Tensor, axes: str) -> Tensor:
    letters = axes.replace("1", "")
    if letters == "NB":
        found = windows[:, :, windows.shape[2] // 2, windows.shape[3] // 2]
    elif "P" in letters:
        found = windows.flatten(2)
        if letters == "NPB":
            found = found.transpose(1, 2)
    else:
        found = windows.permute(["NBHW".index(letter) for letter in letters])
    for place, letter in enumerate(axes):
        if letter == "1":
            found = found.unsqueeze(place)
    # As a loader would have stacked it: published networks call view.
    return found if axes == "NBHW" else found.contiguous()
