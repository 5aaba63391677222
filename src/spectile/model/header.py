"""The description in a model file's metadata, and how both are read without trusting them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, PositiveFloat, model_validator
from safetensors import SafetensorError, safe_open

from spectile.choices import Padding, ReducerName
from spectile.data.preprocessing.guide import CHANNELS, Guide
from spectile.data.preprocessing.reducers import Reducer
from spectile.errors import InputError
from spectile.model.known_of_training import ApplicabilityInFile, StatisticsInFile
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import PixelTask, TaskInFile, task_class
from spectile.ranges import SmoothRadius

FORMAT: Literal[2] = 2
"""Raised when a file of another program version could be misread.

1 kept the window, the edge of images and the masks' numbers of all tasks side by side.
"""

METADATA_KEY = "spectile"


class SmoothingNumbers(BaseModel):
    """What a model file says of smoothing; its guide's affine map stands among the tensors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    radius: SmoothRadius
    epsilon: PositiveFloat


class Header(BaseModel):
    """The JSON document in a model file's metadata."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    format: Literal[2]
    task: TaskInFile
    network: str
    own_network: bool = False
    """Whether the network isn't the catalogue's, and has to be given to load the file."""
    options: dict[str, Any]
    fingerprint: str | None = None
    """Of the names, shapes and types of the weights; None in files of format 1."""
    answers: list[list[float]] | None = None
    """What a network of one's own says of two images; None where nobody asked it."""
    padding: Padding
    reducer: ReducerName
    scene_bands: int
    bands: tuple[int, ...]
    wavelengths: tuple[float, ...] | None
    physical: bool = False
    """Fitted on what the scene's numbers stand for; files without a word on it, on the numbers."""
    medians: tuple[float, ...] | None = None
    """Of each band in training, in the order of `bands`."""
    smoothing: SmoothingNumbers | None = None
    """None for other tasks than windows of a scene, and in files from before there was any."""
    applicability: ApplicabilityInFile | None = None
    """Of the training pixels; its spectra are tensors of the file."""
    scene_statistics: StatisticsInFile | None = None
    """Of the whole training scene."""
    temperature: PositiveFloat = 1.0
    """Of the probabilities; files without a word on it have them as the network gives them."""
    legend: list[dict[str, Any]]
    provenance: dict[str, Any]

    @model_validator(mode="before")
    @classmethod
    def _from_format_1(cls, document: Any) -> Any:
        if isinstance(document, dict) and document.get("format") == 1:
            return _upgraded(document)
        return document

    @model_validator(mode="after")
    def _names_each_class(self) -> Self:
        values = self.task.mask_values if isinstance(self.task, PixelTask) else None
        if values is not None and len(values) != len(self.legend):
            raise ValueError("a mask has one number for each class of the legend")
        return self


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """A description of format 1 as one of format 2."""
    kept = dict(document)
    name, window = kept.pop("task", "scene"), kept.pop("window", None)
    edge, values = kept.pop("image_edge", None), kept.pop("mask_values", None)
    if edge is not None and name != "classify":
        raise ValueError("only whole images have an edge")
    if values is not None and name != "segment":
        raise ValueError("only masks have numbers")
    of_task = {
        "scene": {"window": window},
        "classify": {"edge": edge},
        "segment": {"crop": window, "mask_values": values},
    }
    return {**kept, "format": FORMAT, "task": {"name": name, **of_task.get(name, {})}}


def is_model_file(path: Path) -> bool:
    """Whether a file begins as a model file does, whole or cut short."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        start = file.read(min(size, 2**24))
    # The tensors' places may come first, and are long.
    return start.startswith(b"{") and f'"{METADATA_KEY}":'.encode() in start


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], Header]:
    """All tensors of a model file, and its description; raises InputError if it is none."""
    if not path.is_file():
        raise InputError(f"There is no model file {path}: give the model.safetensors of a run.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copied: what comes is views of the file, at any byte, and where numbers lie decides
            # which kernel some processors take, and so on the last digits.
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError, AttributeError) as error:
        raise InputError(
            f"{path} can't be read as a model file ({error}): it is cut short or something else; "
            "copy or train it anew."
        ) from error
    if METADATA_KEY not in metadata:
        raise InputError(
            f"{path} is a safetensors file, but not one that Spectile wrote: "
            "give the model.safetensors of a run."
        )
    try:
        document = json.loads(metadata[METADATA_KEY])
        found = document.get("format") if isinstance(document, dict) else None
        if isinstance(found, int) and found > FORMAT:
            raise InputError(
                f"{path} was written by a newer Spectile (format {found}, this one reads "
                f"{FORMAT}): update Spectile."
            )
        task = document.get("task") if isinstance(document, dict) else None
        name = task.get("name") if isinstance(task, dict) else None
        if isinstance(name, str) and task_class(name) is None:
            raise InputError(
                f"{path} is of a model for the task {name!r}, which is unknown here: "
                "install the package that it comes from."
            )
        return tensors, Header.model_validate(document)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} has a description that Spectile doesn't understand: "
            "it was changed by hand or damaged; copy or train it anew."
        ) from error


def read_reducer(path: str | Path, header: Header, tensors: Mapping[str, torch.Tensor]) -> Reducer:
    """The reducer among the tensors; raises InputError unless it fits the description."""
    mean, matrix = tensors.get("reducer.mean"), tensors.get("reducer.matrix")
    darkest, offset = tensors.get("reducer.darkest"), tensors.get("reducer.offset")
    of_bands = [header.wavelengths, header.medians]
    if header.scene_statistics is not None:
        of_bands += [header.scene_statistics.means, header.scene_statistics.deviations]
    fits = (
        mean is not None
        and matrix is not None
        and matrix.ndim == 2
        and mean.shape == matrix.shape[:1] == (len(header.bands),)
        and (darkest is None or (darkest.shape == mean.shape and bool((darkest > 0).all())))
        and (offset is None or (darkest is not None and offset.shape == mean.shape))
        and all(told is None or len(told) == len(header.bands) for told in of_bands)
        and all(0 <= band < header.scene_bands for band in header.bands)
    )
    if not fits or mean is None or matrix is None:
        raise InputError(
            f"{path} describes {len(header.bands)} bands, but its reducer is for others: "
            "it is damaged or was changed by hand; copy or train it anew."
        )
    return Reducer(
        header.reducer,
        mean.double().numpy(),
        matrix.double().numpy(),
        None if darkest is None else darkest.double().numpy(),
        None if offset is None else offset.double().numpy(),
    )


def read_smoothing(
    path: str | Path, header: Header, tensors: Mapping[str, torch.Tensor], components: int
) -> Smoothing | None:
    """The smoothing of a model; raises InputError unless its guide is one of these components."""
    told = header.smoothing
    if told is None:
        return None
    matrix, offset = tensors.get("guide.matrix"), tensors.get("guide.offset")
    if (
        matrix is None
        or offset is None
        or matrix.ndim != 2
        or matrix.shape[0] != components
        or not 1 <= matrix.shape[1] <= CHANNELS
        or offset.shape != matrix.shape[1:]
        or not (matrix.isfinite().all() and offset.isfinite().all())
    ):
        raise InputError(
            f"{path} describes smoothing, but lacks the guide for {components} components: "
            "it is damaged or was changed by hand; copy or train it anew."
        )
    guide = Guide(matrix.double().numpy(), offset.double().numpy())
    return Smoothing(guide, told.radius, told.epsilon)
