"""What is seen in a pane: bands, stretch, layers with their opacity, classes on and off."""

from __future__ import annotations

from bokeh.models import (
    CheckboxGroup,
    Column,
    CustomJS,
    Div,
    RangeSlider,
    Row,
    Select,
    Slider,
    UIElement,
)
from markupsafe import Markup

from spectile.viewing.layers import ValueLayer, ViewLayer
from spectile.viewing.page.pane import PicturePane
from spectile.viewing.page.theme import rgb, script, sheet
from spectile.viewing.pictures import COMPONENTS, Choice, Kind
from spectile.viewing.places import area_in_words

_CHOSEN = ("bands", "components")
"""Kinds of pictures whose channels are chosen one by one."""
_CHANNELS = ("Red", "Green", "Blue")


def frame(children: list[UIElement], *classes: str, **properties: object) -> Column:
    """Widgets that a style sheet puts in their places."""
    return Column(
        children=children,
        css_classes=list(classes),
        stylesheets=[sheet(script("layout.css"))],
        **properties,
    )


def set_shown(part: Column, shown: bool) -> None:
    """Show or hide a frame, whose style sheet would overrule Bokeh's own way."""
    others = [name for name in part.css_classes if name != "away"]
    part.css_classes = others if shown else [*others, "away"]


class PictureControls:
    """Which bands are red, green and blue, and between which percentiles they are stretched."""

    def __init__(self, pane: PicturePane) -> None:
        self._pane = pane
        kinds = pane.picture.kinds
        self._kinds: list[Kind] = list(kinds)
        self.kind = Select(
            title="Picture",
            options=[(kind, text) for kind, text in kinds.items()],
            value=pane.choice.kind if pane.choice.kind in kinds else self._kinds[0],
            name="picture",
        )
        self.channels = [Select(title=title, name=title.lower(), options=[]) for title in _CHANNELS]
        self.cut = RangeSlider(
            title="Stretch, percentiles",
            start=0,
            end=100,
            step=0.5,
            value=pane.cut,
            name="stretch",
        )
        self._offer(pane.choice)
        self.kind.on_change("value", self._another_kind)
        for channel in self.channels:
            channel.on_change("value", self._other_channels)
        self.cut.on_change("value_throttled", self._other_channels)
        self._three = frame(list(self.channels), "three")
        set_shown(self._three, pane.choice.kind in _CHOSEN)
        self.root = frame([self.kind, self._three, self.cut], "card")

    def _another_kind(self, _attr: str, _old: object, _new: object) -> None:
        choice = self._pane.picture.preset(self.kind.value)
        self._offer(choice)
        set_shown(self._three, choice.kind in _CHOSEN)
        self._pane.set_picture(choice, self._cut())

    def _other_channels(self, _attr: str, _old: object, _new: object) -> None:
        if self._offering:
            return
        red, green, blue = (int(channel.value) for channel in self.channels)
        self._pane.set_picture(Choice(self.kind.value, (red, green, blue)), self._cut())

    def _cut(self) -> tuple[float, float]:
        low, high = self.cut.value
        return float(low), max(float(high), float(low) + 0.5)

    def _offer(self, choice: Choice) -> None:
        """Fill the lists of bands, or components, without asking for a picture."""
        scene = self._pane.material.scene
        if choice.kind == "components":
            count = min(COMPONENTS, len(self._pane.picture.good))
            options = [(str(place), f"component {place + 1}") for place in range(count)]
        else:
            options = []
            for band in range(scene.bands):
                text = f"{band + 1}"
                if scene.wavelengths is not None:
                    text = f"{scene.wavelengths[band]:.0f} nm"
                elif scene.band_names:
                    text = f"{band + 1}: {scene.band_names[band][:24]}"
                options.append((str(band), text + ("" if scene.good_bands[band] else " (bad)")))
        self._offering = True
        for channel, value in zip(self.channels, choice.channels, strict=True):
            channel.options = options
            channel.value = str(value)
        self._offering = False


