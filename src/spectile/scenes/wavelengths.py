"""Wavelengths, band widths and bad-band lists, out of ENVI headers and GDAL's tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

Tags = Mapping[str, str | Sequence[str]]

_NANOMETRES = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "micrometer", "micrometre"), 1e3),  # both mus
    **dict.fromkeys(("angstrom",), 0.1),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e6),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
}
_NOT_A_LENGTH = {"wavenumber", "cm-1", "1/cm", "ghz", "mhz", "index"}
_LONGEST_IN_MICROMETRES = 100.0
"""A list without a unit whose median lies below this is in micrometres, else in nanometres:
optical sensors see 0.2 to 15 µm, which are 200 to 15,000 nm."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What a file says of its bands; the lists have one entry a band."""

    wavelengths: NDArray[np.float64] | None
    """Nanometres."""
    fwhm: NDArray[np.float64] | None
    """Nanometres."""
    good_bands: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    """One clause for each list that could not be used."""


def spectrum_of_header(header: Tags, bands: int) -> Spectrum:
    """The spectrum in an ENVI header's fields."""
    return _combine([_from_fields(header, bands)], bands)


def spectrum_of_dataset(dataset: DatasetReader) -> Spectrum:
    """The spectrum in GDAL's metadata; what comes first here wins.

    The bands' own tags (wavelength, fwhm, bbl ...); the ENVI domain and the tags of the dataset,
    where GDAL and others keep the fields of an ENVI header; the IMAGERY domain of the bands,
    last because GDAL rounds to full nanometres there.
    """
    bands = dataset.count
    numbers = range(1, bands + 1)
    imagery = [_named_tags(dataset, band, "IMAGERY") for band in numbers]
    tags = [_named_tags(dataset, band, None) for band in numbers]
    sources = [
        _from_lists(
            bands,
            wavelengths=_column(tags, "wavelength", "wavelengths", "central_wavelength"),
            fwhm=_column(tags, "fwhm"),
            bad_band_list=_column(tags, "bbl", "good_band"),
            unit=next(iter(_column(tags, "wavelength_units", "wavelength_unit")), ""),
        ),
        _from_fields(_named_tags(dataset, 0, "ENVI"), bands),
        _from_fields(_named_tags(dataset, 0, None), bands),
        _from_lists(
            bands,
            wavelengths=_column(imagery, "central_wavelength_um"),
            fwhm=_column(imagery, "fwhm_um"),
            bad_band_list=(),
            unit="um",
        ),
    ]
    return _combine(sources, bands)


@dataclass(frozen=True, eq=False)
class _Found:
    """What one place of a file says; None where it says nothing that can be used."""

    wavelengths: NDArray[np.float64] | None
    fwhm: NDArray[np.float64] | None
    good_bands: NDArray[np.bool_] | None
    refused: Mapping[str, str]
    """Why a list was not used, by the field it was meant for."""


def _combine(sources: Sequence[_Found], bands: int) -> Spectrum:
    wavelengths = next((s.wavelengths for s in sources if s.wavelengths is not None), None)
    fwhm = next((s.fwhm for s in sources if s.fwhm is not None), None)
    good = next((s.good_bands for s in sources if s.good_bands is not None), None)
    found = {"wavelengths": wavelengths, "fwhm": fwhm, "good_bands": good}
    notes = dict.fromkeys(
        note for s in sources for name, note in s.refused.items() if found[name] is None
    )
    return Spectrum(
        wavelengths, fwhm, np.ones(bands, np.bool_) if good is None else good, tuple(notes)
    )


def _from_fields(fields: Tags, bands: int) -> _Found:
    """From the fields of an ENVI header, whose names have spaces or (GDAL's way) underscores."""
    plain = {re.sub(r"[\s_]+", "_", name.strip().lower()): text for name, text in fields.items()}
    unit = plain.get("wavelength_units", "")
    return _from_lists(
        bands,
        wavelengths=_entries(plain.get("wavelength", "")),
        fwhm=_entries(plain.get("fwhm", "")),
        bad_band_list=_entries(plain.get("bbl", "")),
        unit=unit if isinstance(unit, str) else "",
    )


def _from_lists(
    bands: int,
    *,
    wavelengths: Sequence[str],
    fwhm: Sequence[str],
    bad_band_list: Sequence[str],
    unit: str,
) -> _Found:
    refused: dict[str, str] = {}

    def numbers(field: str, name: str, entries: Sequence[str]) -> NDArray[np.float64] | None:
        if not entries:
            return None
        values = _numbers(entries)
        if len(entries) != bands:
            refused[field] = f"the {name} has {len(entries)} entries for {bands} bands"
        elif values is None:
            refused[field] = f"the {name} holds something that is no number"
        elif field != "good_bands" and not (values > 0).all():
            refused[field] = f"the {name} holds lengths that are not above zero"
        else:
            return values
        return None

    centres = numbers("wavelengths", "wavelength list", wavelengths)
    widths = numbers("fwhm", "fwhm list", fwhm)
    flags = numbers("good_bands", "bad-band list", bad_band_list)
    scale = _scale(unit, centres)
    if centres is not None and scale is None:
        refused["wavelengths"] = f"the wavelengths are in {unit.strip()!r}, which is no length"
    if flags is not None and not flags.any():
        refused["good_bands"] = "the bad-band list excludes every band"
        flags = None
    return _Found(
        None if centres is None or scale is None else centres * scale,
        None if widths is None or scale is None else widths * scale,
        None if flags is None else flags != 0,
        refused,
    )


def _scale(unit: str, wavelengths: NDArray[np.float64] | None) -> float | None:
    """Nanometres in one `unit`; guessed from the numbers where the file names none we know."""
    name = unit.strip().lower()
    if name in _NOT_A_LENGTH:
        return None
    known = _NANOMETRES.get(name) or _NANOMETRES.get(name.removesuffix("s"))
    if known is not None or wavelengths is None:
        return known
    return 1e3 if np.median(wavelengths) < _LONGEST_IN_MICROMETRES else 1.0


def _numbers(entries: Sequence[str]) -> NDArray[np.float64] | None:
    try:
        values = np.array([float(entry) for entry in entries])
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


def _entries(text: str | Sequence[str]) -> list[str]:
    """The entries of `{1, 2, 3}`, or of a list that a library has split already."""
    if not isinstance(text, str):
        return [entry.strip() for entry in text if entry.strip()]
    return re.findall(r"[^\s,{}]+", text)


def _named_tags(dataset: DatasetReader, band: int, domain: str | None) -> dict[str, str]:
    """Tags of a band (0: of the dataset) by lower-case name; none where they aren't text."""
    try:
        tags = dataset.tags(band, ns=domain)
    except UnicodeDecodeError:
        return {}
    return {name.lower(): text for name, text in tags.items()}


def _column(tags: Sequence[Mapping[str, str]], *names: str) -> list[str]:
    """What every band says under one of `names`: a band without it shortens the list."""
    found = [next((band[name] for name in names if name in band), "") for band in tags]
    return [text for text in found if text.strip()]
