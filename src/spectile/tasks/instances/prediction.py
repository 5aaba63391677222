"""Images in, objects out: COCO results, or label images with a table and pictures of outlines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from spectile.compat.pycocotools import encoded
from spectile.data.images import ImageFiles, UnreadableImageError
from spectile.data.instances.objects import Objects
from spectile.data.picture_file import is_picture_file, write_picture_file
from spectile.data.readers.pixel_types import stored_type
from spectile.errors import InputError
from spectile.files import check_output, not_writable, write_aside
from spectile.model.model import Model
from spectile.progress import Progress
from spectile.reports.sample_picture import sample_picture
from spectile.tasks.images.mask_places import mask_places
from spectile.tasks.images.prediction import Predictions, check_folders, note_on_other_types
from spectile.tasks.instances.find_objects import find_objects
from spectile.tasks.tables import write_table

TABLE = "objects.csv"
COLUMNS = ["image", "number", "class", "score", "pixels", "left", "top", "right", "bottom"]
MOST = 65_535
"""Objects of an image whose numbers a PNG of 16 bits holds."""

Found = tuple[Objects, NDArray[np.float64]]
"""The objects of an image, the surest first, and their scores."""


def predict_coco(
    model: Model,
    files: Sequence[Path],
    out: Path,
    *,
    bands_last: bool = True,
    skip_bad: bool = False,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Predictions:
    """Write what is found as COCO results: image, category, score, box and run-length mask each.

    All that is found is there, however unsure, as scoring wants it. `category_id` is the class's
    number in the legend; `image_id` is the number that the file is called by where all are called
    by different numbers, else its place in the list, from 1. `file_name` says it in any case.
    Raises InputError for an image that can't be read, unless `skip_bad`, and for images of other
    bands than the model's.
    """
    results: list[dict[str, Any]] = []
    numbers = _image_numbers(files)

    def keep(index: int, _: NDArray[Any], found: Found) -> None:
        objects, scores = found
        for place, score in enumerate(scores.tolist()):
            left, top, right, bottom = objects.boxes[place].tolist()
            whole = np.zeros((objects.height, objects.width), np.bool_)
            whole[top:bottom, left:right] = objects.masks[place]
            results.append(
                {
                    "image_id": numbers[index],
                    "file_name": str(files[index]),
                    "category_id": model.legend.values[int(objects.classes[place])],
                    "bbox": [left, top, right - left, bottom - top],
                    "score": score,
                    "segmentation": _run_lengths(whole),
                }
            )

    done = _each(model, files, keep, bands_last, skip_bad, device, progress)
    with write_aside(out) as aside:
        aside.write_text(json.dumps(results), encoding="utf-8")
    return done


def is_coco_results(path: Path) -> bool:
    """Whether a file is such a list of ours."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    keys = {"image_id", "file_name", "category_id", "bbox", "score", "segmentation"}
    return isinstance(results, list) and all(
        isinstance(one, dict) and one.keys() == keys for one in results
    )


