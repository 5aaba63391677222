"""Images beside images of numbers, in which every object has its own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectile.data.images.looks import looks_of
from spectile.data.images.pair_folders import list_pair_folders, sorted_by_name
from spectile.data.images.sources import ImageFiles, file_fingerprints
from spectile.data.instances.instance_set import InstanceSet, check_instance_sides
from spectile.data.instances.objects import Objects
from spectile.data.labels.legend import make_legend
from spectile.data.readers.pictures import read_image
from spectile.data.splits.drawn_sides import draw_sides
from spectile.data.splits.splits import TEST, VALIDATION
from spectile.data.splits.stratified import check_shares
from spectile.errors import InputError
from spectile.files.threads import in_threads


def open_label_images(
    images: str | os.PathLike[str],
    numbers: str | os.PathLike[str],
    *,
    train: float = 0.8,
    validation: float = 0.1,
    seed: int = 0,
    bands_last: bool = True,
) -> InstanceSet:
    """The images of a folder and their objects, of one class.

    `numbers` is a folder of images of one band with the images' names, 0 where there is no object
    and the same number on all pixels of one. With train, val and test folders in both these are the
    sides; those that are missing are drawn, in shares as
    :func:`~spectile.data.images.pairs.open_pair_set` has them.

    Raises InputError for images without numbers, for numbers that are none, and where no image has
    an object.
    """
    check_shares(train, validation)
    pairs = sorted_by_name(list_pair_folders(Path(images), Path(numbers)))
    objects = list(in_threads(_objects, pairs.masks))
    if not any(len(each) for each in objects):
        raise InputError(f"{numbers} has no object in any image: give one a number above 0.")
    given = {int(side) for side in np.unique(pairs.sides)}
    keys, one = file_fingerprints(pairs.images), np.zeros(len(pairs.images), np.int64)
    sides = draw_sides(one, pairs.sides, keys, train=train, validation=validation, seed=seed)
    looks = looks_of(pairs.images)
    found = InstanceSet(
        ImageFiles(pairs.images, bands_last, looks.alpha),
        objects,
        sides,
        make_legend([1], {1: "object"}),
        "given" if TEST in given else "random",
        None if {TEST, VALIDATION} <= given else seed,
        (*pairs.notes, *looks.notes),
    )
    check_instance_sides(found)
    return found


def _objects(path: Path) -> Objects:
    bands = read_image(path)
    if len(bands) != 1:
        raise InputError(
            f"{path} has {len(bands)} bands and should have one with a number for each object: "
            "save it as such."
        )
    return Objects.of_numbers(_whole(bands[0], path))


def _whole(numbers: NDArray[np.generic], path: Path) -> NDArray[np.int64]:
    values = np.nan_to_num(numbers.astype(np.float64), nan=0.0)
    if not np.isfinite(values).all() or (values != np.round(values)).any() or values.min() < 0:
        raise InputError(
            f"{path} has numbers that aren't whole or lie below 0: an object has a number from 1."
        )
    return values.astype(np.int64)
