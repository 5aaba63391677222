"""The windows around labelled pixels, as batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from spectile.data.preprocessing.components import Preprocessing, tiles_holding
from spectile.data.scene import Scene

TILE = 64
"""Edge of the squares kept in memory, in pixels: small, so that scattered labels cost little."""


class LabelledWindows(Dataset[tuple[Tensor, Tensor]]):
    """Windows (N, components, window, window) and class indices (N,) of given pixels.

    Only the squares of the reduced scene that hold such pixels are kept, each with its halo, so
    memory grows with the labelled area and not with the scene.
    """

    def __init__(
        self,
        scene: Scene,
        preprocessing: Preprocessing,
        window: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        classes: NDArray[np.int64],
    ) -> None:
        self.window = window
        halo = window // 2
        edge = TILE + 2 * halo
        held = list(tiles_holding(rows, columns, scene.height, scene.width, TILE))
        self.tiles = torch.zeros(len(held), preprocessing.reducer.components, edge, edge)
        self.places = torch.empty(len(rows), 3, dtype=torch.int64)
        self.classes = torch.from_numpy(classes)
        for index, (square, members) in enumerate(held):
            components, _ = preprocessing.read(scene, square, halo)
            self.tiles[index, :, : components.shape[1], : components.shape[2]] = torch.from_numpy(
                components
            )
            self.places[members, 0] = index
            self.places[members, 1] = torch.from_numpy(rows[members] - square.row_off)
            self.places[members, 2] = torch.from_numpy(columns[members] - square.col_off)

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        windows, classes = self.__getitems__([index])
        return windows[0], classes[0]

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """A whole batch by one gather; the loader calls this instead of stacking single windows."""
        chosen = torch.as_tensor(indices)
        tile, row, column = self.places[chosen].unbind(1)
        cuts = self.tiles.unfold(2, self.window, 1).unfold(3, self.window, 1)
        return cuts[tile, :, row, column], self.classes[chosen]

    @property
    def pixels(self) -> tuple[Tensor, Tensor]:
        """Components (N, C) and class indices (N,) of the given pixels."""
        tile, row, column = self.places.unbind(1)
        middle = self.window // 2
        return self.tiles[tile, :, row + middle, column + middle], self.classes
