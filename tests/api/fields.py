"""A small scene of three crops in memory, and a network of a user's own for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from rasterio.crs import CRS
from torch import Tensor, nn

from spectile.data.datasets.simulated import simulate

PIXELS, CROPS = simulate(64, 72, 10, 3, seed=3)
CUBE: NDArray[np.float32] = np.moveaxis(PIXELS, 0, -1)
"""Rows, columns, bands."""
VALUES = np.array([0, 1, 10, 14])
LABELS = VALUES[CROPS * (np.random.default_rng(0).random(CROPS.shape) < 0.3)]
QUICK: dict[str, Any] = {
    **{"components": 5, "epochs": 2, "spectral_branch": 0, "self_training": 0, "smooth": 0},
    "quiet": True,
}
"""The spectral branch alone takes a thousand steps."""


class Own(nn.Module):
    """Fifteen lines of a user's."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(bands, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU()
        )
        self.head = nn.Linear(16, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


def data_array() -> xr.DataArray:
    array = xr.DataArray(
        PIXELS,
        dims=("band", "y", "x"),
        coords={"y": 5_800_000 - 30.0 * np.arange(64), "x": 400_000 + 30.0 * np.arange(72)},
    ).assign_coords(spatial_ref=0)
    array.spatial_ref.attrs["crs_wkt"] = CRS.from_epsg(32633).to_wkt()
    array.attrs["grid_mapping"] = "spatial_ref"
    return array


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)
