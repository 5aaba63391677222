"""The page and the numbers of what goes on inside a network."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from spectile.data.labels.legend import Category, Legend
from spectile.files import write_aside
from spectile.inspecting.band_occlusion import Occlusion
from spectile.inspecting.gate_maps import GateMaps
from spectile.inspecting.selective_kernels import SIZES, BlockKernels
from spectile.inspecting.spatial_attention import BlockPlaces
from spectile.inspecting.squeeze_excitation import BlockGates, last_of_stages
from spectile.reports import figures
from spectile.reports.charts import Line, chart
from spectile.reports.page import write_page

PAGE, NUMBERS = "inspection.html", "inspection.json"
"""The files in the folder of an inspection."""
NO_ATTENTION = (
    "This network has no attention that can be shown: no gates of channels, no selective kernels "
    "and no weights of places."
)
SHOWN_STAGES = 6
"""Charts of gates, and columns of maps, at most."""
COLOR_MAP = "viridis"
SMALL, LARGE = 240, 720
"""Edges in pixels that small and large pictures are brought up to at most, by whole factors."""


@dataclass(frozen=True, eq=False)
class ShownInput:
    """A window or an image that maps are shown of."""

    name: str
    index: int
    """Of its class, from 0."""
    picture: NDArray[np.uint8]
    """(h, w, 3)."""
    cam: NDArray[np.float32] | None = None
    """(h, w): Grad-CAM for its class, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was found in a network."""

    network: str
    task: str
    source: str
    """What it was watched on."""
    legend: Legend
    classes: NDArray[np.int64]
    """(N,) indices from 0 of the samples."""
    labelled: bool
    """Whether these are labels; else they are what the network says."""
    notes: tuple[str, ...]
    gates: Sequence[BlockGates]
    maps: GateMaps | None
    kernels: Sequence[BlockKernels]
    places: Sequence[BlockPlaces]
    """Of the shown inputs."""
    shown: Sequence[ShownInput]
    occlusion: Occlusion
    cam_layer: str | None

    @property
    def attends(self) -> bool:
        """Whether there is any attention to show."""
        return bool(self.gates or self.kernels or self.places)

    @property
    def counts(self) -> list[tuple[Category, int]]:
        """The classes that there are samples of, with their number."""
        numbers = np.bincount(self.classes, minlength=len(self.legend))
        pairs = zip(self.legend.categories, numbers.tolist(), strict=True)
        return [(category, count) for category, count in pairs if count]

    @property
    def classes_from(self) -> str:
        """Where the samples' classes come from, in a sentence."""
        if self.labelled:
            return "Classes are those of the labels."
        return "There are no labels: classes are what the network itself says."

    def in_words(self) -> list[str]:
        """What matters most, a sentence each."""
        said = [f"{len(self.classes):,} samples of {len(self.counts)} classes. {self.classes_from}"]
        if not self.attends:
            said.append(NO_ATTENTION)
        for block in last_of_stages(self.gates)[-1:]:
            within, between = block.spread(self.classes)
            said.append(
                f"Gates of {block.name}: {between:.3f} apart between classes, {within:.3f} within "
                f"one; {block.closed:.0%} are near 0, {block.opened:.0%} near 1."
            )
        if self.kernels:
            rising = sum(block.verdict == "rises" for block in self.kernels)
            said.append(
                f"Selective kernels: with larger objects {rising} of {len(self.kernels)} blocks "
                "lean more to the larger kernel."
            )
        bands = _bands(self.occlusion, self.legend)
        said.append(f"Of all groups of bands hiding {bands.strongest} costs most.")
        return said

    def as_dict(self) -> dict[str, Any]:
        """What the JSON file holds."""
        names, classes = self.legend.names, self.classes
        maps = self.maps
        part = None if maps is None else maps.window
        return {
            "network": self.network,
            "task": self.task,
            "data": self.source,
            "classes_from": "labels" if self.labelled else "network",
            "samples": {category.name: count for category, count in self.counts},
            "notes": [*self.notes, *([] if self.attends else [NO_ATTENTION])],
            "channel_gates": [block.as_dict(classes, names) for block in self.gates],
            "gate_maps": None
            if maps is None or part is None
            else {
                "block": maps.block,
                "region": [int(n) for n in (part.col_off, part.row_off, part.width, part.height)],
                "method": maps.method,
                "channels": list(maps.channels),
                "mean": float(np.nanmean(maps.mean)),
                "spread_over_pixels": float(np.nanstd(maps.mean)),
            },
            "selective_kernels": [block.as_dict(classes, names) for block in self.kernels],
            "place_weights": [block.as_dict() for block in self.places],
            "bands": self.occlusion.as_dict(names),
            "grad_cam_layer": self.cam_layer,
        }


