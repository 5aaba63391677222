"""Scene and model to map, tile by tile within a memory bound."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import rasterio
import torch
from rasterio.windows import Window

from spectile.data.mask import Mask
from spectile.data.readers.gdal import CACHE
from spectile.data.scene import Scene, UnreadableError
from spectile.errors import InputError
from spectile.files import check_ending
from spectile.mapping.area import Area
from spectile.mapping.cluster.scheduler import Cluster, write_on_cluster
from spectile.mapping.compute import Compute, Method, Precision
from spectile.mapping.layers.layer import Layer, check_layers
from spectile.mapping.layers.registry import asked_for
from spectile.mapping.mapper import Mapper, MethodUsed, mapper_for, mapper_or_patches
from spectile.mapping.output.job import describe_job
from spectile.mapping.output.map_files import is_finished_map
from spectile.mapping.output.unfinished import part_folder, read_job
from spectile.mapping.output.writer import MapWriter
from spectile.mapping.pipeline import write_behind
from spectile.mapping.tile_work import TileWork, WrittenTile, follow
from spectile.mapping.tiles import SMOOTHED_EDGES, rounded_up, tile_edge
from spectile.mapping.window_mapper import MapPart, Tile
from spectile.model.model import Model
from spectile.progress import Progress

__all__ = [
    "MapPart",
    "MapSummary",
    "Method",
    "map_parts",
    "map_scene",
    "tile_edge",
]


@dataclass(frozen=True)
class MapSummary:
    """How a map was made: the method, the time, and what of the file was damaged."""

    method: MethodUsed
    reason: str
    """Why patch by patch was used though dense was asked for; else empty."""
    seconds: float
    """Of the whole call, reading and writing included."""
    damage: tuple[UnreadableError, ...] = ()
    """Pieces of the file that couldn't be read, if the map kept going."""
    already: bool = False
    """Whether `resume` found the map finished, and nothing was done."""
    objects: int | None = None
    """How many a map of objects holds."""


def map_parts(
    model: Model,
    scene: Scene,
    *,
    method: Method = "dense",
    memory: float = 1.0,
    device: str | torch.device = "cpu",
    precision: Precision = "float32",
    region: Window | None = None,
    mask: Mask | None = None,
) -> Iterator[MapPart]:
    """Classify `scene` part by part, and yield each part as arrays.

    `region` (a window in pixels) and `mask` limit what is classified; the parts come in the order
    in which they are computed. `memory` in GB bounds what this needs, besides the program itself.

    Raises InputError if the scene's bands don't match the model's or the model can't map, and
    NotShareableError if the `method` is "dense" and the network can't be mapped so.
    """
    mapper = mapper_for(model, scene, Compute(method, precision, memory, device))
    return parts_of(mapper, Area.of(scene, region, mask), memory)


def parts_of(mapper: Mapper, area: Area, memory: float) -> Iterator[MapPart]:
    """The parts of an `area`; InputError, before the first of them, if `memory` is too little."""
    edge = mapper.tile_edge(memory)

    def parts() -> Generator[MapPart]:
        windows, _ = area.windows(mapper.tiles(edge))
        yield from mapper.parts(map(area.tile, mapper.in_order(windows, CACHE)))

    return parts()


