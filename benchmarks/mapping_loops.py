"""How two well-known projects map a scene window by window, rebuilt after what their code does.

Both cut each pixel's window out of a padded image (rows, columns, bands) in a Python loop.
DeepHyperX (github.com/nshaud/DeepHyperX, `test` in models.py) hands them to PyTorch in batches of
100 by default for most of its networks. The notebook of HybridSN (github.com/gokriznastic/HybridSN)
calls Keras' `predict` once a pixel; here the call goes to PyTorch, whose overhead is a fraction of
Keras', and to all pixels instead of the labelled ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

DEEPHYPERX_BATCH = 100


def map_like_deephyperx(
    network: nn.Module, image: NDArray[np.float32], window: int, classes: int
) -> NDArray[np.float64]:
    """Logits (H, W, classes) of an image (H + window - 1, W + window - 1, bands)."""
    scores = np.zeros((*image.shape[:2], classes))
    half = window // 2
    windows = _sliding_windows(image, window)
    while batch := list(itertools.islice(windows, DEEPHYPERX_BATCH)):
        pixels = np.stack([cut for cut, _, _ in batch]).transpose(0, 3, 1, 2)
        for (_, row, column), logits in zip(
            batch, network(torch.from_numpy(pixels)).numpy(), strict=True
        ):
            scores[row + half, column + half] += logits
    return scores[half:-half, half:-half]


def map_like_the_notebook(
    network: nn.Module, image: NDArray[np.float64], window: int
) -> NDArray[np.float64]:
    """Classes (H, W), counted from 1, of an image (H + window - 1, W + window - 1, bands)."""
    height, width = (length - window + 1 for length in image.shape[:2])
    classes = np.zeros((height, width))
    for cut, row, column in _sliding_windows(image, window):
        one = cut.reshape(1, *cut.shape, 1).astype(np.float32)
        shares = network(torch.from_numpy(one)[..., 0].permute(0, 3, 1, 2)).softmax(1).numpy()
        classes[row, column] = shares.argmax(axis=1)[0] + 1
    return classes


def _sliding_windows(
    image: NDArray[np.floating], window: int
) -> Iterator[tuple[NDArray[np.floating], int, int]]:
    for row in range(image.shape[0] - window + 1):
        for column in range(image.shape[1] - window + 1):
            yield image[row : row + window, column : column + window], row, column
