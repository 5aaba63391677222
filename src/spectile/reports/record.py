"""A run as its report shows it, whatever its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spectile.data.labels.legend import Legend


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run; each task adds its pictures."""

    title: str
    """What sets the run apart from its neighbours in the report, "Blocks" for example."""
    config: Mapping[str, Any]
    """The resolved configuration, nested as in config.yaml."""
    metrics: Mapping[str, Any]
    """What metrics.json holds."""
    history: Sequence[Mapping[str, Any]]
    """One row an epoch, as in history.csv."""
    legend: Legend
    extra_notes: Sequence[str] = ()
    """Sentences that a reader of the scores should know: dropped bands, for example."""
    heading: str = ""
    """What the run was on: the name of a scene or a folder."""
