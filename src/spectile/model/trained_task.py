"""What a model was trained for, each with what that task alone needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PositiveInt,
    TypeAdapter,
    field_validator,
)
from pydantic.dataclasses import dataclass

from spectile.plugins import installed

GROUP = "spectile.model_tasks"
"""Of entry points; each names a class of :class:`TrainedTask`."""
PROBE_EDGE = 64
"""Of an image to try a network on, in pixels, where it takes images of any size."""

_STRICT = ConfigDict(extra="forbid")


class TrainedTask(ABC):
    """What a model was trained for, as its file says it: plain values, and a name of its own.

    Each is a dataclass of pydantic whose field `name` has one value.
    """

    name: str

    @property
    @abstractmethod
    def trained_edge(self) -> int:
        """Edge in pixels of what the network was trained on; 1 where images are of any size."""

    @property
    def probe_edge(self) -> int:
        """Edge in pixels of an image to try the network on."""
        return PROBE_EDGE

    def logits(self, classes: int, edge: int) -> tuple[int, ...]:
        """The shape of what a network gives for one image, of so many pixels a side."""
        return (1, classes)


@dataclass(frozen=True, config=_STRICT)
class WindowTask(TrainedTask):
    """The class of the pixel in the middle of a window."""

    window: PositiveInt
    """Edge in pixels of the square that decides a pixel, its row and column edge // 2."""
    name: Literal["scene"] = "scene"

    @property
    def trained_edge(self) -> int:
        return self.window

    @property
    def probe_edge(self) -> int:
        return self.window


@dataclass(frozen=True, config=_STRICT)
class ImageTask(TrainedTask):
    """The class of a whole image."""

    edge: PositiveInt | None = None
    """Of the images that the network was trained on, in pixels; None for any."""
    name: Literal["classify"] = "classify"

    @property
    def trained_edge(self) -> int:
        return self.edge or 1

    @property
    def probe_edge(self) -> int:
        return self.edge or PROBE_EDGE


@dataclass(frozen=True, config=_STRICT)
class PixelTask(TrainedTask):
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

    @property
    def trained_edge(self) -> int:
        return self.crop

    def logits(self, classes: int, edge: int) -> tuple[int, ...]:
        return (1, classes, edge, edge)


@dataclass(frozen=True, config=_STRICT)
class InstanceTask(TrainedTask):
    """The objects in an image, each with its class, its score and its pixels."""

    crop: PositiveInt
    """Edge of the training crops in pixels."""
    sure: Annotated[float, Field(ge=0, le=1)] = 0.5
    """The score from which objects count, chosen on the validation side."""
    name: Literal["instances"] = "instances"

    @property
    def trained_edge(self) -> int:
        return self.crop


OWN: tuple[type[TrainedTask], ...] = (WindowTask, ImageTask, PixelTask, InstanceTask)


def task_class(name: str) -> type[TrainedTask] | None:
    """The class of that name; other packages are asked for what isn't ours."""
    return {part.name: part for part in OWN}.get(name) or _others().get(name)


@cache
def _others() -> Mapping[str, type[TrainedTask]]:
    return {part.name: part for part in installed(GROUP, type) if issubclass(part, TrainedTask)}


def _read(value: Any) -> TrainedTask:
    if isinstance(value, TrainedTask):
        return value
    name = value.get("name") if isinstance(value, dict) else None
    kind = task_class(name) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"there is no task called {name!r}")
    part: TrainedTask = TypeAdapter(kind).validate_python(value)
    return part


def _written(part: TrainedTask) -> Any:
    return TypeAdapter(type(part)).dump_python(part, mode="json")


TaskInFile = Annotated[TrainedTask, PlainValidator(_read), PlainSerializer(_written)]
"""As a model file holds it: the class is told by its name."""