def predict_label_images(
    model: Model,
    files: Sequence[Path],
    out: Path,
    *,
    sure: float,
    roots: Sequence[Path] = (),
    bands_last: bool = True,
    skip_bad: bool = False,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
    device: str = "cpu",
    progress: Progress | None = None,
) -> Predictions:
    """Write a label image for every image into the folder `out`, a picture, and a table of all.

    A label image is a PNG of 16 bits under the image's name, with a number above 0 for each object
    from the score `sure` on; where objects overlap a pixel is the surest one's. Beside it,
    NAME_outlines.png shows the image with their outlines. objects.csv has a row an object. What is
    there already, and what is never written over, are as for
    :func:`spectile.tasks.images.prediction.predict_masks`.
    """
    targets = mask_places(files, roots, out, lambda _: ".png", overwrite=overwrite)
    pictures = mask_places(files, roots, out, lambda _: "_outlines.png", overwrite=overwrite)
    if clash := set(targets) & set(pictures):
        raise InputError(
            f"{min(clash)} would be both a label image and a picture of outlines: rename one of "
            "the images, or predict them apart."
        )
    check_folders(out, targets, roots)
    given = [*inputs, *files]
    for path in (*targets, *pictures):
        check_output(path, ours=is_picture_file, overwrite=overwrite, inputs=given)
    check_output(out / TABLE, ours=_is_table, overwrite=overwrite, inputs=given)
    rows: list[list[str]] = []

    def keep(index: int, image: NDArray[Any], found: Found) -> None:
        objects, scores = found
        count = int(np.count_nonzero(scores >= sure))
        if count > MOST:
            raise InputError(
                f"{files[index]} has {count:,} objects, and a label image holds {MOST:,}: write "
                "COCO results, with an --out that ends in .json."
            )
        try:
            targets[index].parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_writable(targets[index].parent, error) from error
        numbers = label_image(objects, count)
        write_picture_file(Image.fromarray(numbers), targets[index])
        picture = with_outlines(sample_picture(image), objects, count, model.legend.colors)
        write_picture_file(Image.fromarray(picture), pictures[index])
        for place in range(count):
            box = map(str, objects.boxes[place].tolist())
            name = model.legend.names[int(objects.classes[place])]
            pixels = int(np.count_nonzero(numbers == place + 1))
            score = f"{scores[place]:.6f}"
            rows.append([str(files[index]), str(place + 1), name, score, str(pixels), *box])

    done = _each(model, files, keep, bands_last, skip_bad, device, progress)
    write_table(out / TABLE, COLUMNS, rows)
    return done


def label_image(objects: Objects, count: int) -> NDArray[np.uint16]:
    """The first `count` objects by their numbers from 1, (H, W); the first ones lie on top."""
    numbers = np.zeros((objects.height, objects.width), np.uint16)
    for place in reversed(range(count)):
        left, top, right, bottom = objects.boxes[place]
        numbers[top:bottom, left:right][objects.masks[place]] = place + 1
    return numbers


def with_outlines(
    picture: NDArray[np.uint8],
    objects: Objects,
    count: int,
    colors: Sequence[tuple[int, int, int]],
) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with the borders of the first `count` objects in their class's colour."""
    drawn = picture.copy()
    for place in reversed(range(count)):
        left, top, right, bottom = objects.boxes[place]
        mask = objects.masks[place]
        drawn[top:bottom, left:right][mask & ~binary_erosion(mask)] = colors[
            int(objects.classes[place])
        ]
    return drawn


def _each(
    model: Model,
    files: Sequence[Path],
    keep: Callable[[int, NDArray[Any], Found], None],
    bands_last: bool,
    skip_bad: bool,
    device: str,
    progress: Progress | None,
) -> Predictions:
    """Search image after image, and hand each on with what was found."""
    bad: list[tuple[str, str]] = []
    types: list[str | None] = []
    source = ImageFiles(tuple(files), bands_last, bands=model.scene_bands)
    for index, file in enumerate(files):
        try:
            image = source.read(index)
        except UnreadableImageError as error:
            if not skip_bad:
                raise InputError(f"{error} Or add --skip-bad to leave such files out.") from error
            bad.append((str(file), str(error)))
        else:
            types.append(stored_type(image))
            keep(index, image, find_objects(model, image, str(file), device=device))
        if progress:
            progress(index + 1, len(files))
    if len(bad) == len(files):
        raise InputError(f"none of the {len(files)} images can be read: {bad[0][0]} ({bad[0][1]}).")
    return Predictions(len(files) - len(bad), tuple(bad), note_on_other_types(model, types))


def _image_numbers(files: Sequence[Path]) -> list[int]:
    names = [file.stem for file in files]
    numbers = [int(name) for name in names if name.isascii() and name.isdecimal()]
    if len(set(numbers)) == len(names):
        return numbers
    return list(range(1, len(files) + 1))


def _run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A mask (H, W) as COCO has it in JSON."""
    code = encoded(np.asfortranarray(mask, np.uint8))
    counts = code["counts"]
    return {
        "size": list(map(int, code["size"])),
        "counts": counts.decode() if isinstance(counts, bytes) else counts,
    }


def _is_table(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(64).startswith(",".join(COLUMNS[:4]).encode())
