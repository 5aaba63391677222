"""One picture with the layers over it: what is visible of a scene, read as finely as it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from affine import Affine
from bokeh.document import Document
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    CrosshairTool,
    GlyphRenderer,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from spectile.errors import InputError
from spectile.viewing.material import Material
from spectile.viewing.page.soon import Soon
from spectile.viewing.page.theme import plain_axes
from spectile.viewing.pictures import CUT, Choice, Picture
from spectile.viewing.thinning import Grid, Thinned

MOST = 1400
"""Edge in pixels of what is read of the visible part."""
MARGIN = 0.15
"""Of the visible part, read on each side of it."""
DELAY = 90
"""Milliseconds after which a part that came into sight is read."""
_BORDER_LEFT, _BORDER_BELOW = 54, 26


@dataclass
class Frame:
    """What linked pictures share: the part that is seen, the cursor's lines, the screen's size."""

    width: int
    height: int
    x: Range1d = field(init=False)
    y: Range1d = field(init=False)
    screen: ColumnDataSource = field(init=False)
    lines: tuple[Span, Span] = field(init=False)

    def __post_init__(self) -> None:
        # Rows run down: north is up in scenes that are stored as they lie.
        self.x = Range1d(0, self.width)
        self.y = Range1d(self.height, 0)
        self.screen = ColumnDataSource({"width": [900], "height": [600], "ratio": [0]})
        self.lines = (
            Span(dimension="width", line_color="#8c9492", line_width=1, line_alpha=0.7),
            Span(dimension="height", line_color="#8c9492", line_width=1, line_alpha=0.7),
        )

    @property
    def sized(self) -> bool:
        """Whether a browser has said how large it is on the screen."""
        return bool(self.screen.data["ratio"][0])


@dataclass
class LayerState:
    """How a layer is shown."""

    shown: bool
    choice: int = 0


class PicturePane:
    """A picture of a scene with its layers, in a frame that others may share."""

    def __init__(
        self,
        document: Document,
        material: Material,
        frame: Frame,
        *,
        say: Callable[[str], None],
        place: Affine | None = None,
    ) -> None:
        """`say` is told, in a sentence, what can't be read.

        `place` brings pixels of the scene to those of the frame, without turning them.
        """
        self.material, self.frame, self._say = material, frame, say
        self.place = Affine.identity() if place is None else place
        self.seen = True
        """Whether it is on the page: what nobody sees isn't read."""
        self.picture = Picture(material.scene)
        self.choice = self.picture.preset(next(iter(self.picture.kinds)))
        self.cut = CUT
        self.hidden: set[str] = set()
        self.states: dict[str, LayerState] = {}
        self.plot = self._plot()
        self._whole = self._image(1.0)
        self._near = self._image(1.0)
        self.images: dict[str, GlyphRenderer] = {}
        self._sources: dict[str, ColumnDataSource] = {}
        self._grids: dict[str, Grid] = {}
        self._add_layers()
        self.soon = Soon(document, self.refresh, DELAY)
        for range_ in (frame.x, frame.y):
            range_.on_change("start", self.soon.changed)
            range_.on_change("end", self.soon.changed)
        frame.screen.on_change("data", self.soon.changed)

    def show_material(self, material: Material) -> None:
        """Another map, or another run, of a scene of the same size."""
        same = material.scene is self.material.scene
        self.material = material
        if not same:
            self.picture = Picture(material.scene)
            self.choice = self.picture.preset(next(iter(self.picture.kinds)))
            self.refresh_picture()
        for source in self._sources.values():
            source.data = _empty()
        self.plot.renderers = [
            one for one in self.plot.renderers if one not in self.images.values()
        ]
        self.images, self._sources, self.states, self._grids = {}, {}, {}, {}
        self.hidden = set()
        self._add_layers()
        self.refresh_layers()

    def pixel(self, x: float, y: float) -> tuple[float, float] | None:
        """Row and column of its scene, with their fractions, at a point of the frame.

        None beside the scene.
        """
        column, row = ~self.place @ (x, y)
        scene = self.material.scene
        return (row, column) if 0 <= row < scene.height and 0 <= column < scene.width else None

    def refresh(self) -> None:
        """Read what came into sight."""
        if not self.seen:
            return
        if not self._whole.data_source.data["image"]:
            self.refresh_picture()
        self._refresh_near()
        for key in self.images:
            self._refresh_layer(key)

    def refresh_picture(self) -> None:
        """Draw the picture anew: other bands, another stretch."""
        if not self.seen:
            return
        grid = self.picture.whole_grid(self.choice)
        self._draw(self._whole, lambda: self.picture.whole(self.choice, self.cut), grid)
        self._grids.pop("picture", None)
        self._refresh_near()

    def refresh_layers(self) -> None:
        """Draw all layers anew: other classes are hidden."""
        for key in self.images:
            self._grids.pop(key, None)
            self._refresh_layer(key)

    def set_layer(self, key: str, *, shown: bool | None = None, choice: int | None = None) -> None:
        """Switch a layer, or show another band of it."""
        state = self.states[key]
        state.shown = state.shown if shown is None else shown
        state.choice = state.choice if choice is None else choice
        self.images[key].visible = state.shown
        if choice is not None:
            self._grids.pop(key, None)
        self._refresh_layer(key)

    def set_picture(self, choice: Choice, cut: tuple[float, float]) -> None:
        """Show other bands, or stretch them otherwise."""
        self.choice, self.cut = choice, cut
        self.refresh_picture()

    def _add_layers(self) -> None:
        for layer in self.material.layers:
            self.states[layer.key] = LayerState(layer.shown)
            source = self._sources[layer.key] = ColumnDataSource(_empty())
            image = self._image(layer.opacity, source, at=2 + len(self.images))
            image.visible = layer.shown
            image.name = f"layer {layer.key}"
            self.images[layer.key] = image

    def _refresh_near(self) -> None:
        if not self.frame.sized:
            return
        grid = self._grid_of(self.picture.thinned, self.picture.bands_read(self.choice))
        if self._known("picture", grid):
            return
        if grid.inside(self.picture.whole_grid(self.choice)):  # which is drawn below
            self._near.data_source.data = _empty()
            return
        self._draw(self._near, lambda: self.picture.rgba(self.choice, grid, self.cut), grid)

    def _refresh_layer(self, key: str) -> None:
        state, layer = self.states[key], self.material.layer(key)
        if not self.seen or not state.shown or layer is None:
            return
        grid = self._grid_of(layer.thinned, 1)
        if self._known(key, grid):
            return
        self._draw(
            self.images[key],
            lambda: layer.rgba(grid, choice=state.choice, hidden=self.hidden),
            grid,
        )

    def _known(self, key: str, grid: Grid) -> bool:
        """Whether what is drawn already shows a grid; else it is noted as drawn."""
        old = self._grids.get(key)
        if old is not None and grid.inside(old) and old.step == grid.step:
            return True
        self._grids[key] = grid
        return False

    def _grid_of(self, thinned: Thinned, bands: int) -> Grid:
        x0, x1 = sorted((float(self.frame.x.start), float(self.frame.x.end)))
        y0, y1 = sorted((float(self.frame.y.start), float(self.frame.y.end)))
        (x0, y0), (x1, y1) = ~self.place @ (x0, y0), ~self.place @ (x1, y1)
        across, down = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
        data = self.frame.screen.data
        longest = max(data["width"][0], data["height"][0]) * min(2, max(1, data["ratio"][0]))
        most = int(min(MOST, longest) * (1 + 2 * MARGIN))
        return thinned.grid(
            (y0 - down, y1 + down), (x0 - across, x1 + across), most=max(64, most), bands=bands
        )

    def _draw(
        self, image: GlyphRenderer, colors: Callable[[], NDArray[np.uint8]], grid: Grid
    ) -> None:
        try:
            shown = colors()
        except InputError as error:
            self._say(error.on_command_line)
            return
        column, row, width, height = grid.box
        x, y = self.place @ (column, row)
        packed = np.ascontiguousarray(shown).view(np.uint32)[..., 0]
        image.data_source.data = {
            "image": [packed],
            "x": [x],
            "y": [y],
            "w": [self.place.a * width],
            "h": [self.place.e * height],
        }

    def _image(
        self, opacity: float, source: ColumnDataSource | None = None, at: int | None = None
    ) -> GlyphRenderer:
        image = self.plot.image_rgba(
            image="image",
            x="x",
            y="y",
            dw="w",
            dh="h",
            global_alpha=opacity,
            source=ColumnDataSource(_empty()) if source is None else source,
            level="image",
        )
        if at is not None:  # under pins and drawn polygons
            self.plot.renderers.remove(image)
            self.plot.renderers.insert(at, image)
        return image

    def _plot(self) -> figure:
        wheel = WheelZoomTool(zoom_on_axis=False)
        plot = figure(
            x_range=self.frame.x,
            y_range=self.frame.y,
            sizing_mode="stretch_both",
            min_width=200,
            tools=[PanTool(), wheel, BoxZoomTool(match_aspect=True), ResetTool()],
            toolbar_location="right",
            css_classes=["pane"],
            min_border_left=_BORDER_LEFT,
            min_border_bottom=_BORDER_BELOW,
            min_border_top=6,
            min_border_right=10,
            # What a document's own scripts alone speak of is no part of it.
            tags=[self.frame.screen],
        )
        plot.toolbar.active_scroll = wheel
        plot.add_tools(CrosshairTool(overlay=list(self.frame.lines)))
        plain_axes(plot)
        plot.xgrid.visible = plot.ygrid.visible = False
        return plot


def _empty() -> dict[str, list[object]]:
    return {"image": [], "x": [], "y": [], "w": [], "h": []}
