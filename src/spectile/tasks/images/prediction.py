"""A trained model on image files: a table of classes, or a mask for every image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS

from spectile.data.images import (
    ImageFiles,
    UnreadableImageError,
    image_suffixes,
    load_images,
)
from spectile.data.images.folders import images_below
from spectile.data.labels.legend import LARGEST_VALUE
from spectile.data.picture_file import is_picture_file, write_picture_file
from spectile.data.readers.gdal import georeference
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.pictures import picture_kind
from spectile.data.readers.pixel_types import stored_type
from spectile.data.readers.raster_file import opened
from spectile.data.readers.unreadable import damage_named
from spectile.errors import InputError
from spectile.files import check_output, not_writable
from spectile.mapping.scene_map import map_scene
from spectile.model.model import Model
from spectile.progress import Progress
from spectile.tasks.images.classify_images import classify_images, write_predictions
from spectile.tasks.images.mask_places import mask_places
from spectile.tasks.images.segment_image import segment_image

AT_ONCE = 512
"""Images that are decoded before they are classified; what memory can't hold is decoded twice."""
NO_CLASS = 255
"""In predicted masks, where an image has no data, unless it is a class."""


@dataclass(frozen=True)
class Predictions:
    """What became of the images."""

    images: int
    bad: tuple[tuple[str, str], ...]
    """Name and reason of each that was left out."""
    notes: tuple[str, ...] = ()
    """Sentences that a reader of the predictions should know."""


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The image files among `paths` and inside of their folders, each once, sorted by name.

    Raises InputError for a path that isn't there, and if there is no image.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += images_below(path).paths
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"There is no image {path}: give files or folders of images.")
    if not found:
        raise InputError(
            f"{paths[0]} holds no images: give files that end in {', '.join(image_suffixes())}."
        )
    return list({file.resolve(): file for file in reversed(found)}.values())[::-1]


