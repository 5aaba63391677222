"""Wavelengths, band widths and bad-band lists, out of ENVI headers and GDAL's tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader

from spectile.data.readers.header_fields import Tags, entries, plain_names, to_numbers

_NANOMETRES = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "micrometer", "micrometre"), 1e3),  # both mus
    **dict.fromkeys(("angstrom",), 0.1),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e6),
    **dict.fromkeys(("m", "meter", "metre"), 1e9),
}
_NOT_A_LENGTH = {"wavenumber", "cm-1", "1/cm", "ghz", "mhz", "index", "band", "bands", "none"}
_LONGEST_IN_MICROMETRES = 100.0
"""A list without a unit whose median lies below this is in micrometres, else in nanometres:
optical sensors see 0.2 to 15 µm, which are 200 to 15,000 nm."""
_OPTICAL = 100.0, 100_000.0
"""Nanometres from the far ultraviolet to the far infrared: no imaging sensor sees beyond."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What a file says of its bands; the lists have one entry a band."""

    wavelengths: NDArray[np.float64] | None
    """Nanometres."""
    fwhm: NDArray[np.float64] | None
    """Nanometres."""
    good_bands: NDArray[np.bool_]
    notes: tuple[str, ...] = ()
    """One clause for each list that could not be used, or not as it stands."""


def spectrum_of_header(header: Tags, bands: int) -> Spectrum:
    """The spectrum in an ENVI header's fields."""
    return _combine([_from_fields(header, bands)], bands)


def spectrum_of_dataset(dataset: DatasetReader, bands: Sequence[int]) -> Spectrum:
    """The spectrum of `bands` (from 0) in GDAL's metadata; what comes first here wins.

    The bands' own tags (wavelength, fwhm, bbl ...); the ENVI domain and the tags of the dataset,
    where GDAL and others keep the fields of an ENVI header; the IMAGERY domain of the bands,
    last because GDAL rounds to full nanometres there, and takes numbers of any unit for
    micrometres.
    """
    count = len(bands)
    tags = [named_tags(dataset, band + 1) for band in bands]
    sources = [
        _from_lists(
            count,
            wavelengths=_column(tags, "wavelength", "wavelengths", "central_wavelength"),
            fwhm=_column(tags, "fwhm"),
            bad_band_list=_column(tags, "bbl", "good_band"),
            unit=next(iter(_column(tags, "wavelength_units", "wavelength_unit")), ""),
        ),
        _from_fields(named_tags(dataset, 0, "ENVI"), count),
        _from_fields(named_tags(dataset, 0), count),
    ]
    if not any("wavelengths" in source.refused for source in sources):
        imagery = [named_tags(dataset, band + 1, "IMAGERY") for band in bands]
        rounded = _from_lists(
            count,
            wavelengths=_column(imagery, "central_wavelength_um"),
            fwhm=_column(imagery, "fwhm_um"),
            bad_band_list=(),
            unit="um",
        )
        sources.append(rounded)
    return _combine(sources, count)


@dataclass(frozen=True, eq=False)
class _Found:
    """What one place of a file says; None where it says nothing that can be used."""

    wavelengths: NDArray[np.float64] | None
    fwhm: NDArray[np.float64] | None
    good_bands: NDArray[np.bool_] | None
    refused: Mapping[str, str]
    """Why a list was not used, by the field it was meant for."""
    said: Mapping[str, str]
    """How a list was understood against its own words, by the field."""


def _combine(sources: Sequence[_Found], bands: int) -> Spectrum:
    notes: dict[str, None] = {}
    for field in ("wavelengths", "fwhm", "good_bands"):
        used = next((s for s in sources if getattr(s, field) is not None), None)
        if used is not None:
            told = [used.said.get(field)]
        else:
            told = [source.refused.get(field) for source in sources]
        notes |= dict.fromkeys(note for note in told if note)
    good = next((s.good_bands for s in sources if s.good_bands is not None), None)
    return Spectrum(
        next((s.wavelengths for s in sources if s.wavelengths is not None), None),
        next((s.fwhm for s in sources if s.fwhm is not None), None),
        np.ones(bands, np.bool_) if good is None else good,
        tuple(notes),
    )


def _from_fields(fields: Tags, bands: int) -> _Found:
    """From the fields of an ENVI header, whose names have spaces or (GDAL's way) underscores."""
    plain = plain_names(fields)
    unit = plain.get("wavelength_units", "")
    return _from_lists(
        bands,
        wavelengths=entries(plain.get("wavelength", "")),
        fwhm=entries(plain.get("fwhm", "")),
        bad_band_list=entries(plain.get("bbl", "")),
        unit=unit.strip("{}\"' ") if isinstance(unit, str) else "",
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
    said: dict[str, str] = {}

    def numbers(field: str, name: str, texts: Sequence[str]) -> NDArray[np.float64] | None:
        if not texts:
            return None
        values = to_numbers(texts)
        if len(texts) != bands:
            refused[field] = f"the {name} has {len(texts)} entries for {bands} bands"
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
    scale, doubt = _scale(unit, centres)
    if centres is not None and scale is None:
        refused["wavelengths"] = doubt
    elif doubt:
        said["wavelengths"] = doubt
    if flags is not None and not flags.any():
        refused["good_bands"] = "the bad-band list excludes every band"
        flags = None
    return _Found(
        None if centres is None or scale is None else centres * scale,
        None if widths is None or scale is None else widths * scale,
        None if flags is None else flags != 0,
        refused,
        said,
    )


def _scale(unit: str, wavelengths: NDArray[np.float64] | None) -> tuple[float | None, str]:
    """Nanometres in one `unit`, and what is odd about it.

    Guessed from the numbers where the file names no unit we know, or one in which no sensor sees;
    None where the numbers are no wavelengths.
    """
    name = unit.strip().lower()
    if name in _NOT_A_LENGTH:
        return None, f"the wavelengths are in {unit.strip()!r}, which is no length"
    known = _NANOMETRES.get(name) or _NANOMETRES.get(name.removesuffix("s"))
    if wavelengths is None:
        return known, ""
    middle = float(np.median(wavelengths))
    guessed = 1e3 if middle < _LONGEST_IN_MICROMETRES else 1.0
    if known is None:
        return guessed, ""
    if _OPTICAL[0] <= middle * known <= _OPTICAL[1]:
        return known, ""
    numbers = f"{wavelengths.min():g} to {wavelengths.max():g}"
    odd = f"the wavelengths are said to be in {unit.strip()}, but no sensor sees {numbers} of them"
    if not _OPTICAL[0] <= middle * guessed <= _OPTICAL[1]:
        return None, f"{odd}: they aren't used"
    meant = "micrometres" if guessed == 1e3 else "nanometres"
    return guessed, f"{odd}: taken for {meant}"


def named_tags(dataset: DatasetReader, band: int, domain: str | None = None) -> dict[str, str]:
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
