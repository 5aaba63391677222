"""The ground that classes cover in a map, row by row where rows differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import from_origin
from tests.cli.conftest import write_tif

from spectile.data.labels.legend import Category, Legend
from spectile.data.pixel_areas import row_hectares
from spectile.data.readers.in_memory import scene_from_array
from spectile.tasks.map_areas import mapped_areas

LEGEND = Legend(tuple(Category(value, str(value), (value, 0, 0)) for value in (3, 14, 20)))


def test_every_pixel_of_a_map_counts_by_its_row(tmp_path: Path) -> None:
    values = np.random.default_rng(0).choice([0, 3, 14], (1, 700, 530)).astype(np.uint8)
    path = write_tif(tmp_path / "map.tif", values, nodata=0)
    scene = scene_from_array(np.zeros((1, 700, 530), np.uint8))
    counted, unit = mapped_areas(path, scene, LEGEND)
    assert unit == "pixels"
    np.testing.assert_array_equal(counted, [(values == 3).sum(), (values == 14).sum(), 0])

    place = from_origin(13, 60, 0.02, 0.02)  # 14 degrees of latitude
    placed = replace(scene, crs=CRS.from_epsg(4326), transform=place)
    areas, unit = mapped_areas(path, placed, LEGEND)
    assert unit == "hectares"
    expected = (values[0] == 14).sum(axis=1) @ row_hectares(placed)
    assert areas[1] == pytest.approx(expected)
    assert areas[2] == 0
