"""What to say of a file that isn't read as an image: what it is, not what it might be."""

from __future__ import annotations

from pathlib import Path

from spectile.data.readers.registry import FORMATS
from spectile.errors import InputError

_IMAGES = {
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "BigTIFF", b"MM\0+": "BigTIFF",
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"\0\0\0\x0cjP": "JPEG 2000",
    b"CDF\x01": "netCDF", b"CDF\x02": "netCDF", b"CDF\x05": "netCDF",
    b"\x89HDF": "HDF5", b"\x93NUMPY": "NumPy", b"GRIB": "GRIB",
}  # fmt: skip
_OTHERS = {
    b"\x0e\x03\x13\x01": "HDF4, which the GDAL here can't read: convert it to GeoTIFF elsewhere, "
    "by gdal_translate",
    b"%PDF": "a PDF: give the image that it shows",
    b"PK\x03\x04": "a zip archive by another name: let it end in .zip, or unpack it",
    b"\x1f\x8b": "compressed by gzip: unpack it",
    b"SQLite": "a database: where it holds polygons or points, give it as labels",
    b"#!": "a script: give a scene",
}
_VECTORS = (
    ".shp", ".gpkg", ".geojson", ".json", ".kml", ".kmz", ".gml", ".fgb", ".tab", ".gdb", ".csv",
    ".tsv", ".geojsonl", ".parquet", ".dbf", ".xlsx",
)  # fmt: skip


def no_image(source: str, file: Path, reason: str) -> InputError:
    """Why `file`, which GDAL refuses with `reason`, is no image."""
    said = f"{source} can't be read as an image"
    try:
        start = _start(file)
    except OSError:
        return InputError(f"{said} ({reason or 'it is not there'}): check the path.")
    if not start:
        return InputError(f"{said}, for it is empty: fetch or export it again.")
    if file.suffix.lower() in _VECTORS:
        return InputError(
            f"{said}, for it holds vectors or a table: give it as labels, beside a scene."
        )
    for magic, kind in _OTHERS.items():
        if start.startswith(magic):
            return InputError(f"{said}, for it is {kind}.")
    for magic, kind in _IMAGES.items():
        if start.startswith(magic):
            because = f" ({reason})" if reason else ""
            return InputError(
                f"{said}: it begins as a {kind} file, but GDAL can't make anything of the rest"
                f"{because}, so fetch or export it again."
            )
    if b"\0" not in start and _is_text(start):
        return InputError(f"{said}, for it is text: {_wanted()}.")
    return InputError(f"{said}, for it is in no format that GDAL knows: {_wanted()}.")


def _wanted() -> str:
    others = "".join(f", or {one.name}" for one in FORMATS.added())
    return (
        "give a GeoTIFF, an ENVI file with its .hdr beside it, or a .mat, .npy or .npz file"
        + others
    )


def _start(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(4096)


def _is_text(start: bytes) -> bool:
    try:
        start[:-4].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
