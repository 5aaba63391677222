"""What a network takes at once: told from two small images, right for large ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectile.mapping.pixels.live_bytes import peak_bytes


class Attends(nn.Module):
    """Every pixel of a quarter of the resolution looks at every other one."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Conv2d(2, 8, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.queries(x).flatten(2)
        return (y @ (y.transpose(1, 2) @ y).softmax(-1)).unflatten(2, (x.shape[2] // 4, -1))


def test_maps_grow_with_the_pixels() -> None:
    network = nn.Sequential(nn.Conv2d(2, 8, 1), nn.ReLU(inplace=True), nn.Conv2d(8, 3, 1)).eval()
    at_most = peak_bytes(network, torch.empty(1, 2, 1, 1), 300 * 500)
    # In turn 2 bands with 8 maps, changed in place, then those with 3 more; 4 bytes each.
    assert at_most == 300 * 500 * (2 + 8 + 3) * 4


def test_attention_grows_with_their_square() -> None:
    pixels = 512**2
    at_most = peak_bytes(Attends().eval(), torch.empty(1, 2, 1, 1), pixels)
    scores = 2 * (pixels // 16) ** 2 * 4  # before and after the softmax
    assert scores <= at_most <= 1.5 * scores


def test_half_the_digits_take_half_the_room() -> None:
    network = nn.Conv2d(2, 8, 1).eval()
    exact = peak_bytes(network, torch.empty(1, 2, 1, 1), 4096)
    short = peak_bytes(network.bfloat16(), torch.empty(1, 2, 1, 1, dtype=torch.bfloat16), 4096)
    assert short == exact / 2
