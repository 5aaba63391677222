"""Images and their objects as COCO's JSON has them.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; the format is described at
https://cocodataset.org/#format-data. Outlines are polygons or run-length codes, which
pycocotools turns into pixels.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from spectile.compat.pycocotools import decoded, of_polygons, of_runs
from spectile.data.images.looks import looks_of
from spectile.data.images.sources import ImageFiles, file_fingerprints
from spectile.data.instances.instance_set import InstanceSet, check_instance_sides
from spectile.data.instances.objects import Mask, Objects
from spectile.data.labels.legend import LARGEST_VALUE, Legend, make_legend
from spectile.data.splits.drawn_sides import draw_sides
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.data.splits.stratified import check_shares
from spectile.errors import InputError

LARGEST_EDGE = 100_000
"""Pixels a side that an image may claim to have."""
PARTS = {"images": dict, "annotations": dict, "categories": dict}


def open_coco(
    coco: str | os.PathLike[str],
    *,
    images: str | os.PathLike[str] | None = None,
    validation: str | os.PathLike[str] | None = None,
    test: str | os.PathLike[str] | None = None,
    train_share: float = 0.8,
    validation_share: float = 0.1,
    seed: int = 0,
) -> InstanceSet:
    """The images and objects of a COCO JSON, of two or of three.

    `coco` has the training side; `validation` and `test` are further files, and a side that has
    none is drawn from the training images, in shares as
    :func:`~spectile.data.images.pairs.open_pair_set` has them. Images are looked for in the folder
    `images`, by default the file's own, there also in a folder called as the file. Crowds are
    ignored: neither learnt nor scored.

    Raises InputError for what is no such JSON, and for images that aren't there. Objects without a
    pixel are left out, those that reach beyond their image cut; notes count them.
    """
    check_shares(train_share, validation_share)
    given = {TRAIN: coco, VALIDATION: validation, TEST: test}
    files = {side: _read(Path(path)) for side, path in given.items() if path is not None}
    legend, numbers = _legend(list(files.values()))
    told: Counter[str] = Counter()
    paths: list[Path] = []
    objects: list[Objects] = []
    sides: list[int] = []
    for side, file in files.items():
        folder = Path(images) if images is not None else None
        for image in file.images:
            paths.append(_place(image, file, folder))
            objects.append(_objects(image, file.of_image.get(image["id"], ()), numbers, told, file))
            sides.append(side)
    _check_distinct(paths)
    drawn = np.array(sides, np.uint8)
    if validation is None or test is None:
        keys = file_fingerprints(paths)
        one = np.zeros(len(paths), np.int64)
        # A side that is given must not be drawn again, even if no share is left for it.
        shares = {"train": train_share, "validation": validation_share}
        drawn = draw_sides(one, drawn, keys, **shares, seed=seed)
    looks = looks_of(tuple(paths))
    found = InstanceSet(
        ImageFiles(tuple(paths), alpha=looks.alpha),
        objects,
        drawn,
        legend,
        "given" if test is not None else "random",
        None if test is not None and validation is not None else seed,
        (*_notes(told), *looks.notes),
    )
    if not any(len(each) for each in objects):
        raise InputError(f"{coco} has no object in any of its images: give a file that has some.")
    check_instance_sides(found)
    return found


@dataclass(frozen=True)
class _File:
    """What a JSON says, looked through."""

    path: Path
    images: Sequence[Mapping[str, Any]]
    of_image: Mapping[Any, Sequence[Mapping[str, Any]]] = field(repr=False)
    """The objects of each image by its id."""
    categories: Mapping[Any, str]
    """Names by id."""


def _read(path: Path) -> _File:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: give the annotations of a COCO data set.") from error
    if not isinstance(content, dict):
        content = {}
    for part in PARTS:
        entries = content.get(part)
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise InputError(
                f'{path} has no list of "{part}": give the annotations of a COCO data set, with '
                "images, annotations and categories."
            )
    images, categories = content["images"], content["categories"]
    for image in images:
        _check_image(image, path)
    known = [_id(image["id"]) for image in images]
    twice = [name for name, times in Counter(known).items() if times > 1]
    if twice:
        raise InputError(f"{path} has two images with the id {twice[0]}: give each its own.")
    if not images:
        raise InputError(f"{path} lists no image: give a file that does.")
    if not all("id" in category for category in categories):
        raise InputError(f"{path} has a category without an id: give each its own.")
    names = {_id(c["id"]): str(c.get("name", f"class {c['id']}")) for c in categories}
    of_image: dict[Any, list[Mapping[str, Any]]] = {name: [] for name in known}
    for entry in content["annotations"]:
        image, category = _id(entry.get("image_id")), _id(entry.get("category_id"))
        if image not in of_image:
            raise InputError(
                f"{path} has an object in the image {image}, which it doesn't list: add the image, "
                "or take the object out."
            )
        if category not in names:
            raise InputError(
                f"{path} has an object of the category {category}, which it doesn't list: add it "
                "to the categories."
            )
        of_image[image].append(entry)
    return _File(path, images, of_image, names)


def _id(value: Any) -> Any:
    """What stands for an image or a category; lists and the like can't."""
    return value if isinstance(value, int | str) else json.dumps(value)


