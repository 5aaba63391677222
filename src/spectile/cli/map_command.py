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
    from spectile.mapping.scene_map import MapSummary


def map_(
    model: Annotated[Path, typer.Argument(help="A run's model.safetensors.")],
    scene: Annotated[str, typer.Argument(help="A scene with the same bands.")],
    out: Annotated[Path, typer.Argument(help="The GeoTIFF to write; of objects a GeoPackage.")],
    method: MethodOption = MethodChoice.DENSE,
    precision: Annotated[
        PrecisionChoice,
        typer.Option(help="bf16, or tf32 on a GPU: faster, with about three digits."),
    ] = PrecisionChoice.FLOAT32,
    memory: Memory = 1.0,
    layers: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="Rasters beside the map, as in probabilities,entropy; of objects: numbers.",
        ),
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
    score: Annotated[
        float | None,
        typer.Option(
            callback=within("--score", "Fraction"),
            help="Map objects from this score on; by default from where the model counts them.",
        ),
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
    from spectile.model.trained_task import InstanceTask
    from spectile.tasks.hardware import best_device, use_threads

    check_ending(out, "a map", (".tif", ".tiff", ".gpkg"))
    use_threads(threads)
    trained = load(model, network).smoothed(smooth)
    of_objects = isinstance(trained.trained_for, InstanceTask)
    if score is not None and not of_objects:
        raise InputError(f"{model} finds no objects, which alone have a score: leave out --score.")
    check_ending(out, "its map", (".gpkg",) if of_objects else (".tif", ".tiff"))
    opened = trained.as_trained(open_scene(scene, bands_last=bands_last, bands=trained.scene_bands))
    if align:
        trained = print_aligned(trained, opened, quiet=quiet)
    print_doubts(trained, opened, quiet=quiet)
    part = _region(opened, region or window, bounds)
    picked = None if mask is None else _mask(mask, opened)
    spread = _cluster(scheduler, workers, threads)
    with pixels_bar("mapping", quiet=quiet, then="writing the files") as progress:
        if of_objects:
            # Polygons need packages that start as long as a small map takes.
            from spectile.mapping.instances.object_map import map_objects, with_numbers

            summary: MapSummary = map_objects(
                trained,
                opened,
                out,
                numbers=with_numbers(
                    layers, method.value, probabilities=probabilities, entropy=entropy
                ),
                score=score,
                precision=precision.value,
                memory=memory,
                region=part,
                mask=picked,
                keep_going=keep_going,
                resume=resume,
                cluster=spread,
                overwrite=overwrite,
                inputs=(model,),
                device=best_device("auto"),
                progress=progress,
            )
        else:
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
                region=part,
                mask=picked,
                keep_going=keep_going,
                resume=resume,
                cluster=spread,
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
    counted = ""
    if summary.objects is not None:
        counted = f"{summary.objects:,} object{'s' * (summary.objects != 1)}, "
    print(f"Map: {out} ({counted}{summary.seconds:.1f} s)")


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
