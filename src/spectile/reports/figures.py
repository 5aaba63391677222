"""Pictures of a report: class rasters and photos as data URIs, learning curves as inline SVG."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.style
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from PIL import Image

LONGEST_SIDE = 1200
"""Pictures are thinned to at most this many pixels a side."""

Color = tuple[int, int, int]

SPLIT_COLORS: tuple[Color, ...] = ((0, 114, 178), (230, 159, 0), (204, 121, 167), (176, 176, 170))
"""Train, validation, test and labelled but unused: told apart by every eye (Okabe and Ito)."""

ERROR_COLORS: tuple[Color, ...] = ((0, 114, 178), (213, 94, 0))
"""Test pixels mapped right and wrong."""

APPLICABILITY_COLORS: tuple[Color, ...] = ((205, 214, 220), (213, 94, 0))
"""Pixels like those trained on, and unlike."""

RUN_COLORS: tuple[Color, ...] = (
    *((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0)),
    *((86, 180, 233), (127, 127, 127)),
)
"""Of runs side by side (Okabe and Ito): readable on light and dark pages."""

TRAIN, VALIDATION, TEST, UNUSED = 1, 2, 3, 4
"""Codes of a split picture: those of the split raster, and one for labels outside the split."""


@dataclass(frozen=True)
class Picture:
    """An image inside the page."""

    uri: str
    width: int
    height: int


def photo(
    pixels: NDArray[np.uint8], *, longest: int = LONGEST_SIDE, lossless: int = 512
) -> Picture:
    """A colour picture, `pixels` of shape (h, w, 3), in at most `longest` pixels a side.

    It keeps every pixel as it is if it has no more of them than a square of `lossless` a side.
    """
    step = _step(pixels.shape[0], pixels.shape[1], longest)
    # The mean of each block of pixels: as many as `thin` leaves of a class raster.
    image = Image.fromarray(np.ascontiguousarray(pixels)).reduce(step)
    # A small scene is looked at pixel by pixel; a large one would weigh megabytes as PNG.
    if image.width * image.height <= lossless**2:
        return _picture(image, "PNG", optimize=True)
    return _picture(image, "JPEG", quality=88, optimize=True)


def class_picture(
    classes: NDArray[Any], colors: Sequence[Color], *, longest: int = LONGEST_SIDE
) -> Picture:
    """A raster of shape (H, W) where 0 is nothing (transparent) and k is drawn in colors[k - 1]."""
    thinned = thin(classes, longest)
    if len(colors) > 255:
        table = np.array([(0, 0, 0, 0), *((*color, 255) for color in colors)], dtype=np.uint8)
        return _picture(Image.fromarray(table[thinned]), "PNG", optimize=True)
    image = Image.fromarray(thinned.astype(np.uint8))
    image.putpalette([0, 0, 0, *(channel for color in colors for channel in color)])
    return _picture(image, "PNG", optimize=True, transparency=0)


def thin(classes: NDArray[Any], longest: int = LONGEST_SIDE) -> NDArray[Any]:
    """A raster of shape (H, W) in at most `longest` pixels a side.

    Of each block of pixels the first that isn't 0 stands for all, so that a lone labelled pixel
    doesn't vanish from the picture of a large scene.
    """
    step = _step(classes.shape[0], classes.shape[1], longest)
    if step == 1:
        return classes
    height, width = (-(-side // step) for side in classes.shape)
    padding = [(0, height * step - classes.shape[0]), (0, width * step - classes.shape[1])]
    tiled = np.pad(classes, padding).reshape(height, step, width, step)
    blocks = tiled.transpose(0, 2, 1, 3).reshape(height, width, step * step)
    first = np.argmax(blocks != 0, axis=2)
    return np.take_along_axis(blocks, first[:, :, None], axis=2)[:, :, 0]


def split_codes(labels: NDArray[Any], split: NDArray[Any]) -> NDArray[np.uint8]:
    """The split raster with `UNUSED` where a label is on neither side, shape (H, W)."""
    return np.where((labels > 0) & (split == 0), UNUSED, split).astype(np.uint8)


def error_codes(
    labels: NDArray[Any], split: NDArray[Any], prediction: NDArray[Any]
) -> NDArray[np.uint8]:
    """1 where a test pixel is mapped right, 2 where wrong, 0 elsewhere; shape (H, W)."""
    return np.where(split == TEST, np.where(prediction == labels, 1, 2), 0).astype(np.uint8)


def learning_curves(history: Sequence[Mapping[str, Any]], *, of: str = "pixels") -> Markup:
    """Loss and validation score over the epochs, as two SVGs that take the page's colours.

    They stand side by side, or one above the other where the page is narrow. Rows as in
    history.csv; a figure that is missing or None leaves a gap. The score is the mean IoU where the
    history has it, else the accuracy, on validation pixels or what else `of` says.
    """
    key, name = _validation_score(history)
    with matplotlib.style.context(["default", _CURVE_STYLE]):
        figure, axes = _axes()
        _draw(axes, history, "train_loss", "training", _SOFT)
        _draw(axes, history, "validation_loss", "validation", _ACCENT)
        axes.set_title("Loss", loc="left")
        axes.set_ylim(bottom=0)
        if axes.lines:
            # Above the curves, beside the title: wherever they run, it crosses none.
            axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2)
        loss = _into_page(figure, "Loss over the epochs")
        figure, axes = _axes()
        _draw(axes, history, key, "validation", _ACCENT)
        known = _measured(history, key)
        axes.set_title(f"{name} on validation {of}" if known else f"{name}: no validation {of}")
        ticks = _score_ticks([_figure(row.get(key)) for row in history])
        axes.set_yticks(ticks)
        axes.set_ylim(ticks[0], 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="%"))
        score = _into_page(figure, f"{name} over the epochs")
    return Markup(loss + score)  # safe: drawn here, holds no user text


def compared_curves(runs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Markup | None:
    """Validation loss and score of several runs over their epochs, as two SVGs.

    Each run is its name and the rows of its history.csv. None where no run has any.
    """
    runs = [(name, history) for name, history in runs if history]
    if not runs:
        return None
    key, title = _validation_score(runs[0][1])
    drawn = []
    # A run may be called what others write formulas with.
    with matplotlib.style.context(["default", _CURVE_STYLE, {"text.parse_math": False}]):
        for column, heading in (("validation_loss", "Loss"), (key, title)):
            figure, axes = _axes()
            for place, (name, history) in enumerate(runs):
                red, green, blue = RUN_COLORS[place % len(RUN_COLORS)]
                _draw(axes, history, column, name, f"#{red:02x}{green:02x}{blue:02x}")
            last = max(row["epoch"] for _, history in runs for row in history)
            axes.set_xlim(right=max(last, axes.get_xlim()[1]))
            axes.set_xticks(_epoch_ticks(1, int(last)))
            axes.set_title(f"{heading} on the validation side", loc="left")
            if axes.lines:
                axes.legend(loc="best")
            drawn.append(_into_page(figure, f"{heading} over the epochs"))
    return Markup("".join(drawn))  # safe: Matplotlib escapes the names


def reliability_curve(bins: Sequence[Mapping[str, Any]]) -> Markup:
    """How often the map is right where it says so, and how often it says so, as two SVGs.

    Rows as in ``calibration`` of metrics.json, at least one.
    """
    pixels = sum(row["pixels"] for row in bins)
    says, right = ([row[key] for row in bins] for key in ("confidence", "accuracy"))
    shares = [row["pixels"] / pixels for row in bins]
    with matplotlib.style.context(["default", _CURVE_STYLE]):
        figure, axes = _axes()
        axes.plot([0, 1], [0, 1], color=_SOFT, linestyle=(0, (2, 3)), label="as it says")
        axes.plot(says, right, color=_ACCENT)
        axes.scatter(says, right, [12 + 240 * share for share in shares], color=_ACCENT)
        axes.set_title("Test pixels that are right")
        axes.legend(loc="upper left")
        _percent_axes(axes, 1)
        rates = _into_page(figure, "Share of right pixels by the map's probability")
        figure, axes = _axes()
        lows, widths = zip(*((row["low"], row["high"] - row["low"]) for row in bins), strict=True)
        axes.bar(lows, shares, widths, align="edge", color=_ACCENT, edgecolor="none")
        axes.set_title("Test pixels by what the map says")
        _percent_axes(axes, max(shares) * 1.05)
        counts = _into_page(figure, "Share of test pixels by the map's probability")
    return Markup(rates + counts)  # safe: drawn here, holds no user text


def _percent_axes(axes: Axes, top: float) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, top)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol="%"))
    axes.set_xlabel("probability of the mapped class")


def _axes() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(4.6, 2.7), layout=ConstrainedLayoutEngine())
    return figure, figure.subplots()


def _score_ticks(scores: Sequence[float]) -> list[float]:
    """Even steps up to 1, from a labelled one below the lowest of `scores`."""
    lowest = min((score for score in scores if not math.isnan(score)), default=0.0)
    step = next((step for step in (0.02, 0.05, 0.1) if 1 - lowest <= 6 * step), 0.2)
    count = max(1, math.ceil(round((1 - max(0.0, lowest)) / step, 6)))
    return [1 - step * place for place in range(count, -1, -1)]


def _epoch_ticks(first: int, last: int) -> list[int]:
    """About six epochs, the first of all among them."""
    step = max(1, math.ceil((last - first) / 6))
    step = next((nice for nice in (1, 2, 5, 10, 20, 25, 50, 100) if nice >= step), step)
    rest = range(first - first % step + step, last + 1, step)
    return [first, *(epoch for epoch in rest if epoch - first > step / 2)]


def _validation_score(history: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The column of the score that chose the checkpoint, and what it is called."""
    if any("validation_mean_iou" in row for row in history):
        return "validation_mean_iou", "Mean IoU"
    if any("validation_mask_ap" in row for row in history):
        return "validation_mask_ap", "Average precision of masks"
    return "validation_accuracy", "Accuracy"