def predict_classes(
    model: Model,
    files: Sequence[Path],
    out: Path,
    *,
    bands_last: bool = True,
    skip_bad: bool = False,
    memory: float = 1.0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Predictions:
    """Write a CSV with a row an image: path, class, its probability, those of all classes.

    Raises InputError for an image that can't be read, unless `skip_bad`, and for images of other
    bands than the model's.
    """
    names: list[str] = []
    probabilities: list[NDArray[np.float32]] = []
    bad: list[tuple[str, str]] = []
    types: list[str | None] = []
    if out.resolve() in {file.resolve() for file in files}:
        raise InputError(f"{out} is one of the images: choose another --out.")
    for first in range(0, len(files), AT_ONCE):
        chosen = files[first : first + AT_ONCE]
        store = load_images(
            ImageFiles(tuple(chosen), bands_last, bands=model.scene_bands),
            range(len(chosen)),
            memory=memory,
            shorter=model.image_edge,
            skip_bad=skip_bad,
        )
        names += store.names
        types += store.pixel_types
        bad += store.bad
        if len(store):
            probabilities.append(classify_images(model, store, device=device))
        if progress:
            progress(min(first + AT_ONCE, len(files)), len(files))
    if not names:
        raise InputError(f"none of the {len(files)} images can be read: {bad[0][0]} ({bad[0][1]}).")
    write_predictions(out, names, np.concatenate(probabilities), model.legend.names)
    return Predictions(len(names), tuple(bad), note_on_other_types(model, types))


def predict_masks(
    model: Model,
    files: Sequence[Path],
    out: Path,
    *,
    roots: Sequence[Path] = (),
    bands_last: bool = True,
    skip_bad: bool = False,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    memory: float = 1.0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Predictions:
    """Write a mask for every image into the folder `out`, under the image's name.

    A GeoTIFF with a place on the ground gets a map of the same place (.tif); any other image a PNG
    with the legend's colours and the numbers of the training masks, and where it has no data
    255, or the next number below that is no class. Folders inside of `roots` are kept; see
    :func:`mask_places`. Raises InputError as :func:`predict_classes`, and for a mask that is there
    already unless `overwrite`; never is an image written over, another of the `inputs`, or a file
    that isn't a mask of ours. `out` lies outside of the `roots`.
    """
    places = {file: _place_of(file) for file in files}
    targets = mask_places(
        files,
        roots,
        out,
        lambda file: ".tif" if places[file] else ".png",
        overwrite=overwrite,
    )
    bad: list[tuple[str, str]] = []
    check_folders(out, targets, roots)
    types: list[str | None] = []
    source = ImageFiles(tuple(files), bands_last, bands=model.scene_bands)
    for index, (file, target) in enumerate(zip(files, targets, strict=True)):
        try:
            image = source.read(index)
        except UnreadableImageError as error:
            if not skip_bad:
                raise InputError(f"{error} Or add --skip-bad to leave such files out.") from error
            bad.append((str(file), str(error)))
        else:
            types.append(stored_type(image))
            _predict_mask(
                model, image, places[file], str(file), target, overwrite, memory, device, inputs
            )
        if progress:
            progress(index + 1, len(files))
    notes = [*note_on_other_types(model, types)]
    if no_class(model) != NO_CLASS and len(bad) < len(files):
        notes.append(f"{no_class(model)} means no data in the masks, for {NO_CLASS} is a class.")
    return Predictions(len(files) - len(bad), tuple(bad), tuple(notes))


def check_folders(out: Path, targets: Sequence[Path], roots: Sequence[Path]) -> None:
    """Raise InputError for masks among the images, or behind links."""
    if out.is_symlink():
        raise InputError(f"{out} is a link: name the folder itself, or choose another --out.")
    for root in roots:
        if root.is_dir() and out.resolve().is_relative_to(root.resolve()):
            raise InputError(
                f"{out} lies in {root}, where its masks would be taken for images the next time: "
                "choose an --out outside of it."
            )
    for target in targets:
        for folder in target.parents:
            if folder == out:
                break
            if folder.is_symlink():
                raise InputError(f"{folder} is a link: move it, or choose another --out.")


def _predict_mask(
    model: Model,
    image: NDArray[Any],
    place: tuple[CRS, Affine] | None,
    name: str,
    target: Path,
    overwrite: bool,
    memory: float,
    device: str,
    inputs: Sequence[Path],
) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(target.parent, error) from error
    if place is not None:
        scene = scene_from_array(image, crs=place[0], transform=place[1], source=name)
        map_scene(
            model,
            scene,
            target,
            overwrite=overwrite,
            inputs=inputs,
            memory=memory,
            device=device,
        )
        return
    check_output(target, ours=is_picture_file, overwrite=overwrite, inputs=inputs)
    classes = segment_image(model, image, name, memory=memory, device=device)
    write_picture_file(mask_picture(classes, model), target)


def _place_of(file: Path) -> tuple[CRS, Affine] | None:
    """Where a TIFF lies on the ground; None for one that doesn't say, and for other files."""
    if file.suffix.lower() not in (".tif", ".tiff"):
        return None
    try:
        with damage_named(file):
            if picture_kind(file) != "tiff":
                return None
            with opened(file, "tiff") as dataset:
                crs, transform, _ = georeference(dataset)
    except UnreadableImageError:
        return None  # whoever reads it will say so
    return None if crs is None or transform is None else (crs, transform)


def no_class(model: Model) -> int:
    """The number that stands for no data in predicted masks: 255 or the next that is no class."""
    values = set(model.mask_values or model.legend.values)
    most = NO_CLASS if max(values) <= NO_CLASS else LARGEST_VALUE
    candidates = [NO_CLASS, *range(most, -1, -1), LARGEST_VALUE]
    found: int = next(number for number in candidates if number not in values)
    return found


def mask_picture(classes: NDArray[np.int32], model: Model) -> Image.Image:
    """Class indices (H, W), 0 without a class, as an image of the masks' own numbers.

    Up to 255 it has a palette with the classes' colours.
    """
    values = model.mask_values or model.legend.values
    numbers = np.array([no_class(model), *values], np.uint16)[classes]
    if max(*values, no_class(model)) > NO_CLASS:
        return Image.fromarray(numbers)
    picture = Image.fromarray(numbers.astype(np.uint8), mode="P")
    palette = np.zeros((256, 3), np.uint8)
    palette[list(values)] = model.legend.colors
    picture.putpalette(palette.ravel().tolist())
    return picture


def note_on_other_types(model: Model, types: Sequence[str | None]) -> tuple[str, ...]:
    """A note on images that were stored in other numbers than those of the training."""
    trained: list[str] = model.provenance.get("pixel_types") or []
    others = Counter(kind for kind in types if kind is not None and kind not in trained)
    if not others or not trained:
        return ()
    found = " and ".join(f"{count} as {kind}" for kind, count in others.items())
    return (
        f"Of {len(types)} images {found} came in other numbers than those trained on "
        f"({', '.join(trained)}): a model knows its own scale alone.",
    )
