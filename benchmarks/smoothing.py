"""An edge-preserving filter on a class map: a window for classifiers of single spectra.

The package's guided filter on the map of an SVM, a class at a time, 1 where the map has it and 0
elsewhere: Kang, Li and Benediktsson, "Spectral-spatial hyperspectral image classification with
edge-preserving filtering", IEEE TGRS 52(5), 2014.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from spectile.data.preprocessing.guide import fit_guide
from spectile.data.splits.overlap import honest_window
from spectile.mapping.smoothing.guided_filter import guided_filter
from spectile.model.smoothing import EPSILON

RADIUS = 6
WINDOW = honest_window(1, RADIUS)
"""Edge of the square that decides on a pixel."""


def smoothed(classes: NDArray[np.int64], guide: NDArray[np.float64]) -> NDArray[np.int64]:
    """A class map (H, W) in which each pixel has the class that is most frequent around it.

    Pixels count that look alike in the guide (G, H, W), see :func:`guide_of`.
    """
    values = np.unique(classes)
    maps = torch.from_numpy((classes == values[:, None, None]).astype(np.float64))
    everywhere = torch.ones(classes.shape, dtype=torch.bool)
    frequent = guided_filter(
        maps, torch.from_numpy(guide), everywhere, radius=RADIUS, epsilon=EPSILON
    )
    found: NDArray[np.int64] = values[frequent.numpy().argmax(0)]
    return found


def guide_of(pixels: NDArray[np.float64], seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The guide (G, H, W) of pixels (bands, H, W), fitted on the pixels `seen` (H, W)."""
    spectra = pixels[:, seen].T
    return fit_guide(spectra, spectra).of(pixels)
