"""Known scenes: where they are, what their files must be, whose they are, what their classes mean.

A file is taken from the first of its addresses that sends exactly the published bytes. The scenes
of the Grupo de Inteligencia Computacional (UPV/EHU) have a second address, a copy at a fixed
commit, because the group's server refuses many programs. Their SHA-256 sums were computed from
the label files; those of the images stand alike in independent public lists. Scenes whose sums
couldn't be confirmed like that (Botswana, Kennedy Space Center, Pavia Centre) are left out.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectile.data.labels.labels import Labels, labels_from_array, open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.open import open_scene
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.files import not_writable, write_aside

_EHU = "https://www.ehu.eus/ccwintco/uploads/"
_COPY = (
    "https://raw.githubusercontent.com/gokriznastic/HybridSN/"
    "8e9fd37cdcbff5f9717433cddb83f5215f9ec54e/data/"
)


@dataclass(frozen=True)
class RemoteFile:
    """A MATLAB file that can be downloaded."""

    name: str
    variable: str
    """The array in it."""
    sha256: str
    addresses: tuple[str, ...]
    """Tried in this order."""


@dataclass(frozen=True)
class KnownScene:
    """A public scene with labels."""

    name: str
    title: str
    size: tuple[int, int, int]
    """Bands, rows, columns."""
    classes: tuple[str, ...]
    """Names of the label values 1, 2, 3 ..."""
    licence: str
    credit: str
    """Who is to be named where the scene is used."""
    files: tuple[RemoteFile, RemoteFile] | None
    """Image and labels; None if the scene comes with the Python package `tensorly`."""

    def __str__(self) -> str:
        """One line for a list of scenes."""
        bands, rows, columns = self.size
        return (
            f"{self.name:<17} {self.title}; {rows} x {columns} pixels, {bands} bands, "
            f"{len(self.classes)} classes; licence: {self.licence}; credit: {self.credit}"
        )


_INDIAN_PINES = KnownScene(
    name="indian-pines",
    title="Indian Pines: farmland in Indiana, AVIRIS, 1992, 20 m, water absorption bands removed",
    size=(200, 145, 145),
    classes=(
        "Alfalfa",
        "Corn-notill",
        "Corn-mintill",
        "Corn",
        "Grass-pasture",
        "Grass-trees",
        "Grass-pasture-mowed",
        "Hay-windrowed",
        "Oats",
        "Soybean-notill",
        "Soybean-mintill",
        "Soybean-clean",
        "Wheat",
        "Woods",
        "Buildings-Grass-Trees-Drives",
        "Stone-Steel-Towers",
    ),
    licence="CC BY 3.0",
    credit="M. F. Baumgardner, L. L. Biehl, D. A. Landgrebe, Purdue University, "
    "doi:10.4231/R7RX991C",
    files=None,
)

_PAVIA_UNIVERSITY = KnownScene(
    name="pavia-university",
    title="Pavia University: town in Italy, ROSIS-3, 2001, 1.3 m",
    size=(103, 610, 340),
    classes=(
        "Asphalt",
        "Meadows",
        "Gravel",
        "Trees",
        "Painted metal sheets",
        "Bare soil",
        "Bitumen",
        "Self-blocking bricks",
        "Shadows",
    ),
    licence="none stated",
    credit="P. Gamba, University of Pavia; Grupo de Inteligencia Computacional, UPV/EHU",
    files=(
        RemoteFile(
            name="PaviaU.mat",
            variable="paviaU",
            sha256="28447fa87f7a5797845e9a189c0da85e23b1d06a4ba7361e5ff44efbf834d2fb",
            addresses=(_EHU + "e/ee/PaviaU.mat", _COPY + "PaviaU.mat"),
        ),
        RemoteFile(
            name="PaviaU_gt.mat",
            variable="paviaU_gt",
            sha256="23f6a426928f9b32984adffe659e29f554f9fb6c93b5a107528d308d5087a829",
            addresses=(_EHU + "5/50/PaviaU_gt.mat", _COPY + "PaviaU_gt.mat"),
        ),
    ),
)

_SALINAS = KnownScene(
    name="salinas",
    title="Salinas: vegetables and vineyards in California, AVIRIS, 1998, 3.7 m, water absorption "
    "bands removed",
    size=(204, 512, 217),
    classes=(
        "Broccoli green weeds 1",
        "Broccoli green weeds 2",
        "Fallow",
        "Fallow rough plow",
        "Fallow smooth",
        "Stubble",
        "Celery",
        "Grapes untrained",
        "Soil vineyard develop",
        "Corn senesced green weeds",
        "Lettuce romaine 4wk",
        "Lettuce romaine 5wk",
        "Lettuce romaine 6wk",
        "Lettuce romaine 7wk",
        "Vineyard untrained",
        "Vineyard vertical trellis",
    ),
    licence="none stated",
    credit="NASA/JPL AVIRIS; Grupo de Inteligencia Computacional, UPV/EHU",
    files=(
        RemoteFile(
            name="Salinas_corrected.mat",
            variable="salinas_corrected",
            sha256="5ec1c0d22f56d18ecd336f8e35735863c0f160682e04e0c18ef3f89a3334d87d",
            addresses=(_EHU + "a/a3/Salinas_corrected.mat", _COPY + "Salinas_corrected.mat"),
        ),
        RemoteFile(
            name="Salinas_gt.mat",
            variable="salinas_gt",
            sha256="ecfab4d31ef5553f097943235d8ea502038eb4a2067b2ad10b33e37c949955e2",
            addresses=(_EHU + "f/fa/Salinas_gt.mat", _COPY + "Salinas_gt.mat"),
        ),
    ),
)

KNOWN = (_INDIAN_PINES, _PAVIA_UNIVERSITY, _SALINAS)


def known_scene(name: str) -> KnownScene:
    """The scene called `name`; InputError naming all if there is none."""
    for scene in KNOWN:
        if scene.name == name:
            return scene
    names = ", ".join(scene.name for scene in KNOWN)
    raise InputError(f"No scene is known as '{name}': choose one of {names}.")


def open_known(name: str, cache_dir: str | os.PathLike[str] | None = None) -> tuple[Scene, Labels]:
    """A known scene and its labels, downloaded if they aren't in the cache yet."""
    if known_scene(name) is _INDIAN_PINES:
        return indian_pines()
    image, truth = fetch(name, cache_dir)
    scene = open_scene(image)
    return scene, open_labels(truth, like=scene)


