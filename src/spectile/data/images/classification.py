"""Images for classification, from class folders, a CSV file or CIFAR-10's own batches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spectile.data.images.cifar import find_cifar, list_cifar
from spectile.data.images.class_folders import list_class_folders
from spectile.data.images.class_table import list_class_table
from spectile.data.images.image_set import ImageSet, check_image_sides
from spectile.data.images.listing import Listing
from spectile.data.images.looks import looks_of
from spectile.data.images.sources import ImageFiles, ImageSource
from spectile.data.labels.labels import TABLES
from spectile.data.labels.legend import Legend, make_legend, read_legend
from spectile.data.splits.drawn_sides import draw_sides
from spectile.data.splits.splits import TEST, VALIDATION
from spectile.data.splits.stratified import check_shares
from spectile.errors import InputError


def open_image_set(
    path: str | os.PathLike[str],
    *,
    legend: Legend | str | Path | None = None,
    train: float = 0.8,
    validation: float = 0.1,
    seed: int = 0,
    bands_last: bool = True,
) -> ImageSet:
    """List the images of `path` with their classes, and split them where the data don't.

    `path` is a folder with a folder of images for each class, or with train, val (valid,
    validation) and test folders above such ones; or a CSV of path and label, and split if wanted;
    or the folder of CIFAR-10's batches. No image is decoded.

    A test side that is missing is drawn from the training images: the share 1 - `train` of each
    class. A validation side that is missing is the share `validation` of what is left. Files with
    the same bytes stay on one side. The classes are named for their folders or labels; `legend`,
    or a CSV as :func:`spectile.data.labels.legend.read_legend` takes it, sets their order, numbers
    and colours, and must have the same names. `bands_last` is how .npy files are stored.

    Raises InputError for what can't be understood, an empty class folder, files that aren't
    there, a single class, and where no image is left to test on.
    """
    return image_set_of(
        _listing(Path(path), bands_last=bands_last),
        legend=legend,
        train=train,
        validation=validation,
        seed=seed,
    )


def image_set_of(
    listing: Listing,
    *,
    legend: Legend | str | Path | None = None,
    train: float = 0.8,
    validation: float = 0.1,
    seed: int = 0,
) -> ImageSet:
    """Split listed images where the data don't; see :func:`open_image_set`."""
    check_shares(train, validation)
    if len(listing.names) < 2:
        count = len(listing.labels)
        raise InputError(
            f"{listing.source} holds {count} image{'s' if count > 1 else ''} of one class, "
            f"'{listing.names[0]}': a classification needs at least two."
        )
    found = _legend(listing, legend)
    place = {name: index for index, name in enumerate(found.names)}
    classes = np.array([place[label] for label in listing.labels], dtype=np.int64)
    given = {int(side) for side in np.unique(listing.sides)}
    sides = draw_sides(
        classes, listing.sides, listing.keys, train=train, validation=validation, seed=seed
    )
    nothing_drawn = given >= {TEST} and (given >= {VALIDATION} or validation == 0)
    source, notes = _looked_at(listing.images)
    images = ImageSet(
        source,
        classes,
        sides,
        found,
        "given" if TEST in given else "random",
        None if nothing_drawn else seed,
        (*listing.notes, *notes, *_notes_on_copies(listing)),
    )
    if (images.counts.sum(axis=1) == 1).all():
        raise InputError(
            f"every class of {listing.source} has a single image, so none is left to test on: "
            "add more."
        )
    check_image_sides(images)
    return images


def _listing(path: Path, *, bands_last: bool) -> Listing:
    if path.is_dir():
        batches = find_cifar(path)
        return list_cifar(batches) if batches else list_class_folders(path, bands_last=bands_last)
    if path.suffix.lower() in TABLES:
        return list_class_table(path, bands_last=bands_last)
    if not path.exists():
        raise InputError(f"{path} isn't there: check the path.")
    raise InputError(
        f"{path} is a single file: give a folder with a folder of images for each class, or a CSV "
        "of path and label."
    )


def _looked_at(images: ImageSource) -> tuple[ImageSource, tuple[str, ...]]:
    """The images with what the set tells of each file, and notes on it."""
    if not isinstance(images, ImageFiles):
        return images, ()
    looks = looks_of(images.paths)
    return replace(images, alpha=looks.alpha), looks.notes


def _legend(listing: Listing, legend: Legend | str | Path | None) -> Legend:
    if legend is None:
        names = dict(enumerate(listing.names, start=1))
        found = make_legend(names, names)
        # Names that only blanks tell apart would come out changed.
        return replace(
            found,
            categories=tuple(
                replace(category, name=names[category.value]) for category in found.categories
            ),
        )
    known = legend if isinstance(legend, Legend) else read_legend(legend)
    source = "the legend" if isinstance(legend, Legend) else str(legend)
    for name in listing.names:
        if name not in known.names:
            raise InputError(
                f"{listing.source} holds the class '{name}', which {source} lacks: "
                "add it there or take the images out."
            )
    for name in known.names:
        if name not in listing.names:
            raise InputError(
                f"{source} names the class '{name}', of which {listing.source} holds no image: "
                "add some or take it out of the legend."
            )
    return known


def _notes_on_copies(listing: Listing) -> Sequence[str]:
    """Files that occur more than once, and whether their classes contradict each other."""
    first: dict[object, int] = {}
    copies = 0
    contradicting: list[tuple[int, int]] = []
    for index, key in enumerate(listing.keys):
        earlier = first.setdefault(key, index)
        if earlier == index:
            continue
        copies += 1
        if listing.labels[earlier] != listing.labels[index]:
            contradicting.append((earlier, index))
    notes = []
    if copies:
        what = "1 image is a copy" if copies == 1 else f"{copies} images are copies"
        notes.append(f"{what} of another; drawn sides keep copies together.")
    if contradicting:
        one, other = (listing.images.name(index) for index in contradicting[0])
        count = len(contradicting)
        what = "1 copy has" if count == 1 else f"{count} copies have"
        notes.append(f"{what} another class than the image it repeats, as {one} and {other}.")
    return notes
