"""The objects of an image: boxes and masks that belong together."""

import numpy as np
import pytest

from spectile.data.instances.objects import Objects


def test_each_number_of_an_image_is_an_object_with_its_box_and_its_pixels() -> None:
    numbers = np.zeros((5, 7), np.uint16)
    numbers[1:4, 2:4] = 9
    numbers[2, 3] = 4
    numbers[4, 6] = 300
    objects = Objects.of_numbers(numbers, classes=[1, 0, 2])
    assert objects.boxes.tolist() == [[3, 2, 4, 3], [2, 1, 4, 4], [6, 4, 7, 5]]
    assert objects.classes.tolist() == [1, 0, 2]
    assert objects.masks[1].tolist() == [[True, True], [True, False], [True, True]]
    assert not objects.ignored.any()


def test_an_image_without_objects_has_none() -> None:
    objects = Objects.of_numbers(np.zeros((3, 3), np.uint8))
    assert len(objects) == 0
    assert objects.boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("box", "says"),
    [
        ([0, 0, 0, 2], "at least one pixel"),
        ([-1, 0, 2, 2], "from 0 on"),
        ([0, 0, 5, 2], "within the image"),
        ([0, 0, 3, 3], "as large as its box"),
    ],
)
def test_a_box_that_cannot_be_is_refused(box: list[int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Objects(
            4,
            4,
            np.zeros(1, np.int64),
            np.array([box]),
            [np.ones((2, 2), np.bool_)],
            np.zeros(1, np.bool_),
        )