def write_inspection(folder: str | os.PathLike[str], inspection: Inspection) -> Path:
    """Write page and numbers into a folder that is there; gives the page.

    Raises InputError where they can't be written.
    """
    page, numbers = Path(folder, PAGE), Path(folder, NUMBERS)
    with write_aside(numbers) as aside:
        text = json.dumps(inspection.as_dict(), indent=1, ensure_ascii=False)
        aside.write_bytes(text.encode("utf-8", "backslashreplace"))
    write_page(
        page,
        "inspection.html.jinja",
        heading=Path(inspection.source).name or inspection.source,
        inspection=inspection,
        no_attention=NO_ATTENTION,
        stages=[_stage(block, inspection) for block in _evenly(last_of_stages(inspection.gates))],
        blocks=inspection.gates,
        gate_maps=_gate_maps(inspection.maps),
        kernels=_kernels(inspection.kernels),
        sizes=SIZES,
        places=_places(inspection),
        cams=_cams(inspection),
        bands=_bands(inspection.occlusion, inspection.legend),
        curves=_band_curve(inspection.occlusion),
    )
    return page


def is_numbers(path: Path) -> bool:
    """Whether a file begins as :func:`write_inspection` writes its numbers."""
    with path.open("rb") as file:
        return file.read(16).startswith(b'{\n "network": ')


@dataclass(frozen=True)
class _Stage:
    block: BlockGates
    chart: Markup
    within: float
    between: float


