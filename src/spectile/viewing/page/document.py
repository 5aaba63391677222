"""The document of the viewer, put together: pictures, cursor, spectra, layers, labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.events import DocumentReady, MouseLeave, MouseMove, Tap
from bokeh.models import CustomJS, Div
from markupsafe import Markup

from spectile.errors import InputError
from spectile.viewing.material import Material
from spectile.viewing.page.controls import LayerControls, PictureControls, frame
from spectile.viewing.page.cursor_box import CursorBox
from spectile.viewing.page.pane import Frame, PicturePane
from spectile.viewing.page.soon import Soon
from spectile.viewing.page.spectra_pane import SpectraPane
from spectile.viewing.page.theme import dress, script
from spectile.viewing.places import Places

TEMPLATE = Path(__file__).with_name("page.html.jinja")
FOLLOWED = 40
"""Milliseconds between two looks at where the cursor is."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """What a page shows."""

    material: Material


class Page:
    """One browser's page."""

    def __init__(self, document: Document, exhibit: Exhibit) -> None:
        self._document, self.exhibit = document, exhibit
        material = exhibit.material
        self.frame = Frame(material.scene.width, material.scene.height)
        self.notice = Div(text="", disable_math=True, name="notice", visible=False)
        self.pane = PicturePane(document, material, self.frame, say=self.say)
        self.cursor = CursorBox(material)
        self.spectra = SpectraPane(material, [self.pane.plot])
        self.picture = PictureControls(self.pane)
        self.layers = LayerControls(self.pane)
        self._under: tuple[float, float] | None = None
        self._follow = Soon(document, self._show_cursor, FOLLOWED)
        self.pane.plot.on_event(MouseMove, self._moved)
        self.pane.plot.on_event(MouseLeave, self._left)
        self.pane.plot.on_event(Tap, self._tapped)
        self.root = self._layout()

    def say(self, sentence: str) -> None:
        """Tell the reader of something that went wrong, or that is to be known."""
        self.notice.text = str(Markup('<p class="warn">{}</p>').format(sentence))
        self.notice.visible = bool(sentence)

    def start(self) -> None:
        """Read the first pictures."""
        self.pane.refresh_picture()
        self.pane.refresh()
        for note in self.exhibit.material.notes:
            self.say(note)

    def _layout(self) -> Any:
        panes = frame([self.pane.plot], "panes")
        stage = frame([self.notice, panes, self.spectra.said, self.spectra.plot], "stage")
        side = frame(
            [
                frame([self.cursor.root], "card"),
                self.layers.root,
                self.spectra.controls,
                self.picture.root,
            ],
            "side",
        )
        root = frame([frame([self._heading()], "head"), stage, side], "viewer")
        fit = CustomJS(
            args={
                "plots": [self.pane.plot],
                "x": self.frame.x,
                "y": self.frame.y,
                "width": self.frame.width,
                "height": self.frame.height,
                "screen": self.frame.screen,
            },
            code=script("fit.js"),
        )
        self._document.js_on_event(DocumentReady, fit)
        return root

    def _heading(self) -> Div:
        material = self.exhibit.material
        scene, places = material.scene, Places(material.scene)
        facts = [
            f"{scene.width} × {scene.height} pixels",
            f"{scene.bands} band{'s' * (scene.bands > 1)}",
            places.system or "no coordinate system",
        ]
        if places.hectares is not None:
            facts.append(
                f"{places.hectares.sum() * scene.width:,.0f} ha".replace(
                    ",", "\N{NARROW NO-BREAK SPACE}"
                )
            )
        return Div(
            text=str(
                Markup('<p class="eyebrow">Spectile</p><h1>{}</h1><p class="facts">{}</p>').format(
                    material.name, " · ".join(facts)
                )
            ),
            disable_math=True,
            name="heading",
        )

    def _moved(self, event: MouseMove) -> None:
        self._under = event.y, event.x
        self._follow()

    def _left(self, _: MouseLeave) -> None:
        self._under = None
        self._follow()

    def _show_cursor(self) -> None:
        under = self._under
        if under is None or self.frame.pixels(*under) is None:
            self.cursor.clear()
        else:
            self._trying(lambda: self.cursor.show(*under))

    def _tapped(self, event: Tap) -> None:
        at = self.frame.pixels(event.y, event.x)
        if at is not None:
            self._trying(lambda: self.spectra.pin(*at))

    def _trying(self, work: Callable[[], None]) -> None:
        try:
            work()
        except InputError as error:
            self.say(error.on_command_line)


def build(document: Document, exhibit: Exhibit) -> Page:
    """Fill an empty document; gives what its parts are, for who wants to talk to them."""
    page = Page(document, exhibit)
    dress([page.root])
    document.add_root(page.root)
    document.title = f"{exhibit.material.name} · Spectile"
    document.template = script("page.html.jinja")
    page.start()
    return page
