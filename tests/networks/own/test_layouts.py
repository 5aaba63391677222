"""Networks are handed windows as they take them: in the layout found by trying, or as said."""

from __future__ import annotations

import itertools
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks import build_window_network
from spectile.networks.own.adapted import adaptation_of, notice_of_layout
from spectile.networks.own.layouts import COMMON, Layout

BANDS, CLASSES, WINDOW = 6, 3, 5
SIZES = {"bands": BANDS, "classes": CLASSES, "window": WINDOW}


class Weighted(nn.Module):
    """Takes inputs of given sizes alone, and weighs each of their numbers."""

    def __init__(self, *sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = sizes
        self.weights = nn.ParameterList(torch.randn(CLASSES, *size) for size in sizes)

    def summed(self, *inputs: Tensor) -> Tensor:
        assert [tuple(x.shape[1:]) for x in inputs] == list(self.sizes)
        parts = [
            x.flatten(1) @ weight.flatten(1).T
            for x, weight in zip(inputs, self.weights, strict=True)
        ]
        return torch.stack(parts).sum(0)


class OneInput(Weighted):
    def forward(self, x: Tensor) -> Tensor:
        return self.summed(x)


class TwoInputs(Weighted):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.summed(x, y)


SHAPES = {
    "NBHW": (BANDS, WINDOW, WINDOW),
    "N1BHW": (1, BANDS, WINDOW, WINDOW),
    "N1HWB": (1, WINDOW, WINDOW, BANDS),
    "NHWB": (WINDOW, WINDOW, BANDS),
    "NBP": (BANDS, WINDOW * WINDOW),
    "NPB": (WINDOW * WINDOW, BANDS),
    "NB": (BANDS,),
    "N1B": (1, BANDS),
    "NB1": (BANDS, 1),
}


def expected(axes: str, windows: Tensor) -> Tensor:
    """The input by the letters' meaning, number by number."""
    found = torch.empty(len(windows), *SHAPES[axes])
    for n, *place in itertools.product(range(len(windows)), *map(range, SHAPES[axes])):
        at = dict(zip(axes[1:], place, strict=True))
        row, column = at.get("H", WINDOW // 2), at.get("W", WINDOW // 2)
        if "P" in at:
            row, column = divmod(at["P"], WINDOW)
        found[(n, *place)] = windows[n, at["B"], row, column]
    return found


@pytest.mark.parametrize("axes", COMMON)
def test_a_layout_is_found_by_trying(axes: str) -> None:
    network = OneInput(SHAPES[axes])
    built = build_window_network(network, **SIZES)
    windows = torch.randn(4, BANDS, WINDOW, WINDOW)
    torch.testing.assert_close(built(windows), network(expected(axes, windows)))
    note = notice_of_layout(built, "mine")
    assert note == (None if axes == "NBHW" else f"mine gets its windows as {axes}.")
    assert list(built.state_dict()) == ["weights.0"]


@pytest.mark.parametrize(("one", "other"), [("NBHW", "NB"), ("N1HWB", "N1B"), ("N1B", "NHWB")])
def test_a_window_and_the_spectrum_in_its_middle(one: str, other: str) -> None:
    network = TwoInputs(SHAPES[one], SHAPES[other])
    built = build_window_network(network, **SIZES)
    windows = torch.randn(4, BANDS, WINDOW, WINDOW)
    ours = built(windows)
    torch.testing.assert_close(ours, network(expected(one, windows), expected(other, windows)))
    assert str(adaptation_of(built).layout) == f"{one}+{other}"


def test_the_pixel_of_an_even_window_is_at_half_its_edge() -> None:
    (spectrum,) = Layout.of("NB").arranged(torch.arange(16.0).view(1, 1, 4, 4))
    assert spectrum.item() == 10  # row 2, column 2


class Pooled(nn.Module):
    """3-D convolutions and a mean over all: any order of axes will do."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, classes, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3, 4))


def test_what_takes_several_layouts_says_so_and_can_be_told() -> None:
    built = build_window_network(Pooled, **SIZES)
    assert notice_of_layout(built, "it") == (
        "it gets its windows as N1BHW; it takes N1HWB as well, to be chosen by --layout."
    )
    told = build_window_network(Pooled, **SIZES, options={"layout": "n1hwb"})
    assert notice_of_layout(told, "it") == "it gets its windows as N1HWB."


@pytest.mark.parametrize("text", ["BHW", "NCHW", "NBH", "NBHWW", "NHW", "NBPH", "", "NBHW+", "N"])
def test_what_is_no_layout_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(InputError, match=r"there is no layout .*: write one such as NBHW"):
        Layout.of(text)


@given(st.permutations("BHW"), st.lists(st.integers(1, 3), max_size=2))
def test_any_order_of_axes_can_be_said(letters: list[str], ones: list[int]) -> None:
    axes = ["N", *letters]
    for place in ones:
        axes.insert(place, "1")
    windows = torch.randn(2, 4, 5, 6)
    (found,) = Layout.of("".join(axes)).arranged(windows)
    assert found.is_contiguous() or axes == list("NBHW")
    squeezed = found.reshape([size for size in found.shape if size > 1])
    back = squeezed.permute(0, *(1 + letters.index(letter) for letter in "BHW"))
    assert torch.equal(back, windows)


def test_a_layout_that_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match=r"takes windows as NB, not as NBHW: leave layout out"):
        build_window_network(OneInput(SHAPES["NB"]), **SIZES, options={"layout": "NBHW"})
    with pytest.raises(InputError, match=r"can't take windows \(2, 6, 5, 5\) in N1BHW \(assert"):
        build_window_network(OneInput((3, 4)), **SIZES, options={"layout": "N1BHW"})


class Deep(nn.Module):
    """Bands last, and made for windows of 7 pixels."""

    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(1, 4, (3, 3, bands))
        self.head = nn.Linear(4 * 5 * 5, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).flatten(1))


def test_the_error_told_is_that_of_the_layout_that_came_furthest() -> None:
    with pytest.raises(InputError, match=r"in N1HWB or another usual layout \(mat1 and mat2"):
        build_window_network(Deep, **SIZES)


class Squeezed(nn.Module):
    """Without all axes of length 1, that of the windows among them."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(bands, classes, window)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).squeeze()


class SqueezedBefore(Squeezed):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).squeeze().softmax(1).log()


@pytest.mark.parametrize("kind", [Squeezed, SqueezedBefore])
def test_a_window_alone_has_the_logits_that_it_has_among_others(kind: type[nn.Module]) -> None:
    built = build_window_network(kind, **SIZES)
    windows = torch.randn(3, BANDS, WINDOW, WINDOW)
    torch.testing.assert_close(built(windows[1:2]), built(windows)[1:2])
    assert notice_of_layout(built, "it") is None


class Chancy(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(super().forward(x))


def test_numbers_that_differ_from_call_to_call_are_told() -> None:
    layers = (nn.Flatten(), nn.Linear(BANDS * WINDOW**2, CLASSES))
    note = notice_of_layout(build_window_network(Chancy(*layers), **SIZES), "it")
    assert note is not None
    assert note.startswith("it gives a window other numbers from call to call")
    assert adaptation_of(build_window_network(nn.Sequential(*layers), **SIZES)) is None


class Listed(nn.Sequential):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [super().forward(x)]


def test_logits_alone_in_a_list_are_taken_out() -> None:
    network = Listed(nn.Flatten(), nn.Linear(BANDS * WINDOW**2, CLASSES))
    built = build_window_network(network, **SIZES)
    assert built(torch.randn(2, BANDS, WINDOW, WINDOW)).shape == (2, CLASSES)
    assert notice_of_layout(built, "it") is None


class OnAGpu(Squeezed):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("Torch not compiled with CUDA enabled")


class OfState(Squeezed):
    def get_extra_state(self) -> dict[str, int]:
        return {"epoch": 1}


def scripted(bands: int, classes: int, window: int) -> nn.Module:
    layers = nn.Sequential(nn.Flatten(), nn.Linear(bands * window**2, classes))
    with warnings.catch_warnings(action="ignore"):  # PyTorch advises against it
        return torch.jit.trace(layers, torch.zeros(1, bands, window, window))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (OnAGpu, "leave .cuda.. out of its code"),
        (OfState, "has _extra_state in its state_dict, a dict"),
        (scripted, "is a TorchScript module"),
    ],
)
def test_what_can_not_be_kept_or_placed_is_refused(network: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build_window_network(network, **SIZES)


class Several(nn.Module):
    def __init__(self, order: str, bands: int, classes: int) -> None:
        super().__init__()
        self.order = order
        self.linear = nn.Linear(bands, classes)

    def forward(self, x: Tensor) -> object:
        spectra = x[:, :, 2, 2]
        logits = self.linear(spectra)
        given = {"logits": logits, "spectra": spectra, "shares": logits.softmax(1)}
        named = {name[:2]: given[name] for name in given}
        if self.order == "dict":
            return given
        return [named[self.order[:2]], {"more": (named[self.order[2:]],)}]


@pytest.mark.parametrize(("order", "place"), [("losp", 0), ("splo", 1), ("shlo", 1), ("dict", 0)])
def test_logits_are_picked_from_what_comes_out(order: str, place: int) -> None:
    network = Several(order, BANDS, CLASSES)
    built = build_window_network(network, **SIZES)
    windows = torch.randn(4, BANDS, WINDOW, WINDOW)
    torch.testing.assert_close(built(windows), network.linear(windows[:, :, 2, 2]))
    note = notice_of_layout(built, "it")
    assert note is not None
    assert f"tensor {place + 1} " in note


def test_without_logits_what_came_out_is_told() -> None:
    class Nothing(nn.Linear):
        def forward(self, x: Tensor) -> object:
            return x[:, :1], x.softmax(1)

    with pytest.raises(
        InputError, match=r"gave \(2, 1, 5, 5\), \(2, 6, 5, 5\): return the logits f"
    ):
        build_window_network(Nothing(1, 1), **SIZES)
