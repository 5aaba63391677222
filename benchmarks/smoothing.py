"""An edge-preserving filter on a class map: a window for classifiers of single spectra.

He, Sun and Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013, in colour. On the map of an SVM,
a class at a time, 1 where the map has it and 0 elsewhere: Kang, Li and Benediktsson,
"Spectral-spatial hyperspectral image classification with edge-preserving filtering", IEEE TGRS
52(5), 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from sklearn.decomposition import PCA

RADIUS, REGULARISATION, GUIDES = 6, 0.1, 3


def window_of(radius: int) -> int:
    """Edge of the square that decides on a pixel: means of means, each of 2 radius + 1 pixels."""
    return 4 * radius + 1


def smoothed(classes: NDArray[np.int64], guide: NDArray[np.float64]) -> NDArray[np.int64]:
    """A class map (H, W) in which each pixel has the class that is most frequent around it.

    Pixels count that look alike in the guide (G, H, W), see :func:`guide_of`.
    """
    values = np.unique(classes)
    maps = (classes == values[:, None, None]).astype(np.float64)
    found: NDArray[np.int64] = values[guided_filter(guide, maps, RADIUS, REGULARISATION).argmax(0)]
    return found


def guided_filter(
    guide: NDArray[np.float64], maps: NDArray[np.float64], radius: int, epsilon: float
) -> NDArray[np.float64]:
    """Maps (K, H, W) smoothed where the guide (G, H, W) is smooth."""
    edge = 2 * radius + 1

    def mean(images: NDArray[np.float64]) -> NDArray[np.float64]:
        smoothed: NDArray[np.float64] = uniform_filter(images, (0, edge, edge), mode="reflect")
        return smoothed

    guides = len(guide)
    mean_guide, mean_maps = mean(guide), mean(maps)
    products = (guide[:, None] * guide[None]).reshape(guides**2, *guide.shape[1:])
    covariance = mean(products).reshape(guides, guides, *guide.shape[1:])
    covariance = covariance - mean_guide[:, None] * mean_guide[None]
    matrix = np.moveaxis(covariance, (0, 1), (2, 3)) + epsilon * np.eye(guides)
    found = np.empty_like(maps)
    for index, one in enumerate(maps):
        joint = mean(guide * one) - mean_guide * mean_maps[index]
        slope = np.linalg.solve(matrix, np.moveaxis(joint, 0, 2)[..., None])[..., 0]
        slope = np.moveaxis(slope, 2, 0)
        offset = mean_maps[index] - (slope * mean_guide).sum(0)
        found[index] = (mean(slope) * guide).sum(0) + mean(offset[None])[0]
    return found


def guide_of(
    pixels: NDArray[np.float64], seen: NDArray[np.bool_], count: int = GUIDES
) -> NDArray[np.float64]:
    """The first components (count, H, W) of pixels (bands, H, W), each of unit variance.

    They are fitted on the pixels `seen` (H, W).
    """
    bands, height, width = pixels.shape
    reducer = PCA(min(count, bands), whiten=True, svd_solver="full").fit(pixels[:, seen].T)
    components = reducer.transform(pixels.reshape(bands, -1).T)
    guide: NDArray[np.float64] = components.T.reshape(-1, height, width)
    return guide