# Colours that stand for the page's own until _into_page puts those in.
_ACCENT, _SOFT, _RULE, _TEXT = "#010101", "#020202", "#030303", "#040404"
_PAGE_COLORS = {
    _ACCENT: "var(--accent)",
    _SOFT: "var(--faint)",
    _RULE: "var(--rule)",
    _TEXT: "var(--soft)",
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_CURVE_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "spectile",
    "font.size": 10,
    "text.color": _TEXT,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _TEXT,
    "axes.titlecolor": _TEXT,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.7,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "xtick.labelcolor": _TEXT,
    "ytick.labelcolor": _TEXT,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}


def _draw(axes: Axes, history: Sequence[Mapping[str, Any]], key: str, name: str, ink: str) -> None:
    epochs = [row["epoch"] for row in history]
    figures = [_figure(row.get(key)) for row in history]
    # One epoch makes no line.
    if _measured(history, key):
        axes.plot(epochs, figures, color=ink, label=name, marker="o" if len(epochs) < 3 else "")
    first, last = min(epochs), max(epochs)
    axes.set_xlim((first, last) if last > first else (first - 0.5, first + 0.5))
    axes.set_xticks(_epoch_ticks(int(first), int(last)))
    axes.set_xlabel("epoch")


def _measured(history: Sequence[Mapping[str, Any]], key: str) -> bool:
    return not all(math.isnan(_figure(row.get(key))) for row in history)


def _figure(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) else math.nan


def _into_page(figure: Figure, label: str) -> str:
    """A figure as SVG without its frame of a file, in the page's colours."""
    page = io.StringIO()
    figure.savefig(page, format="svg", transparent=True, metadata=_NO_METADATA)
    svg = page.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # would reach the whole page
    svg = re.sub(r'<g id="[^"]*">', "<g>", svg)  # the same in every figure
    svg = re.sub(r' (xmlns(:xlink)?|width|height)="[^"]*"', "", svg, count=4)
    for stand_in, color in _PAGE_COLORS.items():
        svg = svg.replace(stand_in, color)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def _step(height: int, width: int, longest: int = LONGEST_SIDE) -> int:
    return max(1, -(-max(height, width) // longest))


def _picture(image: Image.Image, kind: str, **options: Any) -> Picture:
    file = io.BytesIO()
    image.save(file, kind, **options)
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return Picture(f"data:image/{kind.lower()};base64,{data}", image.width, image.height)
