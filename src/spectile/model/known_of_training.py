"""What a model file tells of the pixels and the scene that its model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat
from torch import Tensor

from spectile.data.scene_sample import BandStatistics
from spectile.errors import InputError
from spectile.model.applicability import Applicability

SPECTRA, DIRECTIONS = "applicability.spectra", "applicability.directions"
"""Tensors beside the network's weights."""


class ApplicabilityInFile(BaseModel):
    """What of an :class:`~spectile.model.applicability.Applicability` are no tensors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    mean_distance: float = Field(gt=0)
    threshold: float = Field(ge=0)
    outside_in_training: float = Field(ge=0, le=1)

    @classmethod
    def of(cls, known: Applicability | None) -> Self | None:
        """The numbers of `known`, if anything is."""
        if known is None:
            return None
        return cls(**{name: getattr(known, name) for name in cls.model_fields})

    def read(self, path: str | Path, tensors: Mapping[str, Tensor], bands: int) -> Applicability:
        """These with their tensors; InputError unless those are of `bands` components."""
        spectra, directions = tensors.get(SPECTRA), tensors.get(DIRECTIONS)
        if (
            spectra is None
            or directions is None
            or not (spectra.ndim == directions.ndim == 2)
            or not (spectra.shape[1] == directions.shape[0] == bands)
            or not (len(spectra) and spectra.isfinite().all() and directions.isfinite().all())
        ):
            raise InputError(
                f"{path} tells of training pixels that it doesn't hold: it is damaged or was "
                "changed by hand; copy or train it anew."
            )
        arrays = (spectra.float().numpy(), directions.float().numpy())
        return Applicability(*arrays, **self.model_dump())


class StatisticsInFile(BaseModel):
    """A :class:`~spectile.data.scene_sample.BandStatistics`, in the order of the model's bands."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    means: tuple[float, ...]
    deviations: tuple[NonNegativeFloat, ...]

    @classmethod
    def of(cls, known: BandStatistics | None) -> Self | None:
        """The numbers of `known`, if anything is."""
        if known is None:
            return None
        return cls(means=tuple(known.means.tolist()), deviations=tuple(known.deviations.tolist()))

    def read(self) -> BandStatistics:
        """These as arrays."""
        return BandStatistics(np.array(self.means), np.array(self.deviations))


def tensors_of(known: Applicability | None) -> dict[str, Tensor]:
    """What stands beside the weights."""
    if known is None:
        return {}
    return {
        SPECTRA: torch.from_numpy(np.ascontiguousarray(known.spectra)),
        DIRECTIONS: torch.from_numpy(np.ascontiguousarray(known.directions)),
    }
