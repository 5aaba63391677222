"""What a model was trained for, each with what that task alone needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, PositiveInt, field_validator
from pydantic.dataclasses import dataclass

TaskName = Literal["scene", "classify", "segment"]

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class WindowTask:
    """The class of the pixel in the middle of a window."""

    window: PositiveInt
    """Edge of the square that decides a pixel, in pixels; odd."""
    name: Literal["scene"] = "scene"

    @field_validator("window")
    @classmethod
    def _has_a_middle(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError("a window around a pixel has an odd edge")
        return window


@dataclass(frozen=True, config=_STRICT)
class ImageTask:
    """The class of a whole image."""

    edge: PositiveInt | None = None
    """Of the images that the network was trained on, in pixels; None for any."""
    name: Literal["classify"] = "classify"


@dataclass(frozen=True, config=_STRICT)
class PixelTask:
    """The classes of all pixels of an image."""

    crop: PositiveInt
    """Edge of the training crops in pixels."""
    mask_values: tuple[int, ...] | None = None
    """The classes' numbers in the training masks, where they differ from the legend's."""
    name: Literal["segment"] = "segment"

    @field_validator("mask_values")
    @classmethod
    def _differ(cls, values: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if values is not None and len(set(values)) < len(values):
            raise ValueError("a mask has one number for each class")
        return values


TrainedTask = Annotated[WindowTask | ImageTask | PixelTask, Field(discriminator="name")]
"""A new task is one more class here, with a name of its own."""