def map_scene(
    model: Model,
    scene: Scene,
    path: str | Path,
    *,
    layers: str | Iterable[str] = (),
    method: Method = "dense",
    precision: Precision = "float32",
    memory: float = 1.0,
    probabilities: bool = False,
    entropy: bool = False,
    region: Window | None = None,
    mask: Mask | None = None,
    keep_going: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    inputs: Iterable[str | Path] = (),
    device: str | torch.device = "cpu",
    cluster: Cluster | None = None,
    progress: Progress | None = None,
) -> MapSummary:
    """Write the class map of `scene` to the GeoTIFF `path`, whole or not at all.

    What is mapped: the map covers the `region`, a window in pixels of the scene, and has no data
    outside of the `mask`. Each of the `layers`, such as "probabilities", becomes a raster beside
    the map; `probabilities=True` and `entropy=True` are the older way to name these two.

    How: a `method` of "dense" falls back to "patches" for a network that can't be mapped densely,
    and the summary gives the reason. A network that classifies every pixel takes no `method`: it
    is mapped in overlapping windows that are blended. `memory` in GB bounds what mapping needs
    besides the program; a `precision` other than float32 gives up digits for speed. The workers of
    a `cluster` need the scene and the map's folder under the same paths as here.

    When something is in the way: with `keep_going` pixels around a damaged part of the file have no
    data, and the summary lists the parts. After a kill or an error `resume` goes on with the
    finished tiles and ends at the same file; where there are none it begins anew, and a finished
    map is left as it is. `overwrite` replaces an earlier map, but never a file that is no map, nor
    one of the scene, the mask or the other `inputs`, such as the model's file.

    Raises InputError where model and scene don't fit together, for a damaged file, for a path that
    can't be written, and where `resume` finds a map that was begun with other inputs or settings.
    """
    start, path = time.perf_counter(), Path(path)
    check_ending(path, "a map", (".tif", ".tiff"))
    compute = Compute(method, precision, memory, device)
    wanted = asked_for(layers, probabilities=probabilities, entropy=entropy)
    check_layers(wanted, model)
    mapper, reason = mapper_or_patches(
        *(model, scene, compute),
        keep_going=keep_going,
        components=any(layer.needs_components for layer in wanted),
    )
    edge = _edge(mapper, memory, path, resume, model.smooth)
    area = Area.of(scene, region, mask)
    if resume and not overwrite and _is_there(path, model, area, wanted):
        return MapSummary(mapper.method, reason, 0.0, already=True)
    windows, mask_sha256 = area.windows(mapper.tiles(edge))
    writer = MapWriter(
        path,
        height=area.region.height,
        width=area.region.width,
        legend=model.legend,
        crs=scene.crs,
        transform=area.transform,
        acquired=scene.acquired,
        layers=wanted,
        overwrite=overwrite,
        inputs=(scene.source, *scene.files, *([mask.source] if mask else []), *map(str, inputs)),
        job=describe_job(
            model,
            scene,
            method=mapper.method,
            compute=compute,
            layers=wanted,
            region=area.region,
            mask=mask_sha256,
            tile=edge,
        ),
        resume=resume,
    )
    used: Method = "patches" if mapper.method == "patches" else "dense"
    work = TileWork(
        model,
        replace(area, mask=None),
        replace(compute, method=used, device=str(device)),
        keep_going,
        writer.pixels,
        path,
    )
    cache = max(CACHE, int((memory - mapper.gigabytes(edge)) * 1e9))
    damage = _write(work, mapper, area, windows, writer, cache, cluster, progress)
    return MapSummary(mapper.method, reason, time.perf_counter() - start, damage)


def _write(
    work: TileWork,
    mapper: Mapper,
    area: Area,
    windows: list[Window],
    writer: MapWriter,
    cache: int,
    cluster: Cluster | None,
    progress: Progress | None,
) -> tuple[UnreadableError, ...]:
    """Map what is left of `windows`, here or on the cluster; gives what couldn't be read."""
    with nullcontext() if cluster is None else cluster.connected(work.area.scene) as client, writer:
        due = [window for window in windows if area.in_map(window) not in writer.finished]
        if cluster is None or client is None:
            tiles = map(area.tile, mapper.in_order(due, cache))
            written = _write_here(work, mapper, tiles, writer, cache)
        else:
            groups = (list(map(area.tile, group)) for group in mapper.groups(due, cache))
            written = _marked(write_on_cluster(client, work, groups, cluster.threads), writer)
        with closing(written):
            return follow(written, windows, due, progress)


def _is_there(path: Path, model: Model, area: Area, layers: tuple[Layer, ...]) -> bool:
    """Whether a map with these classes, of this size and with these layers is finished."""
    if path.is_symlink() or part_folder(path).exists():
        return False
    size = area.region.height, area.region.width
    return is_finished_map(path, model.legend, size, layers)


def _edge(mapper: Mapper, memory: float, path: Path, resume: bool, smooth: int) -> int:
    """The edge of a tile: what the memory allows, or what the map to go on with was begun in."""
    edge = mapper.tile_edge(memory)
    begun = read_job(path) if resume else None
    if begun is None or begun.get("smooth", 0) != smooth or begun.get("tile") not in SMOOTHED_EDGES:
        return edge
    needed = mapper.gigabytes(begun["tile"])
    if needed > memory:
        raise InputError(
            f"{path} was begun in tiles of up to {begun['tile']} pixels a side: "
            f"allow a memory of at least {rounded_up(needed)} GB, or map anew instead of resuming."
        )
    return int(begun["tile"])


def _write_here(
    work: TileWork,
    mapper: Mapper,
    tiles: Iterable[Tile],
    writer: MapWriter,
    cache: int,
) -> Generator[WrittenTile]:
    """Map tiles in this process; reading, computing and writing at the same time."""

    def write(part: MapPart) -> WrittenTile:
        written = work.write(part)
        _mark(written, writer)
        return written

    with rasterio.Env(GDAL_CACHEMAX=cache), closing(mapper.parts(tiles)) as parts:
        yield from write_behind(write, parts)


def _marked(written: Iterable[WrittenTile], writer: MapWriter) -> Generator[WrittenTile]:
    for tile in written:
        _mark(tile, writer)
        yield tile


def _mark(written: WrittenTile, writer: MapWriter) -> None:
    """Note a tile as finished; what couldn't be read is tried again on resuming."""
    if not written.damage:
        writer.mark_finished(written.window)
