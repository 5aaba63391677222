"""Whether a scene is of the kind that a model was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectile.data.scene import Scene, UnreadableError
from spectile.data.scene_sample import sample_spectra
from spectile.data.typical import medians_of, times_apart
from spectile.model.model import Model

LOOKED_AT = 4096
"""Pixels, in squares all over a scene, that tell how much of it is unlike training."""
SQUARE = 8
"""Edge of these squares."""
MORE = 0.1
"""By how much the share outside may exceed that of the training scene before it is told."""


def doubts_about(model: Model, scene: Scene) -> str | None:
    """A sentence of warning where a map of `scene` can't be trusted, the first that applies.

    Raises InputError if the scene's bands don't match the model's.
    """
    unlike = None if model.aligned else unlike_training(model, scene)
    return unlike or outside_training(model, scene)


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


def outside_training(model: Model, scene: Scene) -> str | None:
    """A sentence of warning if much more of `scene` is unlike training than of the training scene.

    Seen from a sample of pixels; None where the model doesn't know its training pixels, or nothing
    can be read. Raises InputError if the scene's bands don't match the model's.
    """
    if model.applicability is None:
        return None
    components = sampled_components(model, scene)
    if components is None:
        return None
    outside = model.applicability.outside_share(components)
    usual = model.applicability.outside_in_training
    if outside <= usual + MORE:
        return None
    advice = "" if model.aligned else ", and --align may help where the light differs"
    return (
        f"{outside:.0%} of {scene.source} is unlike the pixels that the model was trained on, and "
        f"{usual:.0%} of its training scene: don't trust the map there. The layer applicability "
        f"shows where{advice}."
    )


def sampled_components(model: Model, scene: Scene) -> NDArray[np.float32] | None:
    """Components (N, components) of pixels with data all over `scene`; None without any."""
    preprocessing = model.for_scene(scene)
    spectra = sample_spectra(model.values_of(scene), preprocessing.bands, LOOKED_AT, edge=SQUARE)
    if not len(spectra):
        return None
    pixels = np.ascontiguousarray(spectra.T)[:, None]
    return preprocessing.reducer.apply(pixels)[:, 0].T
