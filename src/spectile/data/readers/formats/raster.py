"""GeoTIFF, ENVI, the pages of a TIFF and whatever else GDAL reads: asked last, for any file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rasterio.io import DatasetReader

from spectile.data.readers.axes import BANDS_LAST
from spectile.data.readers.envi import open_envi, scene_of_envi_dataset
from spectile.data.readers.envi_files import find_header
from spectile.data.readers.envi_header import read_header
from spectile.data.readers.gdal import open_dataset, quiet_gdal, scene_of_dataset, why_not
from spectile.data.readers.named_arrays import scene_of_array
from spectile.data.readers.offline import check_local
from spectile.data.readers.refusals import no_image
from spectile.data.readers.registry import Format, Request, Turn
from spectile.data.readers.scene_parts import check_virtual
from spectile.data.readers.stack import BandFile, TurnedReader, pages_of, stack
from spectile.data.scene import Scene

PAGES = "TIFF pages"


class Raster(Format):
    """Any file: what GDAL can't open either is refused, with what it is."""

    name = "GDAL"
    suffixes = (
        *(".tif", ".tiff", ".jp2", ".img", ".dat", ".bsq", ".bil", ".bip", ".raw", ".bin"),
        *(".vrt", ".png", ".jpg", ".jpeg"),
    )
    turn = Turn.LAST
    images = False  # PNG, JPEG and TIFF are decoded as pictures

    def can_open(self, request: Request) -> bool:
        return True

    def open(self, request: Request) -> Scene:
        header = find_header(request.path)
        return open_raster(request.source, header, request.source, request.bands_last)


RASTER = Raster()


def open_raster(name: str, header: Path | None, source: str, bands_last: bool | None) -> Scene:
    """What GDAL opens by `name`, with the ENVI `header` beside it; else what that describes.

    Raises InputError that says what `source` is instead, where it is no image.
    """
    scene = _raster(name, header, source, bands_last)
    if bands_last is None or scene.format == PAGES:
        return scene
    note = "its format says which are the bands, so --bands-last and --bands-first do nothing"
    return replace(scene, notes=(*scene.notes, note))


def _raster(name: str, header: Path | None, source: str, bands_last: bool | None) -> Scene:
    check_local(source, name)
    virtual = name.lower().endswith(".vrt")
    if virtual:
        check_virtual(Path(name), source)
    dataset = open_dataset(name)
    if dataset is not None:
        with quiet_gdal():
            if dataset.driver == "ENVI":
                return scene_of_envi_dataset(dataset, source)
            if dataset.count and not name.startswith("GTIFF_DIR:"):
                parts = pages_of(dataset)
                if len(parts) > 1:
                    return _scene_of_pages(dataset, parts, source, bands_last)
            return scene_of_dataset(dataset, source)
    fields = None if header is None else read_header(header)
    if fields is not None:
        return open_envi(Path(name), fields, source)
    raise no_image(source, Path(name), why_not(name))


def _scene_of_pages(
    dataset: DatasetReader, parts: Sequence[BandFile], source: str, bands_last: bool | None
) -> Scene:
    """The pages of a TIFF as bands; as rows, where the user says that the bands come last."""
    files = tuple(dataset.files)
    advice = f"name one, as in {parts[0].opened}"
    scene = scene_of_dataset(stack(parts, source, advice), source)
    if bands_last:
        rows, columns, bands = scene.bands, scene.height, scene.width
        reader = TurnedReader(scene.reader, (2, 0, 1))
        plain = scene_of_array(
            source, PAGES, (rows, columns, bands), scene.dtype, BANDS_LAST, reader
        )
        return replace(plain, files=files, gaps_are_nan=scene.gaps_are_nan, nodata=scene.nodata)
    note = f"its {len(parts)} pages are taken for bands"
    return replace(scene, notes=(*scene.notes, note), files=files, format=PAGES, band_names=())