def fetch(name: str, cache_dir: str | os.PathLike[str] | None = None) -> tuple[str, str]:
    """Download a known scene unless it is there already, and check its bytes.

    Gives what :func:`open_scene` and :func:`open_labels` take for image and labels
    (``.../PaviaU.mat:paviaU``). Beside the labels lies their legend as CSV. The files go to a
    folder of the scene's name in `cache_dir`, by default the user's cache of this program. Raises
    InputError if no address sends the published file or it can't be written.
    """
    known = known_scene(name)
    if known.files is None:
        raise InputError(
            f"{name} comes with the Python package tensorly and needs no download: "
            "install it with pip install 'spectile[demo]'."
        )
    import pooch

    folder = Path(pooch.os_cache("spectile") if cache_dir is None else cache_dir) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_writable(folder, error) from error
    image, truth = (_retrieve(file, folder) for file in known.files)
    with write_aside(folder / f"{Path(known.files[1].name).stem}.csv") as path:
        rows = [f'{value},"{text}"\n' for value, text in enumerate(known.classes, start=1)]
        path.write_text("value,name\n" + "".join(rows), encoding="utf-8")
    return image, truth


def _retrieve(file: RemoteFile, folder: Path) -> str:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # it tells of every download; the caller may do so
    faults = []
    for address in file.addresses:
        try:
            pooch.retrieve(
                address,
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=folder,
                downloader=pooch.HTTPDownloader(timeout=30),
            )
            return f"{folder / file.name}:{file.variable}"
        except ValueError:
            faults.append(f"what {address} sends isn't the published file (its SHA-256 differs)")
        except OSError as error:  # what requests raises is one, too, but without a number
            if error.errno is not None:
                raise not_writable(folder / file.name, error) from error
            answer = getattr(error, "response", None)
            fault = type(error).__name__ if answer is None else f"status {answer.status_code}"
            faults.append(f"{address} doesn't give it ({fault})")
    raise InputError(
        f"{file.name} can't be downloaded: {'; '.join(faults)}; "
        f"try again later, or put the file into {folder} yourself."
    )


def indian_pines() -> tuple[Scene, Labels]:
    """The Indian Pines scene and its 10,249 labelled pixels, out of the package `tensorly`.

    Raises InputError if that package isn't installed.
    """
    try:
        from tensorly.datasets import load_indian_pines
    except ImportError as error:
        raise InputError(
            "Indian Pines comes with the Python package tensorly, which isn't installed: "
            "install it with pip install 'spectile[demo]'."
        ) from error
    data = load_indian_pines()
    truth, listed = data["ticks"]
    pixels = np.ascontiguousarray(np.moveaxis(np.asarray(data["tensor"]), -1, 0), dtype=np.uint16)
    scene = scene_from_array(
        pixels, wavelengths=_indian_pines_wavelengths(np.asarray(listed)), source="Indian Pines"
    )
    return scene, labels_from_array(truth, names=_INDIAN_PINES.classes, source="Indian Pines")


def _indian_pines_wavelengths(listed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centres of the 200 bands in nanometres, out of the list in `tensorly`.

    That list departs from the sensor's own (92AV3C.spc, in the package `spectral`): three digits
    are mistyped, and it leaves out bands 109 and 164 instead of 150 and 220, which shifts half of
    it by one. The spectra side with the sensor: their minima by carbon dioxide then lie at 2003
    and 2013 nm, where that gas absorbs.
    """
    centres = np.concatenate(
        [listed[:103], [1412.39], listed[103:143], [1943.27], listed[144:199]]
    ).astype(np.float64)
    mistyped = {44: 812.16, 171: 2212.22, 172: 2222.15}
    for band, centre in mistyped.items():
        centres[band] = centre
    return centres
