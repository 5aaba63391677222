"""A scene's own numbers as a network takes them: a model file's preprocessing for a graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.data.preprocessing.components import Preprocessing

ROUNDED = 1e-6
"""Of a number that means no data: so near to it is it."""
LARGEST = float(np.finfo(np.float32).max)
"""What is larger, or NaN, is no data."""


class RawBands(nn.Module):
    """Scenes (N, bands, H, W) in float32 to components (N, components, H, W).

    As :meth:`spectile.data.preprocessing.reducers.Reducer.apply`: the bands that are used,
    logarithms where the reducer takes them, and one affine map. Where one of these bands is NaN,
    infinite or `nodata`, all components are 0, and the second result (N, 1, H, W) is False.
    """

    def __init__(
        self, preprocessing: Preprocessing, bands: int, nodata: float | None = None
    ) -> None:
        super().__init__()
        reducer = preprocessing.reducer
        self.all_bands = preprocessing.bands == tuple(range(bands))
        self.nodata = None if nodata is None else float(np.float32(nodata))
        self.register_buffer("bands", torch.tensor(preprocessing.bands))
        for name in ("mean", "darkest", "offset"):
            numbers = getattr(reducer, name)
            column = None if numbers is None else torch.from_numpy(numbers).float()[:, None, None]
            self.register_buffer(name, column)
        diagonal = np.diag(np.diag(reducer.matrix))
        self.scales = np.array_equal(diagonal, reducer.matrix)
        """Whether each component is a band times a number."""
        numbers = np.diag(reducer.matrix) if self.scales else reducer.matrix.T
        matrix = torch.from_numpy(np.ascontiguousarray(numbers)).float()
        self.register_buffer("matrix", matrix[..., None, None])

    def forward(self, scene: Tensor) -> tuple[Tensor, Tensor]:
        x = scene if self.all_bands else scene.index_select(1, self.get_buffer("bands"))
        # A comparison with NaN is False. No isfinite: runtimes may take numbers to be finite.
        known = x.abs() <= LARGEST
        if self.nodata is not None:
            # Input that was divided and multiplied again differs in its last digits.
            known = known & ((x - self.nodata).abs() > ROUNDED * abs(self.nodata))
        valid = known.to(x.dtype).amin(1, keepdim=True) > 0
        x = torch.where(valid, x, 0.0)
        if self.offset is not None:
            x = x + self.get_buffer("offset")
        if self.darkest is not None:
            x = torch.maximum(x, self.get_buffer("darkest")).log()
        centred = x - self.get_buffer("mean")
        matrix = self.get_buffer("matrix")
        components = centred * matrix if self.scales else F.conv2d(centred, matrix)
        return torch.where(valid, components, 0.0), valid
