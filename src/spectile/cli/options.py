"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Method(StrEnum):
    """How a scene is mapped."""

    DENSE = "dense"
    PATCHES = "patches"


class Precision(StrEnum):
    """In what numbers a scene is mapped."""

    FLOAT32 = "float32"
    TF32 = "tf32"
    BF16 = "bf16"


MethodOption = Annotated[
    Method, typer.Option(help="dense: shared work once, the same numbers; patches: by window.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results only.")]
Seed = Annotated[int, typer.Option(min=0, help="Where all chance starts from.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; as many as PyTorch chooses if left out.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a killed run.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")]
Memory = Annotated[float, typer.Option(help="GB that one part of the scene may take.")]
BandsLast = Annotated[
    bool | None,
    typer.Option("--bands-last/--bands-first", help="Axis of the bands in arrays that don't say."),
]
