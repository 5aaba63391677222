"""Made-up scenes of any size: fields of a few crops under an imperfect sensor."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import gaussian_filter1d, map_coordinates
from scipy.spatial import KDTree

_FIELD = 24.0
"""Pixels along the side of a middling field."""
_PATCH = 8
"""Pixels over which the correlated part of the noise keeps its sign."""
_DRIFTS = 3
"""Spectral shapes that the correlated noise is made of: moisture, illumination, haze."""
_REFLECTANCE = 10_000
"""Counts of a file's int16 for a reflectance of 1, as surface reflectance products have it."""
_BYTES_AT_ONCE = 16 << 20


def simulate(
    height: int, width: int, bands: int, classes: int, *, seed: int, noise: float = 0.02
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """A made-up scene: reflectances (bands, height, width) and labels 1 to `classes`.

    Fields (Voronoi cells) of one class each, whose smooth spectrum varies from field to field and
    along slow drifts; `noise` is the standard deviation of the drifts, and of the white noise of
    each pixel and band, in reflectance. The same arguments give the same numbers.
    """
    return _landscape(height, width, bands, classes, seed, noise).rows(0, height)


def simulate_file(
    path: str | os.PathLike[str],
    height: int,
    width: int,
    bands: int,
    classes: int,
    *,
    seed: int,
    noise: float = 0.02,
) -> NDArray[np.int32]:
    """Write what :func:`simulate` makes, as int16 reflectance x 10,000, and give the labels.

    A GeoTIFF where the name ends in .tif, else an ENVI scene in line order, with wavelengths from
    400 to 2500 nm. Written strip by strip: memory stays under some 500 MB.
    """
    landscape = _landscape(height, width, bands, classes, seed, noise)
    labels = np.empty((height, width), dtype=np.int32)
    step = max(1, _BYTES_AT_ONCE // (4 * width * bands))
    if Path(path).suffix.lower() in (".tif", ".tiff"):
        form = {"driver": "GTiff", "interleave": "pixel", "blockysize": 1, "bigtiff": "if_safer"}
    else:
        form = {"driver": "ENVI", "interleave": "bil"}
    with rasterio.open(
        path,
        "w",
        height=height,
        width=width,
        count=bands,
        dtype="int16",
        crs="EPSG:32633",
        transform=rasterio.Affine(30, 0, 366_000, 0, -30, 5_810_000),
        **form,
    ) as file:
        centres = ", ".join(f"{centre:.3f}" for centre in np.linspace(400, 2500, bands))
        # GDAL writes this domain into an ENVI header, and keeps it in a GeoTIFF.
        file.update_tags(ns="ENVI", wavelength=f"{{{centres}}}", wavelength_units="Nanometers")
        for row in range(0, height, step):
            end = min(row + step, height)
            cube, labels[row:end] = landscape.rows(row, end)
            counts = (cube * _REFLECTANCE).round().clip(0, 32_767).astype(np.int16)
            file.write(counts, window=Window(0, row, width, end - row))
    return labels


@dataclass(frozen=True, eq=False)
class _Landscape:
    """What a scene is made of, small whatever its size; its rows come out on demand."""

    width: int
    seed: int
    noise: float
    centres: KDTree
    """Row and column of each field's centre."""
    crops: NDArray[np.int32]
    """Class of each field, from 1."""
    brightness: NDArray[np.float32]
    """Factor of each field."""
    spectra: NDArray[np.float32]
    """(classes, bands)."""
    weather: NDArray[np.float32]
    """Coarse grid of the drifts, (drifts, rows, columns)."""
    drifts: NDArray[np.float32]
    """(drifts, bands)."""

    def rows(self, start: int, end: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Pixels (bands, end - start, width) and labels of the rows from `start` to `end`.

        The same pixels, whichever rows are asked for together.
        """
        lines, columns = np.mgrid[start:end, 0 : self.width]
        places = np.stack([lines.ravel(), columns.ravel()], axis=1)
        _, field = self.centres.query(places)
        crop = self.crops[field]
        cube = self.brightness[field] * self.spectra.T[:, crop - 1]
        strength = np.stack(
            [map_coordinates(grid, places.T / _PATCH, order=1) for grid in self.weather]
        )
        cube += self.drifts.T @ strength
        cube = cube.reshape(-1, end - start, self.width)
        for line in range(start, end):
            grain = np.random.default_rng([self.seed, line])
            white = grain.standard_normal(cube[:, 0].shape, dtype=np.float32)
            cube[:, line - start] += np.float32(self.noise) * white
        return cube, crop.reshape(end - start, self.width)


def _landscape(
    height: int, width: int, bands: int, classes: int, seed: int, noise: float
) -> _Landscape:
    # Apart from the seeds [seed, line] of the lines' white noise.
    random = np.random.default_rng([seed, height, width, bands])
    fields = max(4 * classes, round(height * width / _FIELD**2))
    crops = random.permutation(np.arange(fields, dtype=np.int32) % classes + 1)
    grid = (_DRIFTS, height // _PATCH + 2, width // _PATCH + 2)
    drifts = _smooth_curves(_DRIFTS, bands, random) * noise / np.sqrt(_DRIFTS)
    return _Landscape(
        width=width,
        seed=seed,
        noise=noise,
        centres=KDTree(random.uniform((0, 0), (height, width), (fields, 2))),
        crops=crops,
        brightness=random.normal(1, 0.05, fields).astype(np.float32),
        spectra=(0.35 + 0.07 * _smooth_curves(classes, bands, random)).astype(np.float32),
        weather=random.standard_normal(grid, dtype=np.float32),
        drifts=drifts.astype(np.float32),
    )


def _smooth_curves(count: int, bands: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Curves (count, bands) around 0 with a standard deviation near 1."""
    margin = bands // 2
    rough = random.standard_normal((count, bands + 2 * margin))
    smooth = gaussian_filter1d(rough, max(bands / 12, 0.5), axis=1)[:, margin : margin + bands]
    curves: NDArray[np.float64] = smooth / np.sqrt((smooth**2).mean())
    return curves
