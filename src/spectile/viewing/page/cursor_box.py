"""What lies under the cursor: class, probabilities as bars, coordinates."""

from __future__ import annotations

import numpy as np
from bokeh.models import Div
from markupsafe import Markup

from spectile.viewing.layers import ClassLayer
from spectile.viewing.material import Material
from spectile.viewing.page.theme import rgb
from spectile.viewing.places import Places
from spectile.viewing.thinning import Thinned

MOST_BARS = 5
"""The most probable classes are shown."""


class CursorBox:
    """Text beside the picture that follows the cursor."""

    def __init__(self, material: Material) -> None:
        self.root = Div(text=self._nothing(), disable_math=True, name="cursor")
        self._speak_of(material)

    def show(self, material: Material, row: float, column: float) -> None:
        """Say what there is at a point inside of a scene."""
        if material is not self._material:
            self._speak_of(material)
        self.root.text = self.said(row, column)

    def _speak_of(self, material: Material) -> None:
        self._material, self._places = material, Places(material.scene)

    def clear(self) -> None:
        """The cursor is elsewhere."""
        self.root.text = self._nothing()

    def said(self, row: float, column: float) -> str:
        """The same as HTML."""
        at = int(row), int(column)
        parts = [self._class(*at), self._bars(*at), self._lines(row, column)]
        return str(Markup("").join(parts))

    def _nothing(self) -> str:
        return str(
            Markup('<p class="soft">{}</p>').format(
                "Move over the picture; click to pin a spectrum."
            )
        )

    def _class(self, row: int, column: int) -> Markup:
        shown = self._material.mapped or self._material.truth
        if shown is None:
            return Markup("")
        value = shown.value(row, column)
        category = next((one for one in shown.categories if one.value == value), None)
        if category is None:
            return Markup('<div class="what soft">{}</div>').format(
                "no data" if self._material.mapped else "unlabelled"
            )
        return Markup(
            '<div class="what"><i class="swatch" style="background:{}"></i>'
            '<span class="name">{}</span></div>'
        ).format(rgb(category.color), category.name)

    def _bars(self, row: int, column: int) -> Markup:
        layer = self._material.layer("probabilities")
        if layer is None:
            return Markup("")
        values = probabilities_at(layer.thinned, row, column)
        if not np.isfinite(values).all():
            return Markup("")
        order = np.argsort(-values, kind="stable")[:MOST_BARS]
        bars = Markup("").join(
            Markup(
                '<div><span class="name">{}</span><u><i style="width:{}%;background:{}"></i></u>'
                "<b>{}</b></div>"
            ).format(
                self._material.categories[place].name,
                f"{100 * values[place]:.1f}",
                rgb(self._material.categories[place].color),
                f"{100 * values[place]:.0f}%",
            )
            for place in order.tolist()
        )
        return Markup('<div class="bars">{}</div>').format(bars)

    def _lines(self, row: float, column: float) -> Markup:
        lines = self._places.said(row, column)
        at = int(row), int(column)
        for layer in self._material.layers:
            if layer.key in ("map", "probabilities"):
                continue
            said = layer.said(*at)
            if said is not None and (self._material.mapped or layer.key != "labels"):
                title = layer.title.lower()
                lines.append(({"labels": "label"}.get(layer.key, title), said))
        return Markup('<dl class="lines">{}</dl>').format(
            Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*line) for line in lines)
        )


def probabilities_at(probabilities: Thinned, row: int, column: int) -> np.ndarray:
    """(classes,) at one pixel, NaN without data."""
    return probabilities.pixel(row, column).astype(np.float64)


def class_at(material: Material, row: int, column: int) -> str | None:
    """The name of a pixel's class in the map, or else of its label."""
    for layer in (material.mapped, material.truth):
        if isinstance(layer, ClassLayer):
            said = layer.said(row, column)
            if said is not None:
                return said
    return None
