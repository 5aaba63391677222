"""A scene as networks see it: the same numbers whole or in parts, padded right at the borders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from spectile.data.preprocessing.components import Preprocessing, read_spectra, tiles_holding
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene

BANDS = (0, 2, 3)


def scene(height: int, width: int) -> Scene:
    rng = np.random.default_rng(height * 100 + width)
    pixels = rng.integers(0, 4000, (5, height, width)).astype(np.int16)
    pixels[2, height // 2, width // 2] = -1
    return scene_from_array(pixels, nodata=-1)


def preprocessing(opened: Scene, padding: str) -> Preprocessing:
    spectra = opened.read(None, BANDS).reshape(3, -1).T
    return Preprocessing(BANDS, fit_reducer("standardise", spectra), padding)  # type: ignore[arg-type]


@pytest.mark.parametrize("padding", ["reflect", "zero"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_part_with_halo_is_a_cut_of_the_padded_whole(padding: str, data: st.DataObject) -> None:
    height, width = data.draw(st.integers(6, 20)), data.draw(st.integers(6, 20))
    halo = data.draw(st.integers(0, 5))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows = data.draw(st.integers(1, height - top))
    columns = data.draw(st.integers(1, width - left))
    opened = scene(height, width)
    steps = preprocessing(opened, padding)
    whole, valid = steps.read(opened, Window(0, 0, width, height), 0)
    mode = "reflect" if padding == "reflect" else "constant"
    padded = np.pad(whole, ((0, 0), (halo, halo), (halo, halo)), mode=mode)  # type: ignore[call-overload]
    part, part_valid = steps.read(opened, Window(left, top, columns, rows), halo)
    expected = padded[:, top : top + rows + 2 * halo, left : left + columns + 2 * halo]
    np.testing.assert_allclose(part, expected, atol=1e-6)
    np.testing.assert_array_equal(part_valid, valid[top : top + rows, left : left + columns])
    assert not valid[height // 2, width // 2]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 50), st.integers(1, 50), st.integers(1, 20), st.integers(0, 60), st.integers(0)
)
def test_tiles_hold_every_pixel_once(
    height: int, width: int, edge: int, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
    seen = []
    for window, members in tiles_holding(rows, columns, height, width, edge):
        assert len(members)
        assert window.row_off + window.height <= height
        assert window.col_off + window.width <= width
        inside_rows = rows[members] - window.row_off
        inside_columns = columns[members] - window.col_off
        assert ((inside_rows >= 0) & (inside_rows < window.height)).all()
        assert ((inside_columns >= 0) & (inside_columns < window.width)).all()
        seen.extend(members.tolist())
    assert sorted(seen) == list(range(count))


def test_spectra_come_in_the_order_asked_for() -> None:
    opened = scene(300, 310)
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 300, 500), rng.integers(0, 310, 500)
    spectra = read_spectra(opened, rows, columns, BANDS)
    np.testing.assert_array_equal(spectra, opened.read()[list(BANDS)][:, rows, columns].T)
