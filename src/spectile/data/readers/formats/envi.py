"""The header of an ENVI scene, named instead of the file with the pixels beside it."""

from __future__ import annotations

from spectile.data.readers.envi_files import find_data
from spectile.data.readers.formats.raster import open_raster
from spectile.data.readers.registry import Format, Request, Turn
from spectile.data.scene import Scene


class EnviHeaderFormat(Format):
    """A .hdr, whose pixels are found by its name; named themselves, they are GDAL's."""

    name = "ENVI"
    suffixes = ()  # in a folder the files with the pixels count
    turn = Turn.NAME
    images = False

    def can_open(self, request: Request) -> bool:
        return request.suffix == ".hdr"

    def open(self, request: Request) -> Scene:
        data = str(find_data(request.path))
        return open_raster(data, request.path, request.source, request.bands_last)


ENVI_HEADER = EnviHeaderFormat()