def _check_image(image: Mapping[str, Any], path: Path) -> None:
    name = image.get("file_name")
    if not isinstance(name, str) or not name or "\0" in name or "id" not in image:
        raise InputError(f"{path} lists an image without a file_name and an id: give it both.")
    for edge in ("height", "width"):
        size = image.get(edge)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= LARGEST_EDGE:
            raise InputError(
                f"{path} gives {name} no {edge} in pixels: write the image's own, as a number."
            )


def _legend(files: Sequence[_File]) -> tuple[Legend, dict[tuple[Path, Any], int]]:
    """All classes in the order of their ids, and the number from 0 of each file's categories."""
    names: dict[str, Any] = {}
    for file in files:
        for category, name in file.categories.items():
            names.setdefault(name, category)
    if not names:
        raise InputError(f'{files[0].path} lists no "categories": name the class of its objects.')
    ordered = sorted(names, key=lambda name: (isinstance(names[name], str), names[name]))
    values = [names[name] for name in ordered]
    # Ids that maps can hold stay as they are.
    kept = all(isinstance(value, int) and 1 <= value <= LARGEST_VALUE for value in values)
    if not kept or len(set(values)) < len(values):
        values = list(range(1, len(ordered) + 1))
    legend = make_legend(values, dict(zip(values, ordered, strict=True)))
    places = {name: place for place, name in enumerate(ordered)}
    numbers = {
        (file.path, category): places[name]
        for file in files
        for category, name in file.categories.items()
    }
    return legend, numbers


def _place(image: Mapping[str, Any], file: _File, folder: Path | None) -> Path:
    name = Path(image["file_name"])
    own = [file.path.parent, file.path.parent / file.path.stem]
    folders = [folder, folder / file.path.stem] if folder is not None else own
    for place in folders:
        if (place / name).is_file():
            return place / name
    raise InputError(
        f"{file.path} lists {name}, which isn't in {folders[0]}: name the folder of its images by "
        "--images."
    )


def _check_distinct(paths: Sequence[Path]) -> None:
    twice = [path for path, times in Counter(paths).items() if times > 1]
    if twice:
        raise InputError(
            f"{twice[0]} is listed twice: an image is on one side, and has all of its objects in "
            "one entry."
        )


def _objects(
    image: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    numbers: Mapping[tuple[Path, Any], int],
    told: Counter[str],
    file: _File,
) -> Objects:
    height, width = image["height"], image["width"]
    classes, boxes, masks, ignored = [], [], [], []
    for entry in entries:
        outline = entry.get("segmentation")
        if outline is None and "bbox" in entry:
            raise InputError(
                f"{file.path} has objects without an outline in {image['file_name']}, boxes alone: "
                "give polygons or run-length codes as their segmentation."
            )
        try:
            found = _pixels(outline, height, width)
        except (TypeError, ValueError, KeyError, OverflowError, AttributeError) as error:
            raise InputError(
                f"{file.path} has an object in {image['file_name']} whose outline can't be "
                f"understood ({error}): give polygons or run-length codes of the image's size."
            ) from error
        if found.beyond:
            told["beyond"] += 1
        if not found.mask.any():
            told["empty"] += 1
            continue
        rows, columns = np.flatnonzero(found.mask.any(1)), np.flatnonzero(found.mask.any(0))
        top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        boxes.append((found.left + left, found.top + top, found.left + right, found.top + bottom))
        masks.append(np.ascontiguousarray(found.mask[top:bottom, left:right]))
        classes.append(numbers[file.path, _id(entry["category_id"])])
        ignored.append(bool(entry.get("iscrowd", 0)))
    count = len(classes)
    return Objects(
        height,
        width,
        np.array(classes, np.int64),
        np.array(boxes, np.int64).reshape(count, 4),
        masks,
        np.array(ignored, np.bool_),
    )


