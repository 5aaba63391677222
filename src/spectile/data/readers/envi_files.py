"""The two files of an ENVI scene: which header belongs to which pixels."""

from __future__ import annotations

from pathlib import Path

from spectile.data.readers.envi_header import is_header
from spectile.errors import InputError

_DATA_SUFFIXES = ("", ".img", ".dat", ".raw", ".bin", ".bsq", ".bil", ".bip", ".hyspex", ".cue")
"""What a header's pixels may be called, likeliest first; "" is the header's name without .hdr."""
_BESIDE = {".hdr", ".xml", ".txt", ".png", ".jpg", ".jpeg", ".tfw", ".prj", ".sta", ".enp", ".ovr"}
"""What may carry the same name without being the pixels."""


def find_data(header: Path) -> Path:
    """The file with the pixels that `header` describes."""
    beside = {path.name.lower(): path for path in header.parent.iterdir() if path.is_file()}
    stem = header.name[: -len(header.suffix)].lower()
    for suffix in _DATA_SUFFIXES:
        if stem + suffix in beside:
            return beside[stem + suffix]
    others = [
        path
        for path in beside.values()
        if path.stem.lower() == stem and path.suffix.lower() not in _BESIDE
    ]
    if len(others) == 1:
        return others[0]
    raise InputError(
        f"{header} is a header, and the file with its pixels is not beside it: "
        f"put {header.name[: -len(header.suffix)]} (with .img, .dat, .bsq ... or without "
        "extension) into the same folder."
    )


def find_header(data: Path) -> Path | None:
    """The ENVI header that lies beside `data`."""
    names = (f"{data.stem}.hdr".lower(), f"{data.name}.hdr".lower())
    beside = {path.name.lower(): path for path in data.parent.iterdir() if path.is_file()}
    found = next((beside[name] for name in names if name in beside), None)
    if found is None:
        return None
    with found.open("rb") as file:
        return found if is_header(file.read(256)) else None