class LayerControls:
    """The layers of a pane, each with a switch and its opacity; the classes, each with a switch."""

    def __init__(self, pane: PicturePane) -> None:
        self._pane = pane
        self.layers = frame([], "card")
        self.legend = frame([], "card")
        self.root = frame([], "column")
        self.rebuild()

    def rebuild(self) -> None:
        """Show what the pane's material has."""
        material = self._pane.material
        rows: list[UIElement] = [self._row(layer) for layer in material.layers]
        self.layers.children = [Div(text="<h2>Layers</h2>", disable_math=True), *rows]
        self.legend.children = self._switches()
        shown = [self.layers] if rows else []
        self.root.children = shown + ([self.legend] if material.categories else [])

    def _row(self, layer: ViewLayer) -> UIElement:
        pane, state = self._pane, self._pane.states[layer.key]
        switch = CheckboxGroup(
            labels=[layer.title], active=[0] if state.shown else [], name=f"show {layer.key}"
        )
        image = pane.images[layer.key]
        opacity = Slider(
            start=0,
            end=1,
            step=0.05,
            value=layer.opacity,
            show_value=False,
            name=f"opacity {layer.key}",
            styles={"padding": "0 8px"},
        )
        # In the browser itself: nothing is read for it.
        opacity.js_on_change(
            "value",
            CustomJS(
                args={"image": image},
                code="export default ({image}, {value}) => { image.glyph.global_alpha = value }",
            ),
        )
        parts: list[UIElement] = [switch, opacity]
        more: list[UIElement] = []
        if layer.choices:
            select = Select(
                options=[(str(n), name) for n, name in enumerate(layer.choices)],
                value=str(state.choice),
                name=f"choice {layer.key}",
            )
            select.on_change(
                "value",
                lambda _attr, _old, new: pane.set_layer(layer.key, shown=True, choice=int(new)),
            )
            select.on_change("value", lambda _attr, _old, _new: switch.update(active=[0]))
            more.append(select)
        key = _key_of(layer)
        if key is not None:
            more.append(key)
        below = frame(more, "card-inside")
        set_shown(below, state.shown)

        def switched(_attr: str, _old: list[int], new: list[int]) -> None:
            pane.set_layer(layer.key, shown=bool(new))
            set_shown(below, bool(new))

        switch.on_change("active", switched)
        return frame([frame(parts, "layer"), *([below] if more else [])], "column")

    def _switches(self) -> list[UIElement]:
        material, pane = self._pane.material, self._pane
        names = [category.name for category in material.categories]
        areas = material.areas
        amounts = [""] * len(names)
        heading = "Classes"
        if areas is not None:
            amounts = [area_in_words(amount, areas[1]) for amount in areas[0]]
            heading = "Classes, and their area in the map"
        colors = "".join(
            f"label:nth-of-type({place}) > span::before {{ background: {rgb(category.color)}; }}"
            f"label:nth-of-type({place}) > span::after {{ content: '{amount}'; }}"
            for place, (category, amount) in enumerate(
                zip(material.categories, amounts, strict=True), start=1
            )
        )
        group = CheckboxGroup(
            labels=names,
            active=list(range(len(names))),
            name="classes",
            stylesheets=[sheet(script("legend.css") + colors)],
        )

        def switched(_attr: str, _old: list[int], new: list[int]) -> None:
            pane.hidden = {name for place, name in enumerate(names) if place not in new}
            pane.refresh_layers()

        group.on_change("active", switched)
        return [Div(text=Markup("<h2>{}</h2>").format(heading), disable_math=True), group]


def _key_of(layer: ViewLayer) -> UIElement | None:
    """What the colours of a layer mean, where these aren't the classes."""
    if isinstance(layer, ValueLayer):
        low, high = layer.limits
        text = Markup(
            '<div class="key"><span>{}</span><span class="ramp"></span><span>{}</span></div>'
        ).format(f"{low:.3g}", f"{high:.3g}")
        return Div(text=text, disable_math=True)
    entries = layer.key_entries()
    if not entries:
        return None
    spans = Markup("").join(
        Markup('<span><i class="swatch" style="background:{}"></i>{}</span>').format(
            rgb(color), name
        )
        for name, color in entries
    )
    return Div(text=Markup('<div class="key">{}</div>').format(spans), disable_math=True)


def row(children: list[UIElement], *classes: str) -> Row:
    """Widgets in a line that breaks where it is too long."""
    return Row(
        children=children, css_classes=list(classes), stylesheets=[sheet(script("layout.css"))]
    )
