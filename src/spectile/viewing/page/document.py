"""The document of the viewer, put together: pictures, cursor, spectra, layers, labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.events import DocumentReady, MouseLeave, MouseMove, Tap
from bokeh.models import CustomJS, Div
from markupsafe import Markup

from spectile.errors import InputError
from spectile.viewing.drawn_labels import DrawnLabels
from spectile.viewing.material import Material, open_material
from spectile.viewing.page.controls import LayerControls, PictureControls, frame
from spectile.viewing.page.cursor_box import CursorBox
from spectile.viewing.page.labelling import Labelling
from spectile.viewing.page.pane import Frame, PicturePane
from spectile.viewing.page.soon import Soon
from spectile.viewing.page.spectra_pane import SpectraPane
from spectile.viewing.page.theme import dress, script
from spectile.viewing.page.training_box import TrainingBox
from spectile.viewing.places import Places
from spectile.viewing.training_job import TrainingJob

TEMPLATE = Path(__file__).with_name("page.html.jinja")
FOLLOWED = 40
"""Milliseconds between two looks at where the cursor is."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """What a page shows."""

    material: Material
    drawn: DrawnLabels | None = None
    """Labels that are drawn, with every page of a server on the same ones."""
    jobs: list[TrainingJob] = field(default_factory=list)
    """What trains at the moment."""

    def close(self) -> None:
        """End what a page has begun."""
        for job in self.jobs:
            job.stop()
        if self.drawn is not None:
            self.drawn.close()


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
        self.labelling: Labelling | None = None
        self.training: TrainingBox | None = None
        if exhibit.drawn is not None:
            self.labelling = Labelling(document, exhibit.drawn, self.pane.plot, say=self.say)
            self.training = TrainingBox(
                document,
                exhibit.drawn,
                material.origin,
                material.options,
                jobs=exhibit.jobs,
                done=lambda directory: self.show_material(open_material(directory)),
            )
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

    def show_material(self, material: Material) -> None:
        """Another map of the same scene."""
        self.pane.show_material(material)
        self.cursor.show_material(material)
        self.spectra.show_material(material)
        self.layers.rebuild()
        for note in material.notes:
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
                *(() if self.labelling is None else (self.labelling.root,)),
                *(() if self.training is None else (self.training.root,)),
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
        if at is not None and (self.labelling is None or self.labelling.looking):
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
