"""Two pictures at once: side by side, or one over the other with an edge that is moved."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from affine import Affine
from bokeh.models import Column, CustomJS, RadioButtonGroup, Slider

from spectile.data.projection import boxes_meet, is_placed, scene_box
from spectile.data.scene import Scene
from spectile.viewing.page.controls import frame
from spectile.viewing.page.pane import PicturePane

ONE, BESIDE, SWIPE = 0, 1, 2
MODES = ("One picture", "Side by side", "Swipe")
_CLASSES = (["panes"], ["panes", "beside"], ["panes", "swipe"])
_MOVE = """export default ({panes}, slider) => { panes.styles = {"--swipe": `${slider.value}%`} }"""


class Comparison:
    """The frame of one picture or two, and the switch between."""

    def __init__(
        self, first: PicturePane, second: PicturePane, *, changed: Callable[[], None]
    ) -> None:
        """`changed` is called after the switch was used."""
        self._second, self._after = second, changed
        second.plot.css_classes = ["pane", "second"]
        self.mode = RadioButtonGroup(labels=list(MODES), active=ONE, name="compare")
        self.panes: Column = frame([first.plot, second.plot], *_CLASSES[ONE])
        self.edge = Slider(
            start=0, end=100, step=0.5, value=50, show_value=False, tooltips=False, name="swipe"
        )
        self.edge.js_on_change("value", CustomJS(args={"panes": self.panes}, code=_MOVE))
        self.mode.on_change("active", self._switched)
        self.show(ONE)

    @property
    def two(self) -> bool:
        """Whether both are seen."""
        return bool(self.mode.active != ONE)

    def show(self, mode: int) -> None:
        """Show one picture or both."""
        self.mode.active = mode
        self.panes.css_classes = _CLASSES[mode]
        self._second.plot.visible = self._second.seen = mode != ONE
        self.edge.visible = mode == SWIPE

    def _switched(self, _attr: str, _old: object, new: int) -> None:
        self.show(new)
        self._second.refresh()
        self._after()


def place_of(scene: Scene, like: Scene) -> Affine:
    """What brings the pixels of `scene` to those of `like`, without turning them.

    By their coordinates where both have some in one system, lie alike and share ground; else the
    one is stretched to the size of the other.
    """
    placed = is_placed(scene) and is_placed(like) and scene.crs == like.crs
    if placed and boxes_meet(scene_box(scene), scene_box(like)):
        assert scene.transform is not None  # placed
        assert like.transform is not None
        over: Affine = ~like.transform @ scene.transform
        turned = np.abs([over.b, over.d]).max() > 1e-6 * np.abs([over.a, over.e]).max()
        if not turned and over.a > 0 and over.e > 0:
            return over
    return Affine.scale(like.width / scene.width, like.height / scene.height)
