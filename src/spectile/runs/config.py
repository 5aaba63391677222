"""The configuration of a run: what config.yaml holds, enough to run it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from spectile.errors import InputError
from spectile.files import write_aside
from spectile.learning.recipes import Recipe
from spectile.scenes.components import Padding


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitConfig(_Section):
    """How labelled pixels are told apart into training, validation and test."""

    kind: Literal["blocks", "random", "file"] = "blocks"
    train: float | None = None
    """Share of the labelled pixels (random: of each class) on the training side."""
    validation: float = 0.1
    """Share of the training side that chooses the checkpoint."""
    guard: int | None = None
    """Pixels kept free between training and test; None: so many that no windows overlap."""
    block: int | None = None
    """Edge of a block in pixels; None: searched."""
    files: tuple[str, ...] = ()
    """One raster of 0 to 3, or one of training and one of test labels."""


class HardwareConfig(_Section):
    """Where to compute; the words are Lightning's."""

    accelerator: str = "auto"
    devices: int = Field(1, ge=1)
    precision: str = "auto"
    threads: int | None = None
    """CPU threads; None: as many as PyTorch chooses."""


class MapConfig(_Section):
    """How the scene is mapped."""

    method: Literal["dense", "patches"] = "dense"
    memory: float = Field(1.0, gt=0)
    """GB that one part of the scene may take."""
    probabilities: bool = False
    entropy: bool = False


class SceneConfig(_Section):
    """One run of `spectile train scene`."""

    scene: str
    """A path, or the name of a known scene."""
    labels: str | None = None
    """A path; a known scene has its own."""
    bands_last: bool = True
    """Axis of the bands in .npy and .mat arrays."""
    column: str | None = None
    """The class column of vector labels."""
    legend: str | None = None
    """A CSV of value, name, color."""
    bands: str | None = None
    """Bands to use, counted from 1, as in 1-103,109-149; None: all that are good."""
    fit_on: Literal["train", "scene"] = "train"
    """Pixels that the reducer is fitted on; "scene" leaks, as in the literature."""
    padding: Padding = "reflect"
    recipe: Recipe = Recipe()
    split: SplitConfig = SplitConfig()
    hardware: HardwareConfig = HardwareConfig()
    map: MapConfig = MapConfig()
    seed: int = Field(0, ge=0, le=2**31)
    repeats: int = Field(1, ge=1)

    def write(self, path: Path) -> None:
        """Write config.yaml."""
        with write_aside(path) as aside:
            aside.write_text(yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, nested as in config.yaml."""
        return self.model_dump(mode="json")


def read_config(path: str | Path) -> SceneConfig:
    """Read a config.yaml; raises InputError that names the first wrong entry."""
    try:
        document = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} can't be read as a configuration ({error}): give the config.yaml of a run."
        ) from error
    return parse_config(document, str(path))


def parse_config(document: Any, source: str) -> SceneConfig:
    """Check plain values; `source` is named in the InputError for a wrong one."""
    try:
        return SceneConfig.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise InputError(f"{source}: {place}: {first['msg']}; correct it and try again.") from error
