"""How much ground the classes of a map cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from spectile.data.labels.legend import Legend
from spectile.data.pixel_areas import row_hectares
from spectile.data.readers.gdal import quiet_gdal
from spectile.data.scene import Scene
from spectile.tasks.scores import places_in


def mapped_areas(path: Path, scene: Scene, legend: Legend) -> tuple[NDArray[np.float64], str]:
    """The classes' areas (K,) in the map of a whole scene, and their unit: hectares or pixels."""
    hectares = row_hectares(scene)
    of_row = np.ones(scene.height) if hectares is None else hectares
    areas = np.zeros(len(legend) + 1)
    with quiet_gdal(), rasterio.open(path) as raster:
        for _, window in raster.block_windows(1):
            places = places_in(legend, raster.read(1, window=window))
            rows = slice(window.row_off, window.row_off + window.height)
            weights = np.broadcast_to(of_row[rows, None], places.shape)
            areas += np.bincount(places.ravel(), weights.ravel(), len(areas))
    return areas[1:], "pixels" if hectares is None else "hectares"
