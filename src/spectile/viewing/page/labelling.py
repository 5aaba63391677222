"""Drawing labels: the polygons in the picture, their classes, where they are saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.document import Document
from bokeh.events import DocumentReady
from bokeh.models import (
    Button,
    ColorPicker,
    ColumnDataSource,
    CustomJS,
    Div,
    PolyEditTool,
    RadioButtonGroup,
    RadioGroup,
    TapTool,
    TextInput,
)
from bokeh.plotting import figure
from markupsafe import Markup

from spectile.data.labels.legend import parse_color
from spectile.errors import InputError
from spectile.viewing.drawn_labels import DrawnLabels, DrawnPolygon, shown_path
from spectile.viewing.page.controls import frame, row
from spectile.viewing.page.theme import rgb, script, sheet

LOOK, DRAW, EDIT = 0, 1, 2
MODES = ("Look", "Draw", "Edit")
_HELP = (
    "Click a pixel to pin its spectrum.",
    "Click corner by corner; a double click, or Enter, closes the polygon. Escape takes a corner "
    "back.",
    "Click a polygon to choose it; Delete removes it. Hold the button on it until its corners "
    "show: these can be dragged, and Backspace removes a chosen one.",
)


class Labelling:
    """What the reader draws, kept in step with the file."""

    def __init__(
        self, document: Document, drawn: DrawnLabels, plot: figure, *, say: Callable[[str], None]
    ) -> None:
        self.drawn, self._say, self._document = drawn, say, document
        self._taking_over = False
        self.source = ColumnDataSource({"xs": [], "ys": [], "value": [], "color": []})
        self.pen = ColumnDataSource({"value": [None], "color": ["#888888"]})
        self.mode = RadioButtonGroup(labels=list(MODES), active=LOOK, name="mode")
        # What a document's own scripts alone speak of is no part of it.
        self.mode.tags = [self.pen]
        self.help = Div(text="", disable_math=True)
        self.classes = RadioGroup(labels=[], active=None, name="drawn classes")
        self.name = TextInput(placeholder="name of a class", name="class name")
        self.color = ColorPicker(color="#e69f00", name="class color")
        self.add = Button(label="New class", name="add class")
        self.give = Button(label="Give it this class", name="give class")
        self.delete = Button(label="Delete", name="delete polygon")
        self.saved = Div(text="", disable_math=True, name="saved")
        self._draw_in(document, plot)
        self.mode.on_change("active", self._another_mode)
        self.add.on_click(self._add_class)
        self.name.on_change("value", self._named)
        self.color.on_change("color", self._colored)
        self.classes.on_change("active", self._another_class)
        self.delete.on_click(self._delete)
        self.give.on_click(self._give)
        self.source.on_change("data", self._drawn)
        self._edit_row = row([self.give, self.delete], "tight")
        heading = Div(text="<h2>Draw labels</h2>", disable_math=True)
        self.root = frame(
            [
                heading,
                self.mode,
                self.help,
                self.classes,
                frame([self.color, self.name, self.add], "pen"),
                self._edit_row,
                self.saved,
            ],
            "card",
        )
        end = drawn.follow(self._changed_elsewhere)
        document.on_session_destroyed(lambda _context: end())
        self._another_mode("active", LOOK, LOOK)
        self._take_over()

    @property
    def looking(self) -> bool:
        """Whether a click is meant for what lies under it, and not for a polygon."""
        return bool(self.mode.active == LOOK)

    def _another_mode(self, _attr: str, _old: object, new: Any) -> None:
        self.help.text = str(Markup('<p class="soft">{}</p>').format(_HELP[new]))
        self._edit_row.css_classes = ["tight"] if new == EDIT else ["tight", "away"]
        if new == DRAW and not self.drawn.classes:
            self._say("Name a class first: what is drawn is of the class that is chosen.")

    def _add_class(self) -> None:
        taken = {category.name for category in self.drawn.classes}
        name = self.name.value.strip()
        if not name or name in taken:
            number = len(taken) + 1
            while (name := f"class {number}") in taken:
                number += 1
        chosen = parse_color(self.color.color)
        used = {category.color for category in self.drawn.classes}
        added = self._trying(lambda: self.drawn.add_class(name, None if chosen in used else chosen))
        if added is not None:
            self._choose(len(self.drawn.classes) - 1)

    def _named(self, _attr: str, _old: object, new: Any) -> None:
        value = self._chosen_value()
        if self._taking_over or value is None or not new.strip():
            return
        current = next(one.name for one in self.drawn.classes if one.value == value)
        if new.strip() != current:
            self._trying(lambda: self.drawn.change_class(value, name=new))

    def _colored(self, _attr: str, _old: object, new: Any) -> None:
        value, color = self._chosen_value(), parse_color(new)
        if not self._taking_over and value is not None and color is not None:
            self._trying(lambda: self.drawn.change_class(value, color=color))

    def _another_class(self, _attr: str, _old: object, new: Any) -> None:
        if not self._taking_over and new is not None:
            self._choose(new)

    def _choose(self, place: int) -> None:
        """From now on draw the class at a place of the list."""
        self._taking_over = True
        category = self.drawn.classes[place]
        self.classes.active = place
        self.name.value, self.color.color = category.name, rgb(category.color)
        self.pen.data = {"value": [category.value], "color": [rgb(category.color)]}
        self._taking_over = False

    def _chosen_value(self) -> int | None:
        place = self.classes.active
        known = place is not None and place < len(self.drawn.classes)
        return self.drawn.classes[place].value if known else None

    def _delete(self) -> None:
        self._with_selected(lambda polygon: None)

    def _give(self) -> None:
        value = self._chosen_value()
        if value is not None:
            self._with_selected(lambda polygon: DrawnPolygon(polygon.columns, polygon.rows, value))

    def _with_selected(self, change: Callable[[DrawnPolygon], DrawnPolygon | None]) -> None:
        chosen = set(self.source.selected.indices)
        if not chosen:
            self._say("Click a polygon first.")
            return
        self._say("")
        changed = [
            change(polygon) if place in chosen else polygon
            for place, polygon in enumerate(self._in_browser())
        ]
        self.source.selected.indices = []
        self._trying(lambda: self.drawn.draw([one for one in changed if one is not None]))

    def _drawn(self, _attr: str, _old: object, _new: object) -> None:
        if not self._taking_over:
            self._trying(lambda: self.drawn.draw(self._in_browser()))

    def _in_browser(self) -> list[DrawnPolygon]:
        data = self.source.data
        return [
            DrawnPolygon(np.array(xs, np.float64), np.array(ys, np.float64), int(value))
            for xs, ys, value in zip(data["xs"], data["ys"], data["value"], strict=True)
        ]

    def _changed_elsewhere(self) -> None:
        # From here, or from another page: that one's document is under no lock of ours.
        self._document.add_next_tick_callback(self._take_over)

    def _take_over(self) -> None:
        """Show what the file holds."""
        self._taking_over = True
        colors = {category.value: rgb(category.color) for category in self.drawn.classes}
        new = {
            "xs": [polygon.columns.tolist() for polygon in self.drawn.polygons],
            "ys": [polygon.rows.tolist() for polygon in self.drawn.polygons],
            "value": [polygon.value for polygon in self.drawn.polygons],
            "color": [colors[polygon.value] for polygon in self.drawn.polygons],
        }
        if not _same(self.source.data, new):
            self.source.data = new
        self.classes.labels = [category.name for category in self.drawn.classes]
        swatches = "".join(
            f"label:nth-of-type({place}) > span::before {{ background: {rgb(one.color)}; }}"
            for place, one in enumerate(self.drawn.classes, start=1)
        )
        if self._swatches.css != (css := script("legend.css") + swatches):
            self._swatches.css = css
        self._taking_over = False
        if self.drawn.classes and self.classes.active is None:
            self._choose(0)
        elif self.classes.active is not None:
            self._choose(min(self.classes.active, len(self.drawn.classes) - 1))
        self._tell()

    def _tell(self) -> None:
        count = len(self.drawn.polygons)
        if not self.drawn.path.exists():
            text = Markup(
                '<p class="soft">Saved to <code>{}</code> as soon as something is drawn.</p>'
            )
            self.saved.text = str(text.format(shown_path(self.drawn.path)))
            return
        self.saved.text = str(
            Markup('<p class="soft">{}, saved to <code>{}</code> at {}</p>').format(
                f"{count} polygon{'s' * (count != 1)}",
                shown_path(self.drawn.path),
                time.strftime("%H:%M:%S"),
            )
        )

    def _trying(self, work: Callable[[], Any]) -> Any:
        try:
            done = work()
        except InputError as error:
            self._say(error.on_command_line)
            self._take_over()
            return None
        self._say("")
        return done

    def _draw_in(self, document: Document, plot: figure) -> None:
        self._swatches = sheet("")
        self.classes.stylesheets = [self._swatches]
        patches = plot.patches(
            "xs",
            "ys",
            source=self.source,
            fill_color="color",
            fill_alpha=0.35,
            line_color="color",
            line_width=2,
            nonselection_fill_alpha=0.35,
            nonselection_line_alpha=1,
            selection_fill_alpha=0.6,
            selection_line_color="white",
        )
        draft = ColumnDataSource({"x": [], "y": []})
        plot.line("x", "y", source=draft, line_color="white", line_width=2, line_dash=[5, 3])
        plot.scatter("x", "y", source=draft, size=7, fill_color="white", line_color="#333333")
        corners = plot.scatter([], [], size=10, fill_color="white", line_color="#333333")
        edit = PolyEditTool(renderers=[patches], vertex_renderer=corners, visible=False)
        tap = TapTool(renderers=[patches], visible=False)
        plot.add_tools(edit, tap)
        plot.toolbar.active_tap = None
        names = {"mode": self.mode, "polygons": self.source, "draft": draft, "pen": self.pen}
        document.js_on_event(
            DocumentReady,
            CustomJS(
                args={**names, "plot": plot, "edit": edit, "tap": tap}, code=script("draw.js")
            ),
        )


def _same(shown: Any, new: dict[str, list[Any]]) -> bool:
    """Whether the browser has this already: nothing is taken from under a hand that draws."""
    if [list(shown[key]) for key in ("value", "color")] != [new["value"], new["color"]]:
        return False
    return all(
        len(one) == len(other) and bool(np.allclose(one, other, atol=1e-9))
        for key in ("xs", "ys")
        for one, other in zip(shown[key], new[key], strict=True)
    )
