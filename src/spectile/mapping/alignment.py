"""A model brought to the light of another scene."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from spectile.data.preprocessing.components import Preprocessing
from spectile.data.scene import Scene
from spectile.data.scene_sample import band_statistics
from spectile.errors import InputError
from spectile.model.model import Model

HOLDS = (
    "each band of the whole scene was brought to the training scene's mean and deviation, which "
    "holds only where both have about the same mix of classes"
)
"""What a user should know of an aligned map."""

AnyModel = TypeVar("AnyModel", bound=Model)


def aligned(model: AnyModel, scene: Scene) -> AnyModel:
    """`model` made ready for `scene`, as if that had the light of the training scene.

    Each band that the model uses gets the mean and the deviation that it has over the training
    scene: pixel * a + b, with a and b of its own. Light, haze and a sensor's gain change a band in
    that way, and so does another mix of classes, which must be alike. The statistics are of the
    whole scene, whatever part of it is mapped; see
    :class:`~spectile.data.scene_sample.BandStatistics`. What is done to a band becomes part of the
    reducer, and mapping costs nothing more. A band that is constant, here or in training,
    is only shifted.

    Raises InputError for a model that doesn't know its training scene's statistics, for bands that
    don't match the model's, and for a scene without data.
    """
    there = model.scene_statistics
    if there is None:
        raise InputError(
            "the model doesn't know its training scene's light: models that `spectile train scene` "
            "writes do, so train it anew, or map without --align."
        )
    preprocessing = model.for_scene(scene)
    here = band_statistics(model.values_of(scene), preprocessing.bands)
    if here is None:
        raise InputError(
            f"{scene.source} holds no data that it could be aligned by: map it without --align."
        )
    told = (here.deviations > 0) & (there.deviations > 0)
    gain = np.divide(there.deviations, here.deviations, out=np.ones(len(told)), where=told)
    offset = there.means - gain * here.means
    used = model.preprocessing
    folded = used.reducer.after(gain, offset)
    return replace(
        model,
        preprocessing=Preprocessing(used.bands, folded, used.padding),
        scene_statistics=here,
        aligned=True,
    )
