"""A trained model on image files: a table of classes, or a mask for every image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spectile.errors import InputError
from spectile.files import check_not_input, check_output, not_writable
from spectile.images import (
    IMAGE_SUFFIXES,
    ImageFiles,
    UnreadableImageError,
    load_images,
    read_image,
)
from spectile.images.folders import images_below
from spectile.mapping.scene_map import map_scene
from spectile.model import Model
from spectile.runs.classification import Progress, classify_images, write_predictions
from spectile.runs.segmentation import segment_image
from spectile.scenes.open import open_scene
from spectile.scenes.picture_file import is_picture_file, write_picture_file

AT_ONCE = 512
"""Images that are decoded before they are classified; what memory can't hold is decoded twice."""
NO_CLASS = 255
"""In predicted masks, where an image has no data."""


@dataclass(frozen=True)
class Predicted:
    """What became of the images."""

    images: int
    bad: tuple[tuple[str, str], ...]
    """Name and reason of each that was left out."""


def image_files(paths: Sequence[Path]) -> list[Path]:
    """The image files among `paths` and inside of their folders, in the order of their names.

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
            f"{paths[0]} holds no images: give files that end in {', '.join(IMAGE_SUFFIXES)}."
        )
    return found


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
) -> Predicted:
    """Write a CSV with a row an image: path, class, its probability, those of all classes.

    Raises InputError for an image that can't be read, unless `skip_bad`, and for images of other
    bands than the model's.
    """
    names: list[str] = []
    shares: list[NDArray[np.float32]] = []
    bad: list[tuple[str, str]] = []
    for first in range(0, len(files), AT_ONCE):
        chosen = files[first : first + AT_ONCE]
        store = load_images(
            ImageFiles(tuple(chosen), bands_last),
            range(len(chosen)),
            memory=memory,
            shorter=model.image_edge,
            skip_bad=skip_bad,
        )
        names += store.names
        bad += store.bad
        if len(store):
            shares.append(classify_images(model, store, device=device))
        if progress:
            progress(min(first + AT_ONCE, len(files)), len(files))
    if not names:
        raise InputError(f"none of the {len(files)} images can be read: {bad[0][0]} ({bad[0][1]}).")
    write_predictions(out, names, np.concatenate(shares), model.legend.names)
    return Predicted(len(names), tuple(bad))


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
) -> Predicted:
    """Write a mask for every image into the folder `out`, under the image's name.

    A GeoTIFF with a place on the ground gets a map of the same place (.tif); any other image a PNG
    with the legend's colours and the numbers of the training masks, 255 where it has no data.
    Folders inside of `roots` are kept. Raises InputError as :func:`predict_classes`, and for a mask
    that is there already unless `overwrite`; never is an image written over, another of the
    `inputs`, or a file that isn't a mask of ours. `out` lies outside of the `roots`.
    """
    bad: list[tuple[str, str]] = []
    targets = [out / _inside(file, roots) for file in files]
    _check_targets(out, targets, files, roots)
    for done, (file, target) in enumerate(zip(files, targets, strict=True), start=1):
        try:
            _predict_mask(model, file, target, bands_last, overwrite, memory, device, inputs)
        except UnreadableImageError as error:
            if not skip_bad:
                raise InputError(f"{error} Or add --skip-bad to leave such files out.") from error
            bad.append((str(file), str(error)))
        if progress:
            progress(done, len(files))
    return Predicted(len(files) - len(bad), tuple(bad))


def _check_targets(
    out: Path, targets: Sequence[Path], files: Sequence[Path], roots: Sequence[Path]
) -> None:
    """Raise InputError for masks among the images, over them, over one another, or behind links."""
    if out.is_symlink():
        raise InputError(f"{out} is a link: name the folder itself, or choose another --out.")
    for root in roots:
        if root.is_dir() and out.resolve().is_relative_to(root.resolve()):
            raise InputError(
                f"{out} lies in {root}, where its masks would be taken for images the next time: "
                "choose an --out outside of it."
            )
    images = {file.resolve() for file in files}
    named: dict[Path, Path] = {}
    for file, target in zip(files, targets, strict=True):
        for path in (target.with_suffix(suffix) for suffix in (".png", ".tif")):
            if path.exists() and path.resolve() in images:
                check_not_input(path, [path])
        plain = file.suffix.lower() not in (".tif", ".tiff")
        if plain and (other := named.setdefault(target.with_suffix(".png"), file)) != file:
            raise InputError(
                f"the masks of {other} and {file} would have one name: predict them into two "
                "folders."
            )
        for folder in target.parents:
            if folder == out:
                break
            if folder.is_symlink():
                raise InputError(f"{folder} is a link: move it, or choose another --out.")


def _predict_mask(
    model: Model,
    file: Path,
    target: Path,
    bands_last: bool,
    overwrite: bool,
    memory: float,
    device: str,
    inputs: Sequence[Path],
) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(target.parent, error) from error
    image = read_image(file, bands_last=bands_last)
    if file.suffix.lower() in (".tif", ".tiff"):
        scene = open_scene(str(file))
        if scene.crs is not None:
            path = target.with_suffix(".tif")
            map_scene(
                model,
                scene,
                path,
                overwrite=overwrite,
                inputs=inputs,
                memory=memory,
                device=device,
            )
            return
    path = target.with_suffix(".png")
    check_output(path, ours=is_picture_file, overwrite=overwrite)
    classes = segment_image(model, image, str(file), memory=memory, device=device)
    write_picture_file(mask_picture(classes, model), path)


def mask_picture(classes: NDArray[np.int32], model: Model) -> Image.Image:
    """Places in the legend (H, W) as an image of the masks' own numbers, with colours up to 255."""
    values = model.mask_values or model.legend.values
    numbers = np.array([NO_CLASS, *values], np.uint16)[classes]
    if max(values) > NO_CLASS:
        return Image.fromarray(numbers)
    picture = Image.fromarray(numbers.astype(np.uint8), mode="P")
    palette = np.zeros((256, 3), np.uint8)
    palette[list(values)] = model.legend.colors
    picture.putpalette(palette.ravel().tolist())
    return picture


def _inside(file: Path, roots: Sequence[Path]) -> Path:
    """The place of a file inside of the folder that it was found in."""
    for root in roots:
        if root.is_dir() and file.is_relative_to(root):
            return file.relative_to(root)
    return Path(file.name)
