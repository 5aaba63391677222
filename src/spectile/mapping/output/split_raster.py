"""split.tif: which pixels were trained on, validated on and tested on."""

from __future__ import annotations

import os

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from spectile.data.labels.legend import Category, Legend
from spectile.data.splits.splits import GUARD, NONE
from spectile.mapping.output.writer import MapWriter

SPLIT_LEGEND = Legend(
    (
        # Blue, orange and green of Okabe and Ito: told apart with any kind of colour vision.
        Category(1, "train", (0, 114, 178)),
        Category(2, "validation", (230, 159, 0)),
        Category(3, "test", (0, 158, 115)),
    )
)


SPLIT_FILE_LEGEND = Legend((*SPLIT_LEGEND.categories, Category(GUARD, "guard", (150, 150, 150))))
"""What split.tif holds besides 0, which is unlabelled."""


def sides_in(codes: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The sides (H, W) that the numbers of a split.tif say: 0 none, 1 train and so on."""
    return np.where(codes == GUARD, NONE, codes).astype(np.uint8)


def write_split(
    path: str | os.PathLike[str],
    assignment: NDArray[np.uint8],
    labelled: NDArray[np.bool_],
    *,
    crs: CRS | None,
    transform: Affine | None,
) -> None:
    """Write `assignment` (H, W) of 0 none, 1 train, 2 validation, 3 test as a class map.

    Pixels on no side that are `labelled` (H, W), as those in a guard, become 4. Raises InputError
    when it can't be written there.
    """
    height, width = assignment.shape
    with MapWriter(
        path,
        height=height,
        width=width,
        legend=SPLIT_FILE_LEGEND,
        crs=crs,
        transform=transform,
    ) as writer:
        codes = np.where(labelled & (assignment == NONE), GUARD, assignment)
        writer.write(Window(0, 0, width, height), {"classes": codes})
