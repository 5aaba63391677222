"""split.tif, as a reader sees it."""

from __future__ import annotations

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

from spectile.mapping.output.split_raster import SPLIT_FILE_LEGEND, sides_in, write_split


def test_codes_names_and_place_are_in_the_file(tmp_path):
    assignment = np.arange(20, dtype=np.uint8).reshape(4, 5) % 4
    transform = Affine(2, 0, 100, 0, -2, 200)
    labelled = (assignment > 0) | (np.indices((4, 5))[1] == 0)
    where = {"crs": CRS.from_epsg(3035), "transform": transform}
    write_split(tmp_path / "split.tif", assignment, labelled, **where)
    with rasterio.open(tmp_path / "split.tif") as source:
        codes = source.read(1)
        np.testing.assert_array_equal(sides_in(codes), assignment)
        # What is labelled and on no side is told from what isn't labelled.
        np.testing.assert_array_equal(codes == 4, labelled & (assignment == 0))
        assert (codes == 4).any()
        assert source.dtypes == ("uint8",)
        names = enumerate(SPLIT_FILE_LEGEND.names, start=1)
        assert source.tags(1) == {f"CLASS_{code}": name for code, name in names}
        assert SPLIT_FILE_LEGEND.names == ("train", "validation", "test", "guard")
        assert len({source.colormap(1)[code] for code in range(5)}) == 5
        assert (source.crs, source.transform) == (CRS.from_epsg(3035), transform)
