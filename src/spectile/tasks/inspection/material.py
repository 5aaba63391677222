"""What a model is watched on: windows of a scene, crops of images, or whole images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from spectile.data.images import ImageFiles, ImageSource, load_images
from spectile.data.labels.labels import Labels, open_labels
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.quicklook import color_bands
from spectile.data.readers.as_scene import SceneSource, as_scene
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.data.splits.splits import TEST
from spectile.errors import InputError
from spectile.inspecting.samples import Samples, as_samples, centring
from spectile.mapping.output.split_raster import SPLIT_LEGEND
from spectile.mapping.window_mapper import around_windows
from spectile.model.model import Model
from spectile.model.trained_task import ImageTask, PixelTask, WindowTask
from spectile.networks.map_channels import evaluating
from spectile.reports.sample_picture import sample_picture
from spectile.tasks.config import parse_config
from spectile.tasks.entries.classify import ClassifyConfig
from spectile.tasks.entries.scene import SceneConfig
from spectile.tasks.entries.segment import SegmentConfig
from spectile.tasks.files import CONFIG, SPLIT
from spectile.tasks.images.classify import ClassifyTask
from spectile.tasks.images.prediction import image_files
from spectile.tasks.mask_labels import mask_labels
from spectile.tasks.registry import task_entry
from spectile.tasks.scene.material import open_material
from spectile.tasks.scores import read_map
from spectile.tasks.yaml_file import read_yaml
from spectile.training.learners.image_samples import LabelledImages

MOST = 1000
"""Samples at most, whatever the classes."""
BYTES = 256 * 2**20
"""Of all samples at most, as they are held."""
CROPS = 64
"""Of images of which every pixel is classified: each tells of many pixels."""
SHOWN = 8
"""Samples that maps are shown of, one a class."""
SCATTERED = 20
"""Random pixels that are tried for one that holds data."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A sample as people see it."""

    name: str
    place: int
    """Among the samples."""
    picture: NDArray[np.uint8]
    """(h, w, 3)."""


@dataclass(frozen=True, eq=False)
class Material:
    """Samples for a model, and how they came about."""

    source: str
    samples: Samples
    labelled: bool
    """Whether the classes are labels; else they are the model's."""
    shown: tuple[Shown, ...]
    notes: tuple[str, ...]
    scene: Scene | None = None


@dataclass(frozen=True)
class _Drawn:
    """Samples before their classes are known for sure."""

    names: list[str]
    centred: list[Tensor]
    pictures: Sequence[NDArray[np.uint8] | None]
    """None: made of the sample itself."""
    classes: NDArray[np.int64] | None
    """None: the model is asked."""


def open_for_inspection(
    model: Model,
    data: SceneSource | Any,
    *,
    labels: str | None = None,
    column: str | None = None,
    bands_last: bool | None = None,
    count: int,
    seed: int,
) -> Material:
    """At most `count` samples of each class out of `data`, drawn from `seed`.

    `data` is a scene, an image, a folder of images, or the directory of a run, whose test side is
    taken. Images lie in folders that are named as their classes, or the model names them. Raises
    InputError for data that doesn't fit the model, or holds nothing to look at.
    """
    run = Path(data) if isinstance(data, str | Path) and Path(data, CONFIG).is_file() else None
    if run is not None and labels is not None:
        raise InputError(f"{run} is a run, which has its labels: leave out --labels.")
    drawing = _Drawing(model, count, seed)
    if isinstance(model.trained_for, ImageTask):
        if labels is not None:
            raise InputError(
                "the model classifies whole images, whose labels are the names of their folders: "
                "leave out --labels."
            )
        return _of_images(drawing, data, run, bands_last)
    if isinstance(model.trained_for, PixelTask):
        return _of_crops(drawing, data, run, bands_last)
    if not isinstance(model.trained_for, WindowTask):
        raise InputError(f"the model is for the task {model.task}: give one of scenes or images.")
    return _of_windows(drawing, data, run, labels, column, bands_last)


