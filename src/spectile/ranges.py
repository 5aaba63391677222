"""The ranges that numbers given by people may have, declared once for files and for functions."""

from __future__ import annotations

import os
import reprlib
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from spectile.errors import InputError

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFraction = Annotated[float, Field(gt=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
"""Of something that isn't all given away."""
TrainShare = Annotated[float, Field(gt=0, lt=1)]
Gigabytes = Annotated[float, Field(gt=0, le=1e6)]
GigabytesOrNone = Annotated[float, Field(ge=0, le=1e6)]
"""Of what is kept so as not to be read again."""
Strength = Annotated[float, Field(ge=0, le=100)]
"""Of a random change, in deviations, and parameters of Beta distributions."""
Rate = Annotated[float, Field(gt=0, le=100)]
"""Of learning: beyond it no step of any optimiser goes anywhere."""
Decay = Annotated[float, Field(ge=0, le=100)]
Norm = Annotated[float, Field(ge=0, le=1e6)]
"""Of a gradient."""
Scale = Annotated[float, Field(gt=0, le=100)]
Argument = Annotated[float, Field(ge=0, le=65_536)]
"""Of a network, whose own checks know more."""

Centimetres = Annotated[float, Field(gt=0, le=1e8)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
CountOrNone = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
"""The same, or nothing at all."""
Edge = Annotated[int, Field(strict=True, ge=1, le=65_536)]
"""Of a square, in pixels."""

SmoothRadius = Annotated[int, Field(strict=True, ge=0, le=1000)]
"""Of smoothing, in pixels; 0: none."""


def _rising(scales: tuple[float, float]) -> tuple[float, float]:
    if scales[0] > scales[1]:
        raise ValueError(f"{scales[0]:g} is above {scales[1]:g}: give the smaller one first")
    return scales


Scales = Annotated[tuple[Scale, Scale], AfterValidator(_rising)]
Window = Edge
ImageEdge = Annotated[int, Field(strict=True, ge=8, le=16_384)]
TileEdge = Annotated[int, Field(strict=True, ge=16, le=16_384)]
Seed = Annotated[int, Field(strict=True, ge=0, le=2**31)]
Threads = Annotated[int, Field(strict=True, ge=1, le=65_536)]
MaskNumber = Annotated[int, Field(strict=True, ge=0, le=65_535)]


def check(name: str, value: Any, kind: Any) -> None:
    """Raise InputError unless `value`, called `name` by who gave it, is one of `kind`."""
    import numpy as np  # late: settings are declared without it

    plain = value.item() if isinstance(value, np.generic) else value
    try:
        TypeAdapter(kind, config={"allow_inf_nan": False}).validate_python(plain)
    except ValidationError as error:
        raise InputError(f"{wrong(name, error.errors()[0])}; correct it and try again.") from error


def wrong(name: str, error: Any) -> str:
    """What is wrong with the value `name`, by what pydantic says of it."""
    text = " ".join(str(error["msg"]).removeprefix("Value error, ").split()).rstrip(".")
    if not text.startswith("Input should"):
        return f"{name}: {text}"
    given = reprlib.repr(error["input"])
    return f"{name} is {given}, and it{text.removeprefix('Input')}"


def check_cores(name: str, number: int | None) -> None:
    """Raise InputError for more processes or threads than this process has cores."""
    if number is not None and number > cores():
        raise InputError(
            f"{name} {number} is more than the {cores()} cores of this machine: "
            f"choose {cores()} or fewer."
        )


def cores() -> int:
    """How many of the machine's cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux has it
        return os.cpu_count() or 1
