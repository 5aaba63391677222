"""What is found, at the image's resolution."""

import pytest
import torch
from torch import Tensor

from spectile.networks.instances.detections import Detections


def found(box: list[float], cells: Tensor) -> Detections:
    return Detections(
        torch.tensor([box]), torch.ones(1), torch.zeros(1, dtype=torch.int64), cells[None]
    )


def test_a_mask_of_as_many_cells_as_pixels_is_read_as_it_is() -> None:
    cells = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    row, column, mask = found([3, 2, 9, 8], cells).mask_of(0, 20, 20)
    assert (row, column) == (2, 3)
    assert torch.equal(mask, cells > 0)


@pytest.mark.parametrize("box", [[-4.5, -3.0, 5.5, 6.25], [15.0, 17.0, 40.0, 22.0]])
def test_a_box_over_the_edge_keeps_what_lies_within(box: list[float]) -> None:
    row, column, mask = found(box, torch.ones(14, 14)).mask_of(0, 20, 20)
    assert row == max(0, int(box[1]))
    assert column == max(0, int(box[0]))
    # A pixel belongs to the box if its middle does.
    inside = [
        [box[1] <= y + 0.5 <= box[3] and box[0] <= x + 0.5 <= box[2] for x in range(20)]
        for y in range(20)
    ]
    whole = torch.zeros(20, 20, dtype=torch.bool)
    whole[row : row + mask.shape[0], column : column + mask.shape[1]] = mask
    assert torch.equal(whole, torch.tensor(inside))


def test_a_box_outside_of_the_image_has_no_pixel() -> None:
    assert found([30, 30, 40, 40], torch.ones(14, 14)).mask_of(0, 20, 20)[2].numel() == 0
