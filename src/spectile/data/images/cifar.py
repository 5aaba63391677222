"""CIFAR-10 in its own formats: binary batches and Python batches.

Krizhevsky, "Learning multiple layers of features from tiny images", 2009: 60,000 images of 32 x 32
pixels in 10 classes; a record is a label and 1024 red, 1024 green and 1024 blue bytes.
"""

from __future__ import annotations

import codecs
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectile.compat.numpy import make_pickled_array
from spectile.data.images.listing import Listing
from spectile.data.images.sources import ImageArrays, array_fingerprints
from spectile.data.splits.splits import TEST, TRAIN
from spectile.errors import InputError

BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5")
TEST_BATCH = "test_batch"
FOLDERS = ("cifar-10-batches-bin", "cifar-10-batches-py")
EDGE, PIXELS = 32, 3 * 32 * 32

NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
"""Where the file that names the classes is missing."""


def find_cifar(folder: Path) -> Path | None:
    """The folder of the batches: `folder` itself or the one it was unpacked to, else None."""
    for candidate in (folder, *(folder / name for name in FOLDERS)):
        if any((candidate / f"{BATCHES[0]}{suffix}").is_file() for suffix in ("", ".bin")):
            return candidate
    return None


def list_cifar(folder: Path) -> Listing:
    """The images of a folder with CIFAR-10's batches; the test batch is the test side.

    Raises InputError for files that hold something else.
    """
    suffix = ".bin" if (folder / f"{BATCHES[0]}.bin").is_file() else ""
    read = _binary_batch if suffix else _python_batch
    pixels: list[NDArray[np.uint8]] = []
    labels: list[NDArray[np.int64]] = []
    names: list[str] = []
    sides: list[NDArray[np.uint8]] = []
    missing: list[str] = []
    for batch in (*BATCHES, TEST_BATCH):
        path = folder / f"{batch}{suffix}"
        if not path.is_file():
            missing.append(path.name)
            continue
        images, classes = read(path)
        pixels.append(images.reshape(-1, 3, EDGE, EDGE))
        labels.append(classes)
        names.extend(f"{path.name} #{number}" for number in range(1, len(images) + 1))
        sides.append(np.full(len(images), TEST if batch == TEST_BATCH else TRAIN, np.uint8))
    everything = np.concatenate(pixels)
    classes = np.concatenate(labels)
    class_names = _class_names(folder, suffix)
    return Listing(
        str(folder),
        ImageArrays(everything, tuple(names)),
        [class_names[index] for index in classes],
        tuple(class_names[index] for index in np.unique(classes)),
        np.concatenate(sides),
        array_fingerprints(everything),
        (f"Of CIFAR-10's batches these are missing: {', '.join(missing)}.",) if missing else (),
    )


def _binary_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content = np.fromfile(path, np.uint8)
    if not content.size or content.size % (PIXELS + 1):
        raise InputError(
            f"{path} is no batch of CIFAR-10 ({content.size:,} bytes are no multiple of "
            f"{PIXELS + 1:,}): fetch it again."
        )
    records = content.reshape(-1, PIXELS + 1)
    return records[:, 1:], _checked(path, records[:, 0].astype(np.int64))


def _python_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    batch = _unpickled(path)
    pixels, labels = (_entry(batch, key) for key in ("data", "labels"))
    shape = np.shape(pixels)
    if (
        not isinstance(pixels, np.ndarray)
        or pixels.dtype != np.uint8
        or shape != (len(pixels), PIXELS)
        or not isinstance(labels, list)
        or len(labels) != len(pixels)
        or not all(type(label) is int for label in labels)
    ):
        raise InputError(
            f"{path} is no batch of CIFAR-10: its data and labels have other shapes; "
            "fetch it again."
        )
    return pixels, _checked(path, np.array(labels, dtype=np.int64))


def _checked(path: Path, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    if not labels.size:
        raise InputError(f"{path} holds no image: fetch it again.")
    if labels.min() < 0 or labels.max() >= len(NAMES):
        strange = labels[(labels < 0) | (labels >= len(NAMES))][0]
        raise InputError(
            f"{path} is no batch of CIFAR-10: it holds the class {strange}, and classes are 0 to "
            f"{len(NAMES) - 1}."
        )
    return labels


def _class_names(folder: Path, suffix: str) -> tuple[str, ...]:
    path = folder / ("batches.meta.txt" if suffix else "batches.meta")
    if not path.is_file():
        return NAMES
    if suffix:
        names = path.read_text(encoding="utf-8", errors="replace").split()
    else:
        found = _entry(_unpickled(path), "label_names")
        names = [n.decode(errors="replace") if isinstance(n, bytes) else n for n in found or ()]
    if len(names) != len(NAMES) or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{path} doesn't name the {len(NAMES)} classes of CIFAR-10: fetch it again."
        )
    return tuple(names)


def _entry(batch: Any, key: str) -> Any:
    """The value of a key that Python 2 wrote as bytes and Python 3 as text."""
    return batch.get(key.encode(), batch.get(key)) if isinstance(batch, dict) else None


def _unpickled(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return _ArraysOnly(file, encoding="bytes").load()
    except _ForeignNameError as error:
        raise InputError(
            f"{path} is no batch of CIFAR-10 but a pickle that asks for {error}, which may be an "
            "attack: don't use it."
        ) from error
    except Exception as error:  # a pickle raises whatever its bytes lead to
        raise InputError(
            f"{path} is no Python batch of CIFAR-10, or is damaged: fetch it again."
        ) from error


class _ForeignNameError(Exception):
    """A pickle names something that no array needs."""


class _FromBuffer:
    """NumPy's way to make an array of a pickle's bytes, as an object that nothing can be set on."""

    __slots__ = ()

    def __call__(
        self, buffer: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: str
    ) -> NDArray[Any]:
        array: NDArray[Any] = np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)  # type: ignore[call-overload]
        return array


class _ArraysOnly(pickle.Unpickler):
    """Reads NumPy arrays and plain values; a pickle that names anything else is refused.

    A pickle is a program, and what it may call is what `find_class` hands out.
    """

    def find_class(self, module: str, name: str) -> Any:
        """What makes a NumPy array, and nothing else."""
        home = module.replace("numpy._core.", "numpy.core.")
        match (home, name):
            case ("numpy", "ndarray"):
                return np.ndarray
            case ("numpy", "dtype"):
                return np.dtype
            case ("numpy.core.multiarray", "_reconstruct"):
                return make_pickled_array
            case ("numpy.core.numeric", "_frombuffer"):
                return _FromBuffer()
            case ("_codecs", "encode"):
                return codecs.encode
        raise _ForeignNameError(f"{module}.{name}")
