"""Whether a scene's values can be of the quantity that a model was trained on."""

from __future__ import annotations

from spectile.data.scene import Scene, UnreadableError
from spectile.data.typical import medians_of, times_apart
from spectile.model.model import Model


def unlike_training(model: Model, scene: Scene) -> str | None:
    """A sentence of warning if the medians of the model's bands are another size in `scene`.

    None if they are within a factor of ten of those in training, if the model doesn't know
    these, or if the scene can't be read, which mapping will tell. Raises InputError if the scene's
    bands don't match the model's.
    """
    if model.medians is None:
        return None
    bands = model.for_scene(scene).bands
    values = model.values_of(scene)
    try:
        here = medians_of(values, bands)
    except UnreadableError:
        return None
    apart = None if here is None else times_apart(here, model.medians)
    if apart is None:
        return None
    larger, times = ("larger", apart) if apart > 1 else ("smaller", 1 / apart)
    scale = "names no scale" if values.scaling is None else f"is read {values.scaling}"
    roughly = float(f"{times:.1g}")
    return (
        f"the values of {scene.source} are about {roughly:,.0f} times {larger} than those that the "
        f"model was trained on: check that both are the same quantity, for it {scale}."
    )