@dataclass(frozen=True)
class _Drawing:
    """How samples are drawn."""

    model: Model
    count: int
    seed: int

    @property
    def chance(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def of_each(self, classes: NDArray[np.int64], pixels: int) -> tuple[NDArray[np.intp], str]:
        """Places of samples of `pixels` numbers each, in random order, and a note.

        Class after class, as many of each as there is room for.
        """
        present = np.unique(classes)
        each = max(1, min(self.count, self.room(pixels) // max(1, len(present))))
        order = self.chance.permutation(len(classes))
        chosen = [order[classes[order] == index][:each] for index in present]
        places = np.concatenate(chosen) if chosen else np.empty(0, np.intp)
        note = ""
        if len(places) < len(classes):
            note = f"A sample: at most {each:,} of each class, of {len(classes):,} in all."
        return places, note

    def room(self, pixels: int) -> int:
        """How many samples of `pixels` numbers each there may be."""
        return max(1, min(MOST, BYTES // (4 * max(1, pixels))))

    def finished(
        self,
        source: str,
        drawn: _Drawn,
        notes: Sequence[str],
        *,
        scene: Scene | None = None,
        preprocessing: Preprocessing | None = None,
    ) -> Material:
        """Samples with their classes, those of each class together."""
        reducer = (preprocessing or self.model.preprocessing).reducer
        known = self.model.applicability
        mean = (
            known.spectra.mean(axis=0)
            if known is not None and known.spectra.shape[1] == reducer.bands
            else np.mean([one.mean((1, 2)).numpy() for one in drawn.centred], axis=0)
        )
        asked = drawn.classes if drawn.classes is not None else np.zeros(len(drawn.names), np.int64)
        samples = as_samples(drawn.centred, asked, reducer, mean)
        if drawn.classes is None:
            samples = as_samples(drawn.centred, _said(self.model, samples), reducer, mean)
        order = np.argsort(samples.classes, kind="stable")
        samples = samples.part(order)
        names = [drawn.names[at] for at in order]
        pictures = [drawn.pictures[at] for at in order]
        firsts = [int(np.argmax(samples.classes == k)) for k in np.unique(samples.classes)]
        few = np.linspace(0, len(firsts) - 1, min(SHOWN, len(firsts))).round().astype(int)
        shown = []
        for at in (firsts[place] for place in few.tolist()):
            picture = pictures[at]
            if picture is None:
                picture = sample_picture(samples.centred[at].numpy(), self._shown_bands(scene))
            shown.append(Shown(names[at], at, picture))
        told = tuple(note for note in notes if note)
        return Material(source, samples, drawn.classes is not None, tuple(shown), told, scene)

    def _shown_bands(self, scene: Scene | None) -> tuple[int, int, int] | None:
        """Among the model's bands, those nearest to the ones that a scene is shown in."""
        if scene is None:
            return None
        bands = np.array(self.model.for_scene(scene).bands)
        red, green, blue = (int(np.abs(bands - band).argmin()) for band in color_bands(scene))
        return red, green, blue


def _of_windows(
    drawing: _Drawing,
    data: Any,
    run: Path | None,
    labels: str | None,
    column: str | None,
    bands_last: bool | None,
) -> Material:
    model, known = drawing.model, None
    notes: list[str] = []
    if run is not None:
        scene, known, note = _run_scene(model, run)
        notes.append(note)
    else:
        scene = as_scene(data, model.scene_bands, bands_last)
    if labels is not None:
        known, told = mask_labels(model, labels, scene, None)
        notes += told
        known = known or open_labels(labels, like=scene, column=column, legend=model.legend)
    preprocessing = model.for_scene(scene)
    pixels = len(preprocessing.bands) * model.window**2
    classes = None
    if known is None:
        wanted = min(drawing.count * len(model.legend), drawing.room(pixels))
        rows, columns = _scattered(scene, wanted, drawing.chance)
        notes.append(f"{len(rows):,} pixels from all over the scene.")
    else:
        rows, columns = np.nonzero(known.classes)
        if not len(rows):
            raise InputError(f"no pixel of {scene.source} is labelled: give labels that lie on it.")
        classes = known.classes[rows, columns].astype(np.int64) - 1
        places, note = drawing.of_each(classes, pixels)
        rows, columns, classes = rows[places], columns[places], classes[places]
        notes.append(note)
    held, centred = _windows_at(model, scene, preprocessing, rows, columns)
    if len(held) < len(rows):
        notes.append(f"{len(rows) - len(held):,} of these pixels hold no data and were left out.")
    names = [f"row {rows[at] + 1}, column {columns[at] + 1}" for at in held]
    drawn = _Drawn(names, centred, [None] * len(held), None if classes is None else classes[held])
    return drawing.finished(scene.source, drawn, notes, scene=scene, preprocessing=preprocessing)


def _windows_at(
    model: Model,
    scene: Scene,
    preprocessing: Preprocessing,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> tuple[list[int], list[Tensor]]:
    """Which of the pixels hold data, and their windows; InputError where none does."""
    reducer = centring(preprocessing.reducer)
    bare = Preprocessing(preprocessing.bands, reducer, preprocessing.padding)
    values = model.values_of(scene)
    held, centred = [], []
    for place, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        window, valid = bare.read(values, Window(column, row, 1, 1), model.window // 2)
        if valid[0, 0]:
            held.append(place)
            centred.append(torch.from_numpy(around_windows(window, model.window)))
    if not held:
        raise InputError(
            f"none of {len(rows):,} pixels of {scene.source} that were looked at holds data: give "
            "a scene that holds some."
        )
    return held, centred


def _scattered(
    scene: Scene, count: int, chance: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of random pixels, no more than there are."""
    total = scene.height * scene.width
    drawn = (
        chance.permutation(total)[:count]
        if total < 10 * count
        else chance.integers(0, total, count)
    )
    places = np.unique(drawn)
    return places // scene.width, places % scene.width


def _run_scene(model: Model, run: Path) -> tuple[Scene, Labels, str]:
    """Scene and labels of a run, on its test side where it left one."""
    config = _config(run, SceneConfig, "a run of train scene")
    scene, labels = open_material(config)
    if labels.legend.names != model.legend.names:
        raise InputError(
            f"{run} has other classes than the model: give its own model.safetensors, or the scene "
            "with --labels."
        )
    split = run / SPLIT
    if not split.exists():
        return (
            scene,
            labels,
            f"{run.name} has no {SPLIT}: all of its labelled pixels are looked at.",
        )
    test = read_map(split, SPLIT_LEGEND) == TEST
    if test.shape != labels.classes.shape:
        raise InputError(f"{split} has another size than {scene.source}: give the scene itself.")
    kept = Labels(np.where(test, labels.classes, 0), labels.legend, labels.notes, labels.tally)
    return scene, kept, "Test pixels of the run alone: none of them was trained on."


def _config(run: Path, kind: type[Any], what: str) -> Any:
    document = read_yaml(run / CONFIG)
    task = document.get("task") if isinstance(document, dict) else None
    if isinstance(task, str) and task_entry(task).config is not kind:
        raise InputError(f"{run} is a run of train {task}, and the model is of {what}.")
    return parse_config(document, str(run / CONFIG), kind)


def _of_images(drawing: _Drawing, data: Any, run: Path | None, bands_last: bool | None) -> Material:
    model = drawing.model
    notes: list[str] = []
    source: ImageSource
    classes: NDArray[np.int64] | None
    name = str(run or data)
    if run is not None:
        config = _config(run, ClassifyConfig, "a run of train classify")
        images, _ = ClassifyTask().listed(config)
        if images.legend.names != model.legend.names:
            raise InputError(f"{run} has other classes than the model: give a folder of images.")
        chosen = images.select(TEST)
        source, classes = images.images, images.classes[chosen]
        notes.append("Test images of the run alone: none of them was trained on.")
    else:
        files = image_files([Path(data)])
        source = ImageFiles(tuple(files), bands_last is not False, bands=model.scene_bands)
        chosen, classes, note = _named(files, model.legend.names)
        notes.append(note)
    # Of images of any size nobody knows how large the largest is before it is read.
    edge = model.image_edge or 512
    size = len(model.preprocessing.bands) * edge**2
    if classes is not None:
        places, note = drawing.of_each(classes, size)
        chosen, classes = chosen[places], classes[places]
        notes.append(note)
    else:
        wanted = min(drawing.count * len(model.legend), drawing.room(size))
        if wanted < len(chosen):
            notes.append(f"A sample: {wanted:,} of {len(chosen):,} images.")
        chosen = drawing.chance.permutation(chosen)[:wanted]
    store = load_images(source, chosen.tolist(), memory=1.0, shorter=model.image_edge)
    if store.bands != model.scene_bands:
        raise InputError(
            f"{store.names[0]} has {store.bands} bands, but the model was trained on "
            f"{model.scene_bands}: give images of the same kind."
        )
    cut = LabelledImages(store, np.zeros(len(store), np.int64), edge=model.image_edge)
    centred, pictures = [], []
    for at in range(len(store)):
        pixels = cut.__getitems__([at])[0][0].numpy()
        centred.append(_centred(model, pixels))
        pictures.append(sample_picture(pixels) if max(pixels.shape[1:]) <= 512 else None)
    drawn = _Drawn([Path(n).name for n in store.names], centred, pictures, classes)
    return drawing.finished(name, drawn, notes)


def _named(
    files: Sequence[Path], names: Sequence[str]
) -> tuple[NDArray[np.intp], NDArray[np.int64] | None, str]:
    """Places and classes of the images whose folder is called as a class, all if none is.

    Of nested folders the innermost counts.
    """
    index = {name: place for place, name in enumerate(names)}
    known = [
        next((index[part] for part in reversed(file.parts[:-1]) if part in index), -1)
        for file in files
    ]
    classes = np.array(known, np.int64)
    if (classes < 0).all():
        return np.arange(len(files)), None, ""
    places = np.flatnonzero(classes >= 0)
    lost = len(files) - len(places)
    note = f"{lost:,} images lie in no folder that is called as a class: left out." if lost else ""
    return places, classes[places], note


def _of_crops(drawing: _Drawing, data: Any, run: Path | None, bands_last: bool | None) -> Material:
    model = drawing.model
    if run is not None:
        config = _config(run, SegmentConfig, "a run of train segment")
        data = config.scene or config.images
    scenes = [model.as_trained(one) for one in _pictures(drawing, data, bands_last)]
    wanted = min(CROPS, drawing.room(len(model.preprocessing.bands) * model.window**2))
    names, centred, pictures = [], [], []
    for number in range(wanted if len(scenes) == 1 else min(wanted, len(scenes))):
        scene = scenes[number] if len(scenes) > 1 else scenes[0]
        here = _somewhere(scene, model.window, np.random.default_rng((drawing.seed, number)))
        preprocessing = model.for_scene(scene)
        reducer = centring(preprocessing.reducer)
        bare = Preprocessing(preprocessing.bands, reducer, preprocessing.padding)
        values, valid = bare.read(model.values_of(scene), here, 0)
        if valid.any():
            centred.append(torch.from_numpy(values))
            pictures.append(sample_picture(scene.read(here), color_bands(scene)))
            where = f"row {here.row_off + 1}, column {here.col_off + 1}"
            names.append(f"{Path(scene.source).name}, {where}")
    if not names:
        raise InputError(f"{data} holds no data where it was looked at: give other images.")
    note = (
        f"{len(names)} crops of at most {model.window} pixels a side; the class of a crop is the "
        "one that the network gives to most of its pixels."
    )
    source = str(run or (scenes[0].source if len(scenes) == 1 else data))
    return drawing.finished(source, _Drawn(names, centred, pictures, None), [note])


def _pictures(drawing: _Drawing, data: Any, bands_last: bool | None) -> list[Scene]:
    """A scene, or some of a folder's images."""
    bands = drawing.model.scene_bands
    if not (isinstance(data, str | Path) and Path(data).is_dir()):
        return [as_scene(data, bands, bands_last)]
    files = image_files([Path(data)])
    source = ImageFiles(tuple(files), bands_last is not False, bands=bands)
    picked = drawing.chance.permutation(len(files))[:CROPS]
    return [scene_from_array(source.read(at), source=files[at].name) for at in picked.tolist()]


def _somewhere(scene: Scene, edge: int, chance: np.random.Generator) -> Window:
    """A square of a scene, smaller where that is."""
    height, width = min(edge, scene.height), min(edge, scene.width)
    row = int(chance.integers(0, scene.height - height + 1))
    return Window(int(chance.integers(0, scene.width - width + 1)), row, width, height)


def _centred(model: Model, pixels: NDArray[Any]) -> Tensor:
    """An image (all bands, h, w) as :class:`Samples` hold it."""
    values = pixels[list(model.preprocessing.bands)]
    valid = np.isfinite(pixels).all(axis=0)
    return torch.from_numpy(centring(model.preprocessing.reducer).apply(values, valid))


def _said(model: Model, samples: Samples) -> NDArray[np.int64]:
    """The class that the model itself gives to each sample; of crops the most frequent one."""
    found = np.empty(len(samples), np.int64)
    with torch.inference_mode(), evaluating(model.network):
        for places, centred in samples.batches():
            logits = model.network(samples.components(centred))
            best = logits.argmax(1)
            if best.ndim > 1:
                best = best.flatten(1).mode(1).values
            found[places] = best.numpy()
    return found
