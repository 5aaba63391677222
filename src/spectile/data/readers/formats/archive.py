"""A zip or tar file with one image, or with the bands of one scene."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from spectile.data.readers.formats.raster import open_raster
from spectile.data.readers.registry import Format, Request, Turn, scene_suffixes
from spectile.data.readers.stack import BandFile, in_order_of_names, open_stack
from spectile.data.scene import Scene
from spectile.errors import InputError

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")


class Archive(Format):
    """An archive, of which GDAL reads without unpacking it."""

    name = "archive"
    suffixes = ()  # archives in folders or archives aren't looked into
    turn = Turn.NAME
    images = False

    def can_open(self, request: Request) -> bool:
        return request.path.name.lower().endswith(ARCHIVES)

    def open(self, request: Request) -> Scene:
        parts = _images_in(request.path)
        if len(parts) == 1:
            return open_raster(parts[0].opened, None, request.source, request.bands_last)
        advice = f"name one, as in {parts[0].opened}, or unpack them"
        return open_stack(parts, request.source, (str(request.path),), advice)


ARCHIVE = Archive()


def _images_in(path: Path) -> list[BandFile]:
    """The images in a zip or tar file; raises InputError where it is none or holds no image."""
    try:
        if path.suffix.lower() == ".zip":
            prefix = "/vsizip/"
            with zipfile.ZipFile(path) as zipped:
                names = zipped.namelist()
        else:
            prefix = "/vsitar/"
            with tarfile.open(path) as tarred:
                names = tarred.getnames()
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as an archive ({error}): fetch it again, or unpack it."
        ) from error
    inside = [PurePosixPath(name) for name in names if not name.endswith("/")]
    inside = [name for name in inside if name.parts[0] != "__MACOSX" and name.name[0] != "."]
    headers = {str(name)[:-4].lower() for name in inside if name.suffix.lower() == ".hdr"}
    suffixes = scene_suffixes()
    found = [
        name
        for name in inside
        if name.suffix.lower() in suffixes or (not name.suffix and str(name).lower() in headers)
    ]
    if not found:
        some = ", ".join(str(name) for name in inside[:5]) or "nothing"
        raise InputError(f"{path} holds no image ({some}): give an archive of a scene.")
    place = f"{prefix}{path.absolute()}"
    order = {
        path.name: at for at, path in enumerate(in_order_of_names([Path(n.name) for n in found]))
    }
    found.sort(key=lambda name: order[name.name])
    return [BandFile(str(name), f"{place}/{name}") for name in found]
