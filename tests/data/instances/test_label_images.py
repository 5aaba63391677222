"""Images of numbers as objects."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from spectile.data.instances.label_images import open_label_images
from spectile.data.splits.splits import TEST, TRAIN
from spectile.errors import InputError


def folders(folder: Path, numbers: NDArray[np.generic], images: int = 5) -> tuple[Path, Path]:
    for at in range(images):
        for name in ("images", "numbers"):
            (folder / name).mkdir(exist_ok=True)
        pixels = np.full((*numbers.shape, 3), 30 * at, np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{at}.png")
        with rasterio.open(
            folder / "numbers" / f"{at}.tif",
            "w",
            driver="GTiff",
            height=numbers.shape[0],
            width=numbers.shape[1],
            count=1,
            dtype=numbers.dtype,
        ) as file:
            file.write(numbers[None])
    return folder / "images", folder / "numbers"


def test_each_number_is_an_object(tmp_path: Path) -> None:
    numbers = np.zeros((9, 12), np.uint32)
    numbers[1:4, 2:5], numbers[5:8, 6:9] = 70_000, 3
    found = open_label_images(*folders(tmp_path, numbers))
    assert found.objects[0].boxes.tolist() == [[6, 5, 9, 8], [2, 1, 5, 4]]
    assert found.legend.names == ("object",)
    assert found.counts(TRAIN)[0] == 2 * len(found.select(TRAIN))
    assert len(found.select(TEST))


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        (np.zeros((9, 12), np.uint8), "no object in any image"),
        (np.full((9, 12), 1.5, np.float32), "aren't whole"),
        (np.full((9, 12), -3, np.int16), "below 0"),
    ],
)
def test_numbers_that_are_none(numbers: NDArray[np.generic], says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        open_label_images(*folders(tmp_path, numbers))
