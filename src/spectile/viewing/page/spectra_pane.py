"""Pinned spectra against wavelength, beside what spectra of their classes are like."""

from __future__ import annotations

from pathlib import Path

from bokeh.models import (
    Button,
    ColumnDataSource,
    CustomJS,
    Div,
    HoverTool,
    PanTool,
    ResetTool,
    Select,
    UIElement,
    WheelZoomTool,
)
from bokeh.plotting import figure
from markupsafe import Markup

from spectile.errors import InputError
from spectile.viewing.material import Material
from spectile.viewing.page.controls import frame, row
from spectile.viewing.page.cursor_box import class_at
from spectile.viewing.page.theme import NUMBERS, plain_axes, rgb, script, sheet
from spectile.viewing.places import Places
from spectile.viewing.spectra import (
    ClassSpectra,
    Pin,
    axis_of,
    class_spectra,
    read_spectrum,
    spectra_as_csv,
)

_LAST, _NONE = "that of the last pin", "none"


class SpectraPane:
    """The plot, the list of pins, and the table to download."""

    def __init__(self, material: Material, plots: list[figure]) -> None:
        """`plots` are the pictures in which pins are numbered."""
        self._material = material
        self._places = Places(material.scene)
        self._axis = axis_of(material.scene)
        self.pins: list[Pin] = []
        self._next = 1
        self._classes: dict[str, ClassSpectra] | None = None
        self.lines = ColumnDataSource({"x": [], "y": [], "color": [], "name": []})
        self.band = ColumnDataSource({"x": [], "low": [], "high": []})
        self.mean = ColumnDataSource({"x": [], "y": []})
        self.marks = ColumnDataSource({"x": [], "y": [], "color": [], "number": []})
        self.texts = ColumnDataSource({"text": [""], "name": ["spectra.csv"]})
        self.plot = self._plot()
        for plot in plots:
            self._number_in(plot)
        self.said = Div(text="", disable_math=True, name="beside said")
        self.listed = Div(text="", disable_math=True, name="pins")
        self.beside = Select(title="Beside the class", options=[], name="beside")
        self.beside.on_change("value", lambda _attr, _old, _new: self._draw_class())
        self._download = Button(label="Download CSV", disabled=True, name="download")
        self._download.js_on_click(CustomJS(args={"texts": self.texts}, code=script("download.js")))
        self._clear = Button(label="Remove pins", disabled=True, name="clear")
        self._clear.on_click(self.clear)
        self.show_material(material)

    @property
    def controls(self) -> UIElement:
        """The list of pins and what to do with them."""
        heading = Div(text="<h2>Pinned spectra</h2>", disable_math=True)
        buttons = row([self._download, self._clear], "tight")
        return frame([heading, self.listed, self.beside, buttons], "card")

    def show_material(self, material: Material) -> None:
        """From now on name classes by this, which shows the same scene."""
        self._material = material
        self._classes = None
        names = [category.name for category in material.categories]
        self.beside.options = [
            _LAST,
            _NONE,
            *(name for name in names if name not in (_LAST, _NONE)),
        ]
        self.beside.value = _LAST
        self.beside.visible = bool(names)
        self.pins = [
            Pin(
                pin.number,
                pin.row,
                pin.column,
                pin.spectrum,
                class_at(material, pin.row, pin.column),
            )
            for pin in self.pins
        ]
        self._draw()

    def pin(self, row_: int, column: int) -> None:
        """Keep the spectrum of a pixel; InputError where it can't be read."""
        spectrum = read_spectrum(self._material.scene, row_, column)
        name = class_at(self._material, row_, column)
        self.pins.append(Pin(self._next, row_, column, spectrum, name))
        self._next += 1
        self._draw()

    def clear(self) -> None:
        """Let go of all pins."""
        self.pins, self._next = [], 1
        self._draw()

    def _draw(self) -> None:
        axis, pins = self._axis, self.pins
        colors = [NUMBERS[(pin.number - 1) % len(NUMBERS)] for pin in pins]
        self.lines.data = {
            "x": [axis.x] * len(pins),
            "y": [axis.along(pin.spectrum) for pin in pins],
            "color": colors,
            "name": [f"{pin.number}" for pin in pins],
        }
        self.marks.data = {
            "x": [pin.column + 0.5 for pin in pins],
            "y": [pin.row + 0.5 for pin in pins],
            "color": colors,
            "number": [str(pin.number) for pin in pins],
        }
        self.listed.text = self._list(colors)
        places = [self._place(pin) for pin in pins]
        name = Path(self._material.scene.source).stem or "scene"
        self.texts.data = {
            "text": [spectra_as_csv(self._material.scene, pins, places)] if pins else [""],
            "name": [f"{name}_spectra.csv"],
        }
        self._download.disabled = self._clear.disabled = not pins
        self._draw_class()

    def _draw_class(self) -> None:
        name = self.beside.value
        if name == _LAST:
            name = next((pin.name for pin in reversed(self.pins) if pin.name), _NONE)
        found = None if name == _NONE else self._spectra_of_classes().get(name)
        if found is None:
            self.band.data = {"x": [], "low": [], "high": []}
            self.mean.data = {"x": [], "y": []}
            self.said.text = (
                "" if self.pins else '<p class="soft">Click a pixel to pin its spectrum here.</p>'
            )
            return
        axis = self._axis
        color = next(rgb(one.color) for one in self._material.categories if one.name == name)
        self._area.glyph.fill_color = color
        self._line.glyph.line_color = color
        self.band.data = {
            "x": axis.x,
            "low": axis.along(found.low),
            "high": axis.along(found.high),
        }
        self.mean.data = {"x": axis.x, "y": axis.along(found.mean)}
        self.said.text = str(
            Markup(
                '<div class="key"><span><i class="swatch" style="background:{}"></i>{}</span></div>'
            ).format(color, f"{name}: mean and middle 80% of {found.pixels} pixels")
        )

    def _spectra_of_classes(self) -> dict[str, ClassSpectra]:
        """Read when they are first wanted: a scene is there before."""
        if self._classes is None:
            source = self._material.truth or self._material.mapped
            try:
                self._classes = (
                    {} if source is None else class_spectra(self._material.scene, source)
                )
            except InputError:
                self._classes = {}
        return self._classes

    def _list(self, colors: list[str]) -> str:
        if not self.pins:
            return '<p class="soft">Click a pixel to pin its spectrum.</p>'
        lines = Markup("").join(
            Markup(
                '<div><span class="number" style="background:{}">{}</span>'
                '<span class="name">{}</span><span class="soft">{}</span></div>'
            ).format(
                color, pin.number, pin.name or "", f"row {pin.row + 1}, column {pin.column + 1}"
            )
            for pin, color in zip(self.pins, colors, strict=True)
        )
        return str(Markup('<div class="pins">{}</div>').format(lines))

    def _place(self, pin: Pin) -> str:
        place = f"row {pin.row + 1} column {pin.column + 1}"
        point = self._places.coordinates(pin.row + 0.5, pin.column + 0.5)
        if point is not None:
            place += f" x {point[0]:.10g} y {point[1]:.10g}"
        return place + (f" {pin.name}" if pin.name else "")

    def _plot(self) -> figure:
        wheel = WheelZoomTool(dimensions="width", zoom_on_axis=False)
        plot = figure(
            sizing_mode="stretch_both",
            min_width=200,
            x_axis_label=self._axis.unit,
            tools=[PanTool(), wheel, ResetTool()],
            toolbar_location="right",
            min_border_left=54,
            min_border_right=10,
            css_classes=["spectra"],
            stylesheets=[sheet(":host { flex: 0 0 15rem !important; }")],
            title=None,
        )
        if len(self._axis.x):
            plot.x_range.start, plot.x_range.end = (
                float(self._axis.x.min()),
                float(self._axis.x.max()),
            )
            plot.x_range.range_padding = 0
        plain_axes(plot)
        self._area = plot.varea("x", "low", "high", source=self.band, fill_alpha=0.22)
        self._line = plot.line(
            "x", "y", source=self.mean, line_width=1.5, line_dash=[5, 3], line_alpha=0.9
        )
        pinned = plot.multi_line("x", "y", source=self.lines, line_color="color", line_width=1.8)
        plot.add_tools(
            HoverTool(
                renderers=[pinned],
                tooltips=[("pin", "@name"), (self._axis.unit, "$x{0.0}"), ("value", "$y{0.[000]}")],
                line_policy="nearest",
            )
        )
        return plot

    def _number_in(self, plot: figure) -> None:
        plot.scatter(
            "x",
            "y",
            source=self.marks,
            size=19,
            fill_color="color",
            line_color="white",
            line_width=1.5,
        )
        plot.text(
            "x",
            "y",
            text="number",
            source=self.marks,
            text_color="white",
            text_font_size="11px",
            text_font_style="bold",
            text_align="center",
            text_baseline="middle",
        )
