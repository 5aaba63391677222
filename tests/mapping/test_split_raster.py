"""split.tif, as a reader sees it."""

from __future__ import annotations

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

from spectile.mapping.split_raster import write_split


def test_codes_names_and_place_are_in_the_file(tmp_path):
    assignment = np.arange(20, dtype=np.uint8).reshape(4, 5) % 4
    transform = Affine(2, 0, 100, 0, -2, 200)
    write_split(tmp_path / "split.tif", assignment, crs=CRS.from_epsg(3035), transform=transform)
    with rasterio.open(tmp_path / "split.tif") as source:
        np.testing.assert_array_equal(source.read(1), assignment)
        assert source.dtypes == ("uint8",)
        assert source.tags(1) == {"CLASS_1": "train", "CLASS_2": "validation", "CLASS_3": "test"}
        assert len({source.colormap(1)[code] for code in range(4)}) == 4
        assert (source.crs, source.transform) == (CRS.from_epsg(3035), transform)