@dataclass(frozen=True)
class _Pixels:
    """A mask, and where in the image it begins."""

    left: int
    top: int
    mask: Mask
    beyond: bool
    """Whether the outline reaches out of the image."""


def _pixels(outline: Any, height: int, width: int) -> _Pixels:
    if isinstance(outline, dict):
        code = _run_length_code(outline, height, width)
        return _Pixels(0, 0, decoded(code), False)
    if not isinstance(outline, list):
        raise TypeError("neither a list nor a code")
    return _of_polygons(outline, height, width)


def _run_length_code(outline: Mapping[str, Any], height: int, width: int) -> Mapping[str, Any]:
    size, counts = list(outline["size"]), outline["counts"]
    if size != [height, width]:
        raise ValueError(f"it is of an image of {size[0]} x {size[1]} pixels")
    if isinstance(counts, list):
        runs = [int(run) for run in counts]
        if any(run < 0 for run in runs) or sum(runs) != height * width:
            raise ValueError("its runs aren't as many as the image has pixels")
        return of_runs(runs, height, width)
    text = counts.encode("ascii") if isinstance(counts, str) else bytes(counts)
    _check_compressed(text, height * width)
    return {"size": size, "counts": text}


def _check_compressed(text: bytes, pixels: int) -> None:
    """Raise ValueError unless a compressed code has runs for as many pixels.

    pycocotools decodes any bytes, and beyond the memory that it has taken for them.
    """
    runs: list[int] = []
    place = 0
    while place < len(text):
        value, shift, more = 0, 0, True
        while more:
            if place == len(text) or not 48 <= text[place] < 112 or shift > 30:
                raise ValueError("its code is damaged")
            part = text[place] - 48
            value |= (part & 0x1F) << shift
            more, shift, place = bool(part & 0x20), shift + 5, place + 1
            if not more and part & 0x10:
                value |= -1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        if runs[-1] < 0:
            raise ValueError("its code is damaged")
    if sum(runs) != pixels:
        raise ValueError("its runs aren't as many as the image has pixels")


def _of_polygons(polygons: Sequence[Any], height: int, width: int) -> _Pixels:
    """The pixels of polygons x, y, x, y ..., which together are one object."""
    outlines = [np.asarray(polygon, np.float64).ravel() for polygon in polygons]
    if not all(np.isfinite(outline).all() for outline in outlines):
        raise ValueError("a corner is no number")
    if any(len(outline) % 2 for outline in outlines):
        raise ValueError("a corner has no y")
    # A line or a point has no area.
    corners = [outline.reshape(-1, 2) for outline in outlines if len(outline) >= 6]
    if not corners:
        return _Pixels(0, 0, np.zeros((0, 0), np.bool_), False)
    whole = np.concatenate(corners)
    low, high = whole.min(0), whole.max(0)
    beyond = bool((low < -0.5).any() or high[0] > width + 0.5 or high[1] > height + 0.5)
    left, top = (max(0, math.floor(edge)) for edge in np.clip(low, 0, (width, height)))
    right, bottom = (math.ceil(edge) for edge in np.clip(high + 1, 0, (width, height)))
    if right <= left or bottom <= top:
        return _Pixels(0, 0, np.zeros((0, 0), np.bool_), beyond)
    # Coordinates of 10^9 overflow in pycocotools; what lies outside is cut off all the same.
    near = [np.clip(c - (left, top), -1e6, 1e6).ravel().tolist() for c in corners]
    mask = decoded(of_polygons(near, bottom - top, right - left))
    return _Pixels(left, top, mask, beyond)


def _notes(told: Counter[str]) -> tuple[str, ...]:
    said = (
        ("empty", "without a pixel in their image were left out"),
        ("beyond", "reach beyond their image: what lies outside was cut off"),
    )
    return tuple(f"{told[what]:,} objects {how}." for what, how in said if told[what])
