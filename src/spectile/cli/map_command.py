"""`spectile map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import BandsLast, Memory, Method, MethodOption, Overwrite, Quiet, Threads


def map_(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    scene: Annotated[str, typer.Argument(help="A scene with the same bands.")],
    out: Annotated[Path, typer.Argument(help="The GeoTIFF to write.")],
    method: MethodOption = Method.DENSE,
    memory: Memory = 1.0,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="Write each class's share beside the map.")
    ] = False,
    entropy: Annotated[
        bool, typer.Option("--entropy", help="Write the uncertainty (0 to 1) beside the map.")
    ] = False,
    bands_last: BandsLast = True,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Map a scene of any size with a trained model."""
    from spectile.cli.bars import pixels_bar
    from spectile.mapping.scene_map import map_scene
    from spectile.model import load
    from spectile.runs.hardware import best_device, use_threads
    from spectile.scenes.open import open_scene

    use_threads(threads)
    with pixels_bar("mapping", quiet=quiet) as progress:
        summary = map_scene(
            load(model),
            open_scene(scene, bands_last=bands_last),
            out,
            method=method.value,
            memory=memory,
            probabilities=probabilities,
            entropy=entropy,
            overwrite=overwrite,
            device=best_device("auto"),
            progress=progress,
        )
    if summary.reason and not quiet:
        print(f"Mapped patch by patch: {summary.reason}")
    print(f"Map: {out} ({summary.seconds:.1f} s)")