def _stage(block: BlockGates, inspection: Inspection) -> _Stage:
    legend, classes, shown = inspection.legend, inspection.classes, block.shown
    lines = [
        Line(
            legend.names[index],
            block.of_class(classes, index)[shown],
            _css(legend.colors[index]),
        )
        for index in np.unique(classes).tolist()
    ]
    lines.append(Line("all", block.gates.mean(axis=0)[shown], "var(--ink)", kind="bold"))
    ticks = [(float(at), str(shown[at])) for at in (0, len(shown) // 2, len(shown) - 1)]
    drawn = chart(
        lines,
        np.arange(len(shown), dtype=float),
        f"Mean gates of {block.name} by class",
        size=(440, 200),
        bounds=(0, 1),
        ticks=ticks,
    )
    return _Stage(block, drawn, *block.spread(classes))


@dataclass(frozen=True)
class _Plate:
    caption: str
    picture: figures.Picture
    low: float = 0.0
    high: float = 1.0


def _gate_maps(maps: GateMaps | None) -> list[_Plate]:
    if maps is None:
        return []
    plates = [_plate("Mean over all channels", maps.mean, edge=LARGE)]
    for channel, values in zip(maps.channels, maps.gates, strict=True):
        plates.append(_plate(f"Channel {channel}", values, edge=LARGE))
    return plates


def _plate(
    caption: str,
    values: NDArray[np.floating],
    *,
    edge: int = SMALL,
    bounds: tuple[float, float] | None = None,
) -> _Plate:
    known = values[np.isfinite(values)]
    ends = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    low, high = bounds or ends
    return _Plate(caption, shaded(values, low, high, edge=edge), low, high)


def shaded(
    values: NDArray[np.floating], low: float, high: float, *, edge: int = LARGE
) -> figures.Picture:
    """Values (h, w) from dark (`low`) to bright (`high`), nothing where they are NaN."""
    known = np.isfinite(values)
    shares = np.clip((np.where(known, values, low) - low) / ((high - low) or 1), 0, 1)
    codes = np.where(known, 1 + (shares * 254).round(), 0).astype(np.uint8)
    colors = matplotlib.colormaps[COLOR_MAP](np.linspace(0, 1, 255))[:, :3]
    table = [tuple(int(c) for c in row) for row in (colors * 255).round()]
    return figures.class_picture(codes, table, longest=edge)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Kernels:
    blocks: Sequence[BlockKernels]
    chart: Markup


def _kernels(blocks: Sequence[BlockKernels]) -> _Kernels | None:
    if not blocks:
        return None
    colors = ("var(--faint)", "var(--accent)", "var(--warn)")
    lines = [
        Line(f"{size:g} times", np.array([block.means[at] for block in blocks]), color, kind="bold")
        for at, (size, color) in enumerate(zip(SIZES, colors, strict=True))
    ]
    places = np.arange(len(blocks), dtype=float)
    drawn = chart(
        lines,
        places,
        "Weight of the larger kernel less that of the smaller, block by block",
        size=(680, 240),
        ticks=[(float(at), str(at + 1)) for at in _few(len(blocks), 16)],
    )
    return _Kernels(blocks, drawn)


@dataclass(frozen=True)
class _Row:
    """An input, and what blocks make of it."""

    name: str
    category: Category
    picture: figures.Picture
    plates: Sequence[_Plate]


def _places(inspection: Inspection) -> list[_Row]:
    blocks = _evenly(inspection.places)
    if not blocks:
        return []
    rows = []
    for sample, shown in enumerate(inspection.shown):
        plates = []
        for block in blocks:
            for number in block.shown(sample)[: 1 if len(blocks) > 2 else None]:
                what = block.name if block.maps.shape[1] == 1 else f"{block.name}, map {number}"
                plates.append(_plate(what, block.maps[sample, number]))
        rows.append(_row(shown, inspection.legend, plates))
    return rows


def _cams(inspection: Inspection) -> list[_Row]:
    return [
        _row(shown, inspection.legend, [_overlaid(shown.picture, shown.cam)])
        for shown in inspection.shown
        if shown.cam is not None
    ]


def _row(shown: ShownInput, legend: Legend, plates: Sequence[_Plate]) -> _Row:
    picture = figures.photo(shown.picture, longest=SMALL)
    return _Row(shown.name, legend.categories[shown.index], picture, plates)


def _overlaid(picture: NDArray[np.uint8], cam: NDArray[np.float32]) -> _Plate:
    """What speaks for the class bright, the rest dark."""
    height, width = picture.shape[:2]
    mask = Image.fromarray(cam).resize((width, height), Image.Resampling.BILINEAR)
    lit = picture * (0.2 + 0.8 * np.asarray(mask)[..., None])
    return _Plate("Grad-CAM", figures.photo(lit.round().astype(np.uint8), longest=SMALL))


@dataclass(frozen=True)
class _Cell:
    fall: float
    shade: float


@dataclass(frozen=True)
class _Bands:
    heads: Sequence[str]
    rows: Sequence[tuple[Category | None, Sequence[_Cell]]]
    strongest: str
    """The group that matters most, over all classes."""
    in_nanometres: bool


def _bands(found: Occlusion, legend: Legend) -> _Bands:
    rows: list[tuple[Category | None, NDArray[np.float32]]] = [(None, found.falls.mean(axis=0))]
    for index in np.unique(found.classes).tolist():
        rows.append((legend.categories[index], found.of_class(index)))
    most = max(1e-6, *(float(np.abs(falls).max()) for _, falls in rows))
    heads = [_head(found, column) for column in range(len(found.groups))]
    known = found.groups[0].wavelengths is not None
    best = heads[int(rows[0][1].argmax())]
    strongest = f"{best} nm" if known else f"band {best}"
    return _Bands(
        heads,
        [
            (category, [_Cell(float(fall), min(1.0, abs(float(fall)) / most)) for fall in falls])
            for category, falls in rows
        ],
        strongest,
        known,
    )


def _head(found: Occlusion, column: int) -> str:
    group = found.groups[column]
    if group.wavelengths is not None:
        first, last = (f"{end:.0f}" for end in group.wavelengths)
    else:
        first, last = str(min(group.bands) + 1), str(max(group.bands) + 1)
    return first if first == last else f"{first}\N{EN DASH}{last}"


def _band_curve(found: Occlusion) -> Markup:
    """The mean fall over wavelength, or over the bands' numbers."""
    middles = np.array(
        [
            float(np.mean(group.wavelengths if group.wavelengths else group.bands))
            for group in found.groups
        ]
    )
    order = np.argsort(middles, kind="stable")
    mean = found.falls.mean(axis=0)[order]
    middles = middles[order]
    lines = [
        Line("fall of the probability", mean, "var(--accent)", kind="bold"),
        Line("samples that get another class", found.changed.mean(axis=0)[order], "var(--warn)"),
    ]
    known = found.groups[0].wavelengths is not None
    ticks = [
        (float(middles[at]), f"{middles[at]:.0f} nm" if known else f"{middles[at] + 1:g}")
        for at in _few(len(middles), 6)
    ]
    return chart(
        lines, middles, "What hiding each group of bands does", size=(680, 220), ticks=ticks
    )


def _few(count: int, most: int) -> list[int]:
    """At most so many of the places 0 to count - 1, evenly."""
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, most)).tolist()})


def _evenly(blocks: Sequence[Any]) -> list[Any]:
    return [blocks[at] for at in _few(len(blocks), SHOWN_STAGES)] if blocks else []


def _css(color: Sequence[int]) -> str:
    red, green, blue = color
    return f"rgb({red} {green} {blue})"
