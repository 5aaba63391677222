"""A zip or tar file with one image, or with the bands of one scene."""

from __future__ import annotations

from spectile.data.readers.formats.raster import open_raster
from spectile.data.readers.parts import ARCHIVES, images_in_archive
from spectile.data.readers.registry import Format, Request, Turn
from spectile.data.readers.stack import open_stack
from spectile.data.scene import Scene


class Archive(Format):
    """An archive, of which GDAL reads without unpacking it."""

    name = "archive"
    suffixes = ()  # archives in folders or archives aren't looked into
    turn = Turn.NAME
    images = False

    def can_open(self, request: Request) -> bool:
        return request.path.name.lower().endswith(ARCHIVES)

    def open(self, request: Request) -> Scene:
        parts = images_in_archive(request.path)
        if len(parts) == 1:
            return open_raster(parts[0].opened, None, request.source, request.bands_last)
        advice = f"name one, as in {parts[0].opened}, or unpack them"
        return open_stack(parts, request.source, (str(request.path),), advice)


ARCHIVE = Archive()
