"""A hot pixel, or many, spoils no window that doesn't hold it, and those that do are right."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.small_model import BANDS
from torch import Tensor, nn
from torch.nn import functional as F

from spectile import networks
from spectile.api.model import Model
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.mapping.compute import Compute
from spectile.mapping.dense import densify
from spectile.mapping.dense.kernels.window_product import WindowProduct
from spectile.mapping.patches import PatchByPatch
from spectile.mapping.tiles import tiles
from spectile.mapping.window_mapper import Tile, WindowMapper
from spectile.model.trained_task import WindowTask

WINDOW = 11
EDGE = 60


def network() -> nn.Module:
    """Its first Linear sees 9 x 9 features, by transforms."""
    torch.manual_seed(0)
    head = nn.Flatten(), nn.Linear(8 * 81, 16), nn.ReLU(), nn.Linear(16, 3)
    return nn.Sequential(nn.Conv2d(4, 8, 3), nn.ReLU(), *head).eval()


Place = tuple[slice | int, slice | int]


def scene(hot: Sequence[tuple[Place, float]]) -> Tensor:
    edge = EDGE + WINDOW - 1
    x = torch.randn(1, 4, edge, edge, generator=torch.Generator().manual_seed(2))
    for (rows, columns), value in hot:
        x[0, :, rows, columns] = value
    return x


def check(module: nn.Module, x: Tensor) -> None:
    """Against the module on some of the windows, in double precision."""
    places = torch.randperm(EDGE**2, generator=torch.Generator().manual_seed(4))[:250].tolist()
    corners = [divmod(place, EDGE) for place in (0, EDGE**2 - 1, *places)]
    windows = torch.stack([x[0, :, r : r + WINDOW, c : c + WINDOW] for r, c in corners])
    with torch.inference_mode():
        exact = copy.deepcopy(module).double()(windows.double())
        patches = module(windows)
        whole = densify(module, (WINDOW, WINDOW))(x)[0]
        ours = torch.stack([whole[:, row, column] for row, column in corners])
    largest = exact.abs().amax(1, keepdim=True)
    # What single precision rounds, and no more.
    rounded = ((patches - exact).abs() / largest).max()
    assert ((ours - exact).abs() / largest).max() <= max(1e-5, 10 * float(rounded))


@pytest.mark.parametrize("value", [1e3, 1e6, 1e8, 1e12, -1e20, 1e30])
@pytest.mark.parametrize(
    "where",
    [
        pytest.param([(31, 40)], id="one pixel"),
        pytest.param([(0, 0), (69, 69), (0, 69)], id="corners"),
        pytest.param([(slice(None), 33)], id="a column"),
        pytest.param([(slice(None), slice(35, None))], id="half of the scene"),
    ],
)
def test_large_values(where: list[Place], value: float) -> None:
    check(network(), scene([(place, value) for place in where]))


def test_values_of_every_size_in_one_tile() -> None:
    places = np.random.default_rng(0).integers(0, EDGE, (28, 2)).tolist()
    powers = range(3, 31)
    check(
        network(),
        scene([((r, c), 10.0**power) for (r, c), power in zip(places, powers, strict=True)]),
    )


def test_where_windows_take_every_second_pixel() -> None:
    module = nn.Sequential(
        nn.Conv2d(4, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 49, 3)
    ).eval()
    window, x = (15, 15), scene([((30, 31), 1e10)])[..., :34, :40]
    exact = PatchByPatch(copy.deepcopy(module).double(), window)(x.double())
    off = (densify(module, window)(x) - exact).abs() / exact.abs().amax(1, keepdim=True)
    assert off.max() <= 1e-5


@settings(max_examples=25, deadline=None)
@given(
    taps=st.tuples(st.integers(6, 9), st.integers(6, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    steps=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    power=st.integers(3, 30),
    count=st.integers(1, 6),
    seed=st.integers(0, 1000),
    data=st.data(),
)
def test_products_of_any_size(
    taps: tuple[int, int],
    size: tuple[int, int],
    steps: tuple[int, int],
    power: int,
    count: int,
    seed: int,
    data: st.DataObject,
) -> None:
    torch.manual_seed(seed)
    kernel, bias = torch.randn(3, 2, *taps), torch.randn(3)
    shape = [edge + (k - 1) * step for edge, k, step in zip(size, taps, steps, strict=True)]
    x = torch.randn(*shape, 2)
    for _ in range(count):
        row, column = (data.draw(st.integers(0, edge - 1)) for edge in shape)
        x[row, column] = torch.randn(2) * 10.0**power
    ours = WindowProduct(kernel, bias, steps)(x).double()
    images, window = x.double().permute(2, 0, 1)[None], kernel.double()
    plain = F.conv2d(images, window, bias.double(), dilation=steps)[0].permute(1, 2, 0)
    squares = F.conv2d(images.square(), torch.ones(1, 2, *taps).double(), dilation=steps)[0, 0]
    # The norms of a window and of the kernel: no window suffers from what lies beside it.
    largest = squares.sqrt()[..., None] * window.flatten(1).norm(dim=1) + bias.abs()
    assert ((ours - plain).abs() <= 1e-5 * largest).all()
    exact = WindowProduct(window, bias.double(), steps)
    assert ((exact(x.double()) - plain).abs() <= 1e-13 * largest).all()


def test_a_kernel_that_hardly_sees_the_large_pixel() -> None:
    torch.manual_seed(0)
    kernel, x = torch.randn(3, 2, 7, 7), torch.randn(30, 30, 2)
    kernel[:, :, 0] = 0
    x[3, 3] = 1e12
    # Only windows that begin at the large pixel's row have it on the row of zeros.
    ours = WindowProduct(kernel, None, (1, 1))(x)[3, :4]
    x[3, 3] = 0
    plain = F.conv2d(x.permute(2, 0, 1)[None], kernel)[0].permute(1, 2, 0)[3, :4]
    assert torch.allclose(ours, plain, atol=1e-4)


def test_what_is_no_number_stays_in_the_windows_that_hold_it() -> None:
    x = scene([((31, 40), math.nan), ((5, 5), math.inf)])
    clean = scene([])
    dense = densify(network(), (WINDOW, WINDOW))
    spoilt, fine = dense(x)[0].sum(0), dense(clean)[0].sum(0)
    held = torch.zeros(EDGE, EDGE, dtype=torch.bool)
    for row, column in ((31, 40), (5, 5)):
        held[max(0, row - WINDOW + 1) : row + 1, max(0, column - WINDOW + 1) : column + 1] = True
    assert torch.isfinite(spoilt[~held]).all()
    assert torch.allclose(spoilt[~held], fine[~held], atol=1e-5)
    assert not torch.isfinite(spoilt[held]).any()


def model() -> Model:
    """An untrained hybridsn of windows wide enough for transforms, on components as they are."""
    torch.manual_seed(1)
    window = 15
    module = networks.create("hybridsn-2d", bands=BANDS, classes=4, window=window).eval()
    with torch.inference_mode():
        module.classifier[-1].bias -= module(torch.randn(64, BANDS, window, window)).mean(0)
    spectra = np.random.default_rng(0).normal(0, 1, (200, BANDS))
    return Model(
        name="hybridsn-2d",
        options={"window": window},
        network=module,
        trained_for=WindowTask(window),
        preprocessing=Preprocessing(
            tuple(range(BANDS)), fit_reducer("standardise", spectra), "reflect"
        ),
        legend=Legend(tuple(Category(k, f"class {k}", (k, 0, 0)) for k in range(1, 5))),
        scene_bands=BANDS,
        wavelengths=None,
    )


def test_maps_of_a_scene_with_hot_pixels() -> None:
    pixels = np.random.default_rng(3).normal(0, 1, (BANDS, 24, 26)).astype(np.float32)
    pixels[:, 10, 9], pixels[2, 0, 25], pixels[:, 21, :] = 1e12, -1e6, 1e8
    scene = scene_from_array(pixels)
    fitted = model()
    dense = fitted.map(scene, method="dense", layers="probabilities")
    patches = fitted.map(scene, method="patches", layers="probabilities")
    assert dense.probabilities is not None
    assert patches.probabilities is not None
    assert len(np.unique(dense.classes)) > 2
    assert np.abs(dense.probabilities - patches.probabilities).max() < 1e-4
    best = np.sort(patches.probabilities, 0)
    sure = best[-1] - best[-2] > 1e-3
    assert np.array_equal(dense.classes[sure], patches.classes[sure])


def test_hot_pixels_in_bf16() -> None:
    pixels = np.random.default_rng(3).normal(0, 1, (BANDS, 30, 30)).astype(np.float32)
    hot = pixels.copy()
    hot[:, 15, 15] = 1e20
    (window,) = tiles(30, 30, 64)

    def probabilities(image: np.ndarray) -> np.ndarray:
        classifier = WindowMapper(model(), scene_from_array(image), Compute(precision="bf16"))
        return classifier.classify(classifier.read(Tile(window))).probabilities

    clean = np.ones((30, 30), bool)
    clean[8:23, 8:23] = False
    difference = np.abs(probabilities(hot) - probabilities(pixels))[:, clean]
    assert difference.max() < 0.02
