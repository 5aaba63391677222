"""What the path of a label file means: an array, a table, features or a raster."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from spectile.data.labels.features import feature_suffixes
from spectile.data.readers.envi_files import find_header
from spectile.data.readers.gdal import open_dataset
from spectile.data.readers.registry import array_suffixes, is_known
from spectile.errors import InputError

TABLES = (".csv", ".tsv")
TEXT = ".txt"
ZIP = ".zip"
RASTERS = (".tif", ".tiff", ".img", ".vrt", ".png", ".jp2", ".asc")
"""What a raster inside an archive is called."""
PIECES = {
    **dict.fromkeys((".dbf", ".shx", ".prj", ".cpg", ".sbn", ".qix"), ".shp"),
    **dict.fromkeys((".mid",), ".mif"),
}
"""Files that belong beside another, which is the one to name."""

FileKind = Literal["array", "table", "vector", "raster"]


@dataclass(frozen=True)
class LabelFile:
    """A label file, found."""

    kind: FileKind
    source: str
    """As the user gave it."""
    path: Path
    """The file or folder itself."""
    part: str | None
    """What is picked in it: an array, a layer."""
    name: str
    """As GDAL understands it: the path, or the way into an archive."""


def find_label_file(source: str) -> LabelFile:
    """What `source` means: ``labels.tif``, ``fields.gpkg:layer``, ``fields.zip``, ``gt.mat:gt``.

    Raises InputError for what isn't there, for a folder, for a piece of a shapefile, and for an
    archive with several files to choose from.
    """
    path, part = split_part(source)
    suffix = path.suffix.lower()
    if source.startswith(("/vsi", "http")):
        kind: FileKind = "vector" if suffix in feature_suffixes() else "raster"
        name = source if part is None else source[: -len(part) - 1]
        return LabelFile(kind, source, path, part, name)
    if suffix in (*array_suffixes(), *TABLES, *feature_suffixes(), TEXT, ZIP) and not path.exists():
        raise InputError(f"{source} isn't there: check the path.")
    if path.is_dir() and suffix != ".gdb":
        raise _folder(source, path)
    if suffix in PIECES and path.with_suffix(PIECES[suffix]).exists():
        raise InputError(
            f"{source} is a part of {path.with_suffix(PIECES[suffix])}: give that file's name."
        )
    if suffix == ZIP:
        return _inside(source, path, part)
    if suffix in array_suffixes():
        return LabelFile("array", source, path, part, str(path))
    if suffix in TABLES or (suffix == TEXT and not _is_raster(path)):  # which ASCII grids are
        return LabelFile("table", source, path, None, str(path))
    if suffix in feature_suffixes() or _only_features(path):
        return LabelFile("vector", source, path, part, str(path))
    return LabelFile("raster", source, path, None, source)


def split_part(source: str) -> tuple[Path, str | None]:
    """The file and what is picked in it: ``labels.mat:variable``, ``fields.gpkg:layer``."""
    stem, colon, part = source.rpartition(":")
    picks = (
        colon
        and part
        and Path(stem).suffix.lower() in (*array_suffixes(), *feature_suffixes(), ZIP)
    )
    return (Path(stem), part) if picks and not Path(source).exists() else (Path(source), None)


def _is_raster(path: Path) -> bool:
    dataset = open_dataset(str(path))
    if dataset is not None:
        dataset.close()
    return dataset is not None


def _only_features(path: Path) -> bool:
    """Whether GDAL finds features in a file of an unknown kind, and no image."""
    known = path.suffix.lower() in (*RASTERS, ".hdr")
    if known or not path.is_file() or is_known(path):
        return False
    if _is_raster(path) or find_header(path) is not None:
        return False
    # Geopandas takes half a second to import, and most labels are rasters.
    from spectile.data.labels.feature_formats.ogr import layers_in

    return bool(layers_in(str(path)))


def _folder(source: str, path: Path) -> InputError:
    ends = feature_suffixes()
    inside = sorted(file.name for file in path.iterdir() if file.suffix.lower() in ends)
    example = f", such as {Path(source) / inside[0]}" if inside else ""
    return InputError(f"{source} is a folder: give the file in it that holds the labels{example}.")


def _inside(source: str, path: Path, part: str | None) -> LabelFile:
    """The one file with labels in an archive, or the one that `part` names, else its layer."""
    try:
        with zipfile.ZipFile(path) as archive:
            listed = archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{source} can't be read as a zip archive: fetch or export it again."
        ) from error
    members = _members(listed)
    picked = [one for one in members if part in (one, PurePosixPath(one).name)]
    if len(picked) == 1:
        members, part = picked, None
    if not members:
        holds = ", ".join(listed[:5]) or "nothing"
        raise InputError(
            f"{source} holds {holds} and neither features nor a raster that could be labels: "
            "unpack it and give the file that holds them."
        )
    if len(members) > 1:
        raise InputError(
            f"{source} holds {', '.join(members[:8])}{' ...' if len(members) > 8 else ''}: choose "
            f"one as {path}:{members[0]}."
        )
    name = f"/vsizip/{{{path}}}/{members[0]}"
    features = PurePosixPath(members[0]).suffix.lower() in feature_suffixes()
    return LabelFile("vector" if features else "raster", source, path, part, name)


def _members(listed: Sequence[str]) -> list[str]:
    """The files in an archive that may hold labels, features before rasters."""
    found: dict[str, None] = {}
    for member in listed:
        steps = PurePosixPath(member).parts
        if any(step.startswith((".", "__MACOSX")) for step in steps):
            continue
        database = next((n for n, step in enumerate(steps) if step.lower().endswith(".gdb")), None)
        if database is not None:
            found["/".join(steps[: database + 1])] = None
        elif not member.endswith("/"):
            found[member] = None
    for suffixes in (tuple(s for s in feature_suffixes() if s != ".json"), (".json",), RASTERS):
        chosen = [one for one in found if PurePosixPath(one).suffix.lower() in suffixes]
        if chosen:
            return chosen
    return []
