"""How the page looks: the reports' colours, on every widget, in light and in dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from bokeh.models import GlobalInlineStyleSheet, InlineStyleSheet, UIElement
from bokeh.plotting import figure

from spectile import reports

HERE = Path(__file__).parent
_COLORS = Path(reports.__path__[0]) / "colors.css"
AXIS = "#77827f"
"""Of ticks and their labels on a canvas, which no style sheet reaches: readable on both grounds."""
GRID = "rgba(128, 134, 132, 0.25)"
NUMBERS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f")
"""Of pinned spectra, one after the other (Okabe and Ito)."""


@cache
def script(name: str) -> str:
    """The JavaScript in a file beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


@cache
def colors() -> str:
    """The reports' colours, light and dark, as CSS."""
    return _COLORS.read_text(encoding="utf-8")


def dress(roots: Iterable[UIElement]) -> None:
    """Give every widget under the roots the page's style."""
    everywhere = InlineStyleSheet(css=script("widgets.css"))
    # On the viewer alone: a notebook around it has colours of its own.
    page = GlobalInlineStyleSheet(css=colors().replace(":root", ".viewer"))
    for root in roots:
        for model in root.select({"type": UIElement}):
            if everywhere not in model.stylesheets:
                model.stylesheets = [everywhere, *model.stylesheets]
        root.stylesheets = [page, *root.stylesheets]


def sheet(css: str) -> InlineStyleSheet:
    """A style of one widget."""
    return InlineStyleSheet(css=css)


def plain_axes(plot: figure) -> None:
    """Axes, grid and ground of a plot in the page's colours."""
    plot.background_fill_color = None
    plot.border_fill_color = None
    plot.outline_line_color = GRID
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = GRID
        axis.major_tick_line_color = GRID
        axis.minor_tick_line_color = None
        axis.major_label_text_color = AXIS
        axis.axis_label_text_color = AXIS
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "11px"
    for grid in (*plot.xgrid, *plot.ygrid):
        grid.grid_line_color = GRID
    plot.toolbar.logo = None


def rgb(color: Sequence[int]) -> str:
    """A colour as CSS writes it."""
    return "#{:02x}{:02x}{:02x}".format(*color)
