"""Of rasterio: the errors that GDAL raises through it. The same in rasterio 1.4.0 and 1.4.4."""

from __future__ import annotations

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""All that rasterio raises where GDAL fails, for ``except GDAL_ERRORS``.

Most comes as RasterioError, which is public. What GDAL says while a dataset is read, warped or
closed may come as CPLE_BaseError, GDAL's own, which is no RasterioError and has no public name.
"""
