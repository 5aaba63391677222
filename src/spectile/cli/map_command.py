"""`spectile map`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectile.cli.options import (
    Align,
    BandsLast,
    Memory,
    MethodChoice,
    MethodOption,
    Overwrite,
    OwnNetwork,
    PrecisionChoice,
    Quiet,
    Threads,
    within,
)
from spectile.errors import InputError

if TYPE_CHECKING:
    from rasterio.windows import Window

    from spectile.data.mask import Mask
    from spectile.data.scene import Scene
    from spectile.mapping.cluster import Cluster


def map_(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    scene: Annotated[str, typer.Argument(help="A scene with the same bands.")],
    out: Annotated[Path, typer.Argument(help="The GeoTIFF to write.")],
    method: MethodOption = MethodChoice.DENSE,
    precision: Annotated[
        PrecisionChoice,
        typer.Option(help="bf16, or tf32 on a GPU: faster, with about three digits."),
    ] = PrecisionChoice.FLOAT32,
    memory: Memory = 1.0,
    layers: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Rasters beside the map, as in probabilities,entropy."),
    ] = "",
    smooth: Annotated[
        int | None,
        typer.Option(
            metavar="RADIUS",
            callback=within("--smooth", "SmoothRadius"),
            help="Pixels to smooth probabilities in, along edges; by default as trained.",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="The same as --layers probabilities.")
    ] = False,
    entropy: Annotated[
        bool, typer.Option("--entropy", help="The same as --layers entropy.")
    ] = False,
    region: Annotated[
        tuple[int, int, int, int] | None,
        typer.Option(metavar="COL ROW WIDTH HEIGHT", help="Map these pixels only, from 0."),
    ] = None,
    window: Annotated[  # what earlier versions called it
        tuple[int, int, int, int] | None, typer.Option(hidden=True)
    ] = None,
    bounds: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(metavar="LEFT BOTTOM RIGHT TOP", help="The same in the scene's coordinates."),
    ] = None,
    mask: Annotated[
        str | None, typer.Option(help="Raster (not 0) or polygons: map the pixels under it only.")
    ] = None,
    align: Align = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave out what of the scene can't be read.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a killed map, if any.")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Map on the workers of this Dask cluster.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            callback=within("--workers", "Count", of_cores=True),
            help="Map in so many processes of one thread each.",
        ),
    ] = None,
    network: OwnNetwork = None,
    bands_last: BandsLast = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Map a scene of any size with a trained model."""
    from spectile.cli.bars import pixels_bar
    from spectile.cli.printing import print_aligned, print_doubts
    from spectile.data.readers.open import open_scene
    from spectile.data.scene import rows_and_columns
    from spectile.files import check_ending
    from spectile.mapping.scene_map import map_scene
    from spectile.model.file import load
    from spectile.tasks.hardware import best_device, use_threads

    check_ending(out, "a map", (".tif", ".tiff"))
    use_threads(threads)
    trained = load(model, network).smoothed(smooth)
    opened = trained.as_trained(open_scene(scene, bands_last=bands_last, bands=trained.scene_bands))
    if align:
        trained = print_aligned(trained, opened, quiet=quiet)
    print_doubts(trained, opened, quiet=quiet)
    with pixels_bar("mapping", quiet=quiet, then="writing the files") as progress:
        summary = map_scene(
            trained,
            opened,
            out,
            method=method.value,
            precision=precision.value,
            memory=memory,
            layers=layers,
            probabilities=probabilities,
            entropy=entropy,
            region=_region(opened, region or window, bounds),
            mask=None if mask is None else _mask(mask, opened),
            keep_going=keep_going,
            resume=resume,
            cluster=_cluster(scheduler, workers, threads),
            overwrite=overwrite,
            inputs=(model,),
            device=best_device("auto"),
            progress=progress,
        )
    if summary.already:
        print(f"Map: {out} is finished already.")
        return
    for lost in summary.damage:
        print(
            f"spectile: {lost.source} can't be read in {rows_and_columns(lost.window)} "
            f"({lost.reason}): left without data.",
            file=sys.stderr,
        )
    if summary.reason and not quiet:
        print(f"Mapped patch by patch: {summary.reason}.")
    print(f"Map: {out} ({summary.seconds:.1f} s)")


def _region(
    scene: Scene,
    pixels: tuple[int, int, int, int] | None,
    bounds: tuple[float, float, float, float] | None,
) -> Window | None:
    from spectile.data.region import region_in_pixels, region_on_the_ground

    if pixels is not None and bounds is not None:
        raise InputError("--region and --bounds both say what to map: give one of them.")
    if pixels is not None:
        return region_in_pixels(scene, *pixels)
    return None if bounds is None else region_on_the_ground(scene, *bounds)


def _mask(path: str, scene: Scene) -> Mask:
    # Polygons need packages that start as long as a small map takes.
    from spectile.data.mask import open_mask

    return open_mask(path, like=scene)


def _cluster(scheduler: str | None, workers: int | None, threads: int | None) -> Cluster | None:
    if scheduler is not None and workers is not None:
        raise InputError("--scheduler has its own workers: leave out --workers.")
    if scheduler is None and workers is None:
        return None
    from spectile.mapping.cluster import Cluster

    return Cluster(scheduler, workers or 1, threads or 1)
