"""The document of the viewer, put together: pictures, cursor, spectra, layers, labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bokeh.document import Document
from bokeh.events import DocumentReady, MouseLeave, MouseMove, Tap
from bokeh.models import CustomJS, Div, RadioButtonGroup
from markupsafe import Markup

from spectile.errors import InputError
from spectile.viewing.drawn_labels import DrawnLabels
from spectile.viewing.material import Material, open_material
from spectile.viewing.page.compare import BESIDE, Comparison, place_of
from spectile.viewing.page.controls import LayerControls, PictureControls, frame, set_shown
from spectile.viewing.page.cursor_box import CursorBox
from spectile.viewing.page.labelling import Labelling
from spectile.viewing.page.pane import Frame, PicturePane
from spectile.viewing.page.soon import Soon
from spectile.viewing.page.spectra_pane import SpectraPane
from spectile.viewing.page.theme import colors, dress, script
from spectile.viewing.page.training_box import TrainingBox
from spectile.viewing.places import Places
from spectile.viewing.training_job import TrainingJob

FOLLOWED = 40
"""Milliseconds between two looks at where the cursor is."""


@dataclass(eq=False)
class Exhibit:
    """What all pages of a server show."""

    material: Material
    other: Material | None = None
    """What stands beside it."""
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
        beside = exhibit.other or material
        self.second = PicturePane(
            document,
            beside,
            self.frame,
            say=self.say,
            place=place_of(beside.scene, material.scene),
        )
        self.compare = Comparison(self.pane, self.second, changed=self._sides)
        self.cursor = CursorBox(material)
        self.spectra = SpectraPane(material, [self.pane.plot, self.second.plot])
        self.controls = [
            (PictureControls(pane), LayerControls(pane)) for pane in (self.pane, self.second)
        ]
        self.side = RadioButtonGroup(labels=["Left", "Right"], active=0, name="side")
        self.side.on_change("active", lambda _attr, _old, _new: self._sides())
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
                done=self._trained,
            )
        self._under: tuple[PicturePane, float, float] | None = None
        self._follow = Soon(document, self._show_cursor, FOLLOWED)
        for pane in (self.pane, self.second):
            pane.plot.on_event(MouseMove, partial(self._moved, pane))
            pane.plot.on_event(MouseLeave, self._left)
        self.pane.plot.on_event(Tap, self._tapped)
        self.second.plot.on_event(Tap, self._tapped)
        self.root = self._layout()
        if exhibit.other is not None:
            self.compare.show(BESIDE)
        self._sides()

    def say(self, sentence: str) -> None:
        """Tell the reader of something that went wrong, or that is to be known."""
        self.notice.text = str(Markup('<p class="warn">{}</p>').format(sentence))
        self.notice.visible = bool(sentence)

    def start(self) -> None:
        """Read the first, coarse pictures; the browser asks for finer ones once it has a size."""
        for pane in (self.pane, self.second):
            pane.refresh_picture()
            pane.refresh_layers()
        for note in self.exhibit.material.notes:
            self.say(note)

    def _trained(self, directory: Path) -> None:
        self.show_material(open_material(directory))
        self.exhibit.material = self.pane.material  # for a page that is opened later

    def show_material(self, material: Material) -> None:
        """Another map of the same scene."""
        self.pane.show_material(material)
        self.spectra.show_material(material)
        self.controls[0][1].rebuild()
        if self.exhibit.other is None:
            self.second.show_material(material)
            self.controls[1][1].rebuild()
        for note in material.notes:
            self.say(note)

    def _layout(self) -> Any:
        self._side_controls = [
            frame([layers.root, picture.root], "column") for picture, layers in self.controls
        ]
        names = [] if self.exhibit.other is None else [self._names(self.exhibit.other)]
        self._side_card = frame([*names, self.side], "card")
        stage = frame(
            [
                self.notice,
                self.compare.panes,
                self.compare.edge,
                self.spectra.said,
                self.spectra.plot,
            ],
            "stage",
        )
        side = frame(
            [
                frame([self.cursor.root], "card"),
                self._side_card,
                *self._side_controls,
                self.spectra.controls,
                *(() if self.labelling is None else (self.labelling.root,)),
                *(() if self.training is None else (self.training.root,)),
            ],
            "side",
        )
        head = frame([self._heading(), self.compare.mode], "head")
        root = frame([head, stage, side], "viewer")
        fit = CustomJS(
            args={
                "plots": [self.pane.plot, self.second.plot],
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

    def _names(self, other: Material) -> Div:
        """What is at the left and at the right."""
        text = Markup('<p class="soft">{} | {}</p>').format(self.exhibit.material.name, other.name)
        return Div(text=str(text), disable_math=True)

    def _sides(self) -> None:
        """Show the controls of the picture that is chosen."""
        chosen = self.side.active if self.compare.two else 0
        set_shown(self._side_card, self.compare.two)
        for place, controls in enumerate(self._side_controls):
            set_shown(controls, place == chosen)

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

    def _moved(self, pane: PicturePane, event: MouseMove) -> None:
        self._under = pane, event.x, event.y
        self._follow()

    def _left(self, _: MouseLeave) -> None:
        self._under = None
        self._follow()

    def _show_cursor(self) -> None:
        if self._under is None:
            self.cursor.clear()
            return
        pane, x, y = self._under
        at = pane.pixel(x, y)
        if at is None:
            self.cursor.clear()
        else:
            self._trying(lambda: self.cursor.show(pane.material, *at))

    def _tapped(self, event: Tap) -> None:
        at = self.pane.pixel(event.x, event.y)
        if at is not None and (self.labelling is None or self.labelling.looking):
            self._trying(lambda: self.spectra.pin(int(at[0]), int(at[1])))

    def _trying(self, work: Callable[[], None]) -> None:
        try:
            work()
        except InputError as error:
            self.say(error.on_command_line)


def build(document: Document, exhibit: Exhibit, *, alone: bool = True) -> Page:
    """Fill an empty document; gives what its parts are, for who wants to talk to them.

    `alone`: as a page of its own, and not below the cell of a notebook.
    """
    page = Page(document, exhibit)
    if not alone:
        page.root.css_classes = [*page.root.css_classes, "below-cell"]
    dress([page.root])
    document.add_root(page.root)
    document.title = f"{exhibit.material.name} · Spectile"
    document.template = script("page.html.jinja")
    document.template_variables["colors"] = colors()
    page.start()
    return page
