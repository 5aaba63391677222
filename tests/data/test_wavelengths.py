"""Wavelengths, widths and bad-band lists in every place where files keep them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from spectile.data.readers.open import open_scene
from spectile.data.wavelengths import spectrum_of_header

CENTRES = [443.25, 560.5, 2200.75]


def write_tif(
    path: Path,
    band_tags: list[dict[str, str]] | None = None,
    domain: str | None = None,
    dataset_tags: dict[str, str] | None = None,
    dataset_domain: str | None = None,
) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=2,
        width=2,
        count=3,
        dtype="int16",
        crs="EPSG:32633",
        transform=rasterio.Affine(30, 0, 0, 0, -30, 0),
    ) as file:
        file.write(np.ones((3, 2, 2), np.int16))
        for band, tags in enumerate(band_tags or [], start=1):
            file.update_tags(band, ns=domain, **tags)
        if dataset_tags:
            file.update_tags(ns=dataset_domain, **dataset_tags)
    return path


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("Nanometers", 1),
        ("nm", 1),
        ("Micrometers", 1e-3),
        ("um", 1e-3),
        ("µm", 1e-3),
        ("μm", 1e-3),
        ("microns", 1e-3),
        ("Unknown", 1),
        ("Unknown", 1e-3),
        ("", 1e-3),
    ],
)
def test_any_unit_becomes_nanometres(unit: str, factor: float) -> None:
    header = {
        "wavelength": "{" + ", ".join(str(centre * factor) for centre in CENTRES) + "}",
        "fwhm": [str(10 * factor)] * 3,
        "wavelength units": unit,
    }
    spectrum = spectrum_of_header(header, 3)
    assert spectrum.wavelengths is not None
    assert spectrum.fwhm is not None
    np.testing.assert_allclose(spectrum.wavelengths, CENTRES)
    np.testing.assert_allclose(spectrum.fwhm, [10, 10, 10])
    assert spectrum.notes == ()


@pytest.mark.parametrize(
    "names",
    [
        ("wavelength", "wavelength_units", "fwhm", "bbl"),
        ("WAVELENGTH", "WAVELENGTH_UNIT", "FWHM", "good_band"),
        ("wavelengths", "wavelength_unit", "fwhm", "BBL"),
    ],
)
def test_tags_of_bands(tmp_path: Path, names: tuple[str, str, str, str]) -> None:
    values = [(str(c / 1000), "Micrometers", "0.01", str(i)) for i, c in enumerate(CENTRES)]
    tags = [dict(zip(names, band, strict=True)) for band in values]
    scene = open_scene(write_tif(tmp_path / "scene.tif", tags))
    np.testing.assert_allclose(scene.wavelengths, CENTRES)
    np.testing.assert_allclose(scene.fwhm, [10, 10, 10])
    assert scene.good_bands.tolist() == [False, True, True]


def test_imagery_domain(tmp_path: Path) -> None:
    tags = [{"CENTRAL_WAVELENGTH_UM": str(c / 1000), "FWHM_UM": "0.02"} for c in CENTRES]
    scene = open_scene(write_tif(tmp_path / "scene.tif", tags, "IMAGERY"))
    np.testing.assert_allclose(scene.wavelengths, CENTRES)
    np.testing.assert_allclose(scene.fwhm, [20, 20, 20])


@pytest.mark.parametrize("domain", ["ENVI", None])
def test_fields_of_an_envi_header_in_a_geotiff(tmp_path: Path, domain: str | None) -> None:
    fields = {
        "wavelength": "{443.25, 560.5, 2200.75}",
        "wavelength_units": "Nanometers",
        "bbl": "{1, 0, 1}",
    }
    path = write_tif(tmp_path / "scene.tif", dataset_tags=fields, dataset_domain=domain)
    scene = open_scene(path)
    np.testing.assert_allclose(scene.wavelengths, CENTRES)
    assert scene.good_bands.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("field", "text", "note"),
    [
        ("wavelength", "{1, 2}", "the wavelength list has 2 entries for 3 bands"),
        ("wavelength", "{1, two, 3}", "the wavelength list holds something that is no number"),
        ("wavelength", "{1, nan, 3}", "the wavelength list holds something that is no number"),
        ("wavelength", "{0, 2, 3}", "the wavelength list holds lengths that are not above zero"),
        ("fwhm", "{1, 2, 3, 4}", "the fwhm list has 4 entries for 3 bands"),
        ("bbl", "{1, 0}", "the bad-band list has 2 entries for 3 bands"),
        ("bbl", "{0, 0, 0}", "the bad-band list excludes every band"),
        (
            "wavelength units",
            "Wavenumber",
            "the wavelengths are in 'Wavenumber', which is no length",
        ),
    ],
)
def test_lists_that_do_not_fit_are_left_out_and_noted(field: str, text: str, note: str) -> None:
    header = {
        "wavelength": "{400, 500, 600}",
        "wavelength units": "Nanometers",
        "fwhm": "{1, 1, 1}",
        "bbl": "{1, 1, 0}",
    }
    spectrum = spectrum_of_header(header | {field: text}, 3)
    assert spectrum.notes == (note,)
    assert (spectrum.wavelengths is None) == field.startswith("wavelength")
    assert spectrum.good_bands.tolist() == [True, True, field == "bbl"]


def test_a_band_without_a_wavelength_leaves_the_list_out(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "scene.tif", [{"wavelength": "400"}, {}, {"wavelength": "600"}])
    scene = open_scene(path)
    assert scene.wavelengths is None
    assert scene.notes == ("the wavelength list has 2 entries for 3 bands",)


def test_a_good_list_elsewhere_takes_the_place_of_a_wrong_one(tmp_path: Path) -> None:
    scene = open_scene(
        write_tif(
            tmp_path / "scene.tif",
            [{"wavelength": "400"}, {}, {}],
            dataset_tags={"wavelength": "{443.25, 560.5, 2200.75}"},
            dataset_domain="ENVI",
        )
    )
    np.testing.assert_allclose(scene.wavelengths, CENTRES)
    assert scene.notes == ()


@given(
    st.dictionaries(
        st.sampled_from(["wavelength", "fwhm", "bbl", "wavelength units", "Wavelength_Units"]),
        st.one_of(st.text(), st.lists(st.text()), st.lists(st.floats().map(str), max_size=4)),
    )
)
def test_whatever_a_header_says_the_lists_fit_the_bands(header: dict) -> None:
    spectrum = spectrum_of_header(header, 3)
    assert spectrum.good_bands.shape == (3,)
    assert spectrum.good_bands.any()
    for values in (spectrum.wavelengths, spectrum.fwhm):
        assert values is None or (values.shape == (3,) and (values > 0).all())
