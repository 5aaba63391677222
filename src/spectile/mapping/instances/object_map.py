"""Scene and model to a map of objects: searched window by window, written once and whole."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from spectile.data.mask import Mask
from spectile.data.readers.gdal import CACHE
from spectile.data.scene import Scene, UnreadableError, rows_and_columns
from spectile.errors import InputError
from spectile.files import check_ending, check_output, working_folder
from spectile.mapping.area import Area
from spectile.mapping.cluster.scheduler import Cluster, write_on_cluster
from spectile.mapping.compute import Compute, Method, Precision
from spectile.mapping.instances.geopackage import (
    check_objects_place,
    count_objects,
    is_objects_map,
    write_objects,
)
from spectile.mapping.instances.joining import Joined, Key, join
from spectile.mapping.instances.numbers import NUMBERS, is_numbers, numbers_file, write_numbers
from spectile.mapping.instances.object_finder import ObjectFinder, SearchedWindow, SearchWork
from spectile.mapping.instances.outlines import FoundObject, Ground, columns, whole_objects
from spectile.mapping.instances.searched_windows import SearchedWindows
from spectile.mapping.output.job import check_same_job, describe_job
from spectile.mapping.output.unfinished import COMPLETE, OBJECTS, UnfinishedMap, part_folder
from spectile.mapping.output.writer import refusals
from spectile.mapping.scene_map import MapSummary
from spectile.mapping.tile_work import follow
from spectile.mapping.tiles import intersection, reading_order
from spectile.mapping.window_mapper import Tile
from spectile.model.model import Model
from spectile.model.trained_task import InstanceTask
from spectile.progress import Progress
from spectile.ranges import Fraction, check

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

BATCH = 5000
"""Objects that are written at once."""

Batch = tuple[NDArray[np.object_], Mapping[str, NDArray[Any]]]


class ObjectOptions(TypedDict, total=False):
    """Of finding the objects of a scene, as in :func:`map_objects`."""

    score: float | None
    compute: Compute
    region: Window | None
    mask: Mask | None
    keep_going: bool
    progress: Progress | None


def map_objects(
    model: Model,
    scene: Scene,
    path: str | Path,
    *,
    numbers: bool = False,
    score: float | None = None,
    precision: Precision = "float32",
    memory: float = 1.0,
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
    """Write the objects of `scene` to the GeoPackage `path`, whole or not at all.

    Its layer "objects" has a multipolygon along the pixels' edges for each, in the scene's
    coordinate system, or in columns and rows where the scene has none; with its `number` from 1,
    `class`, `score`, how many `pixels` it has and its `area_m2` on the ellipsoid, where the scene
    says where on Earth it lies. With `numbers` a raster beside it says which object each pixel
    belongs to. Objects less sure than `score` are left out; by default the model says from where
    they count.

    The scene is searched in overlapping windows of the size that the model was trained on. An
    object that several of them show is mapped once: as the window shows it that has it furthest
    from its border, or put together where all of them cut it. All else is as for
    :func:`spectile.mapping.map_scene`; outside of `region` and `mask` there are no objects, and
    those that reach beyond are cut, or left out where less than half is inside.
    """
    start, path = time.perf_counter(), Path(path)
    check_ending(path, "a map of objects", (".gpkg",))
    compute = Compute("dense", precision, memory, str(device))
    area = Area.of(scene, region, mask)
    surer_than = threshold(model, score)
    work = SearchWork(model, replace(area, mask=None), compute, keep_going, surer_than)
    finder = work.mapper()
    finder.check_memory(memory)
    files = (path, *([numbers_file(path)] if numbers else []))
    if resume and not overwrite and is_finished(path, files):
        return MapSummary("windows", "", 0.0, already=True, objects=count_objects(path))
    search = Search(work, finder, area, memory, cluster, progress)
    job = {
        **describe_job(
            *(model, scene),
            method="windows",
            compute=compute,
            layers=(),
            region=area.region,
            mask=search.mask_sha256,
            tile=model.window,
        ),
        "score": surer_than,
    }
    read = (scene.source, *scene.files, *([mask.source] if mask else []), *map(str, inputs))
    with ObjectWriter(path, job, resume=resume, overwrite=overwrite, inputs=read) as writer:
        damage = search.run(writer.searched)
        count = writer.finish(search, model.legend.names, numbers=numbers)
    return MapSummary("windows", "", time.perf_counter() - start, damage, objects=count)


def with_numbers(layers: str | Iterable[str], method: Method, **switches: bool) -> bool:
    """Whether the raster of numbers is among the `layers` of a map of objects.

    `switches` are those of :func:`spectile.mapping.layers.registry.asked_for`. Raises InputError
    for other layers, and for a `method` that such maps don't have.
    """
    names = layers.split(",") if isinstance(layers, str) else layers
    asked = {name.strip() for name in names} - {""} | {name for name, on in switches.items() if on}
    if others := sorted(asked - {NUMBERS}):
        raise InputError(
            f"a map of objects has no layer {others[0]}: its only raster is {NUMBERS}."
        )
    if method == "patches":
        raise InputError(
            "objects are looked for in whole windows, never patch by patch: leave out the method."
        )
    return NUMBERS in asked


def threshold(model: Model, score: float | None) -> float:
    """The score from which objects count: as asked for, or as the model says."""
    if score is not None:
        check("score", score, Fraction)
        return score
    return model.trained_for.sure if isinstance(model.trained_for, InstanceTask) else 0.0


def object_batches(
    model: Model,
    scene: Scene,
    *,
    score: float | None = None,
    compute: Compute = Compute(),  # noqa: B008, frozen
    region: Window | None = None,
    mask: Mask | None = None,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> Generator[Batch]:
    """The objects of a scene in batches of outlines and columns, the first one maybe empty."""
    area = Area.of(scene, region, mask)
    surer_than = threshold(model, score)
    work = SearchWork(model, replace(area, mask=None), compute, keep_going, surer_than)
    finder = work.mapper()
    finder.check_memory(compute.memory)
    search = Search(work, finder, area, compute.memory, None, progress)
    with tempfile.TemporaryDirectory(prefix="spectile-") as folder:
        searched = SearchedWindows(Path(folder) / OBJECTS)
        search.run(searched)
        yield from in_batches(search.objects(searched), model.legend.names, Ground.of(scene))


def objects_frame(model: Model, scene: Scene, **options: Unpack[ObjectOptions]) -> GeoDataFrame:
    """The objects of a scene as a geopandas.GeoDataFrame; the options are of `object_batches`."""
    import geopandas

    batches = list(object_batches(model, scene, **options))
    outlines = np.concatenate([found for found, _ in batches])
    told = {name: np.concatenate([some[name] for _, some in batches]) for name in batches[0][1]}
    crs = None if scene.crs is None else scene.crs.to_wkt()
    return geopandas.GeoDataFrame(told, geometry=outlines, crs=crs)


def in_batches(
    objects: Iterable[FoundObject], names: Sequence[str], ground: Ground
) -> Generator[Batch]:
    """Objects with their columns, numbered from 1; the first batch may be empty."""
    waiting: list[FoundObject] = []
    first = 1

    def batch() -> Batch:
        outlines = ground.placed([one.outline for one in waiting])
        return outlines, columns(waiting, first, names, ground)

    for one in objects:
        waiting.append(one)
        if len(waiting) == BATCH:
            yield batch()
            first, waiting = first + BATCH, []
    if waiting or first == 1:
        yield batch()


@dataclass(frozen=True)
class Search:
    """Everything that has to be searched of a scene."""

    work: SearchWork
    finder: ObjectFinder
    area: Area
    """With its mask."""
    memory: float
    cluster: Cluster | None
    progress: Progress | None
    numbers: tuple[int, ...] = field(init=False)
    """Of the windows with a wanted pixel."""
    mask_sha256: str | None = field(init=False)

    def __post_init__(self) -> None:
        digest, found = hashlib.sha256(), []
        for number in range(len(self.finder.windows)):
            wanted = self._wanted(self.finder.windows.window(number))
            if wanted is None or wanted.any():
                found.append(number)
            if wanted is not None:
                digest.update(np.packbits(wanted).tobytes())
        mask = self.area.mask
        if not found:
            raise InputError(
                f"{mask.source if mask else 'the region'} picks no pixel in "
                f"{rows_and_columns(self.area.region)} of {self.area.scene.source}: check that it "
                "is the right mask."
            )
        object.__setattr__(self, "numbers", tuple(found))
        object.__setattr__(self, "mask_sha256", None if mask is None else digest.hexdigest())

    def run(self, searched: SearchedWindows) -> tuple[UnreadableError, ...]:
        """Search what is left; gives what couldn't be read."""
        finder = self.finder
        windows = [finder.windows.window(number) for number in self.numbers]
        due = [window for window in windows if finder.number(window) not in searched]
        with ExitStack() as stack:
            tiles = map(self._tile, reading_order(due, self.area.scene, 0, CACHE))
            if self.cluster is None or not due:
                stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
                parts = stack.enter_context(closing(finder.parts(tiles)))
                found: Iterator[SearchedWindow] = map(self.work.write, parts)
            else:
                client = stack.enter_context(self.cluster.connected(self.area.scene))
                groups = ([tile] for tile in tiles)
                written = write_on_cluster(client, self.work, groups, self.cluster.threads)
                found = stack.enter_context(closing(written))
            return follow(self._kept(found, searched), windows, due, self.progress)

    def _kept(
        self, found: Iterable[SearchedWindow], searched: SearchedWindows
    ) -> Iterator[SearchedWindow]:
        for one in found:
            searched.add(self.finder.number(one.window), one.objects, again=bool(one.damage))
            yield one

    def joined(self, searched: SearchedWindows) -> Joined:
        """Which pieces are one object."""
        return join(self.finder.windows, searched.numbers, searched.read)

    def objects(
        self, searched: SearchedWindows, number_of: dict[Key, int] | None = None
    ) -> Generator[FoundObject]:
        """The objects, each once and whole; `number_of` is told the number of each piece."""
        joined = self.joined(searched)
        pieces = (
            ((number, place), piece)
            for number in searched.numbers
            for place, piece in enumerate(searched.read(number))
        )
        for number, one in enumerate(whole_objects(pieces, joined), start=1):
            if number_of is not None:
                number_of[one.key] = number
            yield one
        if number_of is not None:
            of_heads = {key: number_of[h] for key, h in joined.head.items() if h in number_of}
            number_of |= {k: n for k, n in of_heads.items() if k not in joined.dropped}

    def _tile(self, window: Window) -> Tile:
        return Tile(window, self._wanted(window))

    def _wanted(self, window: Window) -> NDArray[np.bool_] | None:
        """Which pixels (h, w) of a window lie in region and mask; None for all of them."""
        inside = intersection(window, self.area.region)
        if inside == window and self.area.mask is None:
            return None
        wanted = np.zeros((window.height, window.width), np.bool_)
        if inside is not None:
            rows, across = inside.row_off - window.row_off, inside.col_off - window.col_off
            part = wanted[rows : rows + inside.height, across : across + inside.width]
            part[:] = True if self.area.mask is None else self.area.mask.read(inside)
        return wanted


class ObjectWriter:
    """Holds the folder of an unfinished map of objects, and ends it; use as a context manager.

    What was searched outlives a kill or an exception, and `resume` goes on with it. Raises
    InputError as :class:`spectile.mapping.output.writer.MapWriter`.
    """

    def __init__(
        self,
        path: Path,
        job: Mapping[str, Any],
        *,
        resume: bool,
        overwrite: bool,
        inputs: Sequence[str],
    ) -> None:
        self.path, self._job, self._resume = path, job, resume
        self._overwrite, self._inputs = overwrite, inputs
        self._check_place()

    def _check_place(self) -> None:
        with refusals(self.path):
            if not self.path.parent.is_dir():
                raise InputError(
                    f"{self.path.parent}, the folder for {self.path.name}, is no folder: "
                    "make it first or choose another place."
                )
            complete = (part_folder(self.path) / COMPLETE).is_dir() and self._resume
            overwrite = self._overwrite or complete
            check_objects_place(self.path, overwrite=overwrite, inputs=self._inputs)
            check_output(
                numbers_file(self.path), ours=is_numbers, overwrite=overwrite, inputs=self._inputs
            )
            with working_folder(self.path):
                pass  # it can be written there

    def __enter__(self) -> ObjectWriter:
        with refusals(self.path):
            self._unfinished = UnfinishedMap(self.path)
            try:
                self._check_place()  # another process may just have finished
                begun = self._unfinished.read_job() if self._resume else None
                if begun is not None:
                    check_same_job(self._job, begun, self.path)
                else:
                    self._unfinished.clear()
                    self._unfinished.write_job(self._job)
                self.searched = SearchedWindows(self._unfinished.folder / OBJECTS)
            except BaseException:
                self._unfinished.release()
                raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is None or not self.searched.numbers:
            self._unfinished.remove()
            return
        self._unfinished.release()
        if isinstance(error, InputError):
            sentence = str(error).rstrip(".")
            raise InputError(f"{sentence}; what is mapped is kept for --resume.") from error

    def finish(self, search: Search, names: Sequence[str], *, numbers: bool) -> int:
        """Write the map's files and move them to their places; gives how many objects there are."""

        def make(folder: Path) -> None:
            number_of: dict[Key, int] | None = {} if numbers else None
            objects = search.objects(self.searched, number_of)
            scene = search.area.scene
            batches = in_batches(objects, names, Ground.of(scene))
            write_objects(folder / self.path.name, scene.crs, batches)
            if number_of is not None:
                write_numbers(
                    folder / numbers_file(self.path).name,
                    self._unfinished.folder / f"{NUMBERS}.bil",
                    *(search.area, search.finder.windows, self.searched, number_of),
                )

        with refusals(self.path):
            self._unfinished.finish(make, (self.path, numbers_file(self.path)))
        return count_objects(self.path)


def is_finished(path: Path, files: Iterable[Path]) -> bool:
    """Whether a map of objects is there with all its `files`, and none is under way."""
    if part_folder(path).exists() or any(file.is_symlink() for file in files):
        return False
    return all(file.is_file() for file in files) and is_objects_map(path)
