"""What a task supplies. All else of a run is the same for every task: see spectile.runs.lifecycle.

A new task is a subclass of :class:`Task`, whose `prepare` gives one of :class:`Prepared`, beside
its settings, its learner, its metric and the template of its report.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from spectile.model.build import NetworkSource
from spectile.model.model import Model
from spectile.progress import Progress
from spectile.reports.record import Record
from spectile.scoring.metrics import SUMMARY
from spectile.tasks.config import RunConfig
from spectile.training.fit import Fit

CheckFiles = Callable[[Iterable[str]], None]
"""Called with files that a run reads; raises InputError for one that the run would write over."""


@dataclass(frozen=True)
class Work:
    """Where one repeat writes, and how it goes about it."""

    folder: Path
    resume: bool = False
    """Go on with what a killed run left in the folder."""
    quiet: bool = False
    progress: Progress | None = None


class Timed(Protocol):
    """What a model made of the test side."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """What took how long, as in metrics.json: map, predict."""
        ...


@dataclass(frozen=True)
class Finished:
    """How a repeat went."""

    metrics: Mapping[str, Any]
    """What metrics.json holds."""
    history: Sequence[Mapping[str, Any]]
    """One row an epoch, as in history.csv."""


Config = TypeVar("Config", bound=RunConfig)
Material = TypeVar("Material")
Predicted = TypeVar("Predicted", bound=Timed)
Shown = TypeVar("Shown", bound=Record)


class Prepared(ABC, Generic[Predicted, Shown]):
    """One repeat of a task: its data split and ready, its network still to be fitted."""

    network: NetworkSource | None = None
    """One's own network, which no model file can bring back by itself."""

    def check_resumed(self, work: Work) -> None:
        """Raise InputError unless what a killed run left in the folder is of the same data.

        Called before anything of the run is touched.
        """

    @abstractmethod
    def write_split(self, work: Work) -> None:
        """Write which sample is on which side; InputError unless a resumed run has the same."""

    @abstractmethod
    def fit(self, work: Work) -> tuple[Model, Fit]:
        """Fit the network on the training side; the model has the weights of the best epoch."""

    @abstractmethod
    def predict(self, model: Model, work: Work) -> Predicted:
        """What the model says of the test side, and its files: a map, a table."""

    @abstractmethod
    def score(self, predicted: Predicted) -> dict[str, Any]:
        """What metrics.json says of the test side, and of its overlap with the training side."""

    @abstractmethod
    def record(self, predicted: Predicted, finished: Finished) -> Shown:
        """What the report shows of this repeat."""


class Task(ABC, Generic[Config, Material, Shown]):
    """Something that networks are trained for, from files (or what is in memory) to a report."""

    config: ClassVar[type[RunConfig]]
    """The settings of its runs."""
    scores: ClassVar[tuple[str, ...]] = SUMMARY
    """The numbers in metrics.json that sum up a run; repeats have their mean and deviation."""

    @abstractmethod
    def check(self, config: Config) -> None:
        """Raise InputError for settings that no data could make right."""

    @abstractmethod
    def open(self, config: Config, check_files: CheckFiles, progress: Progress | None) -> Material:
        """All data of a run, checked as far as can be before anything is written."""

    @abstractmethod
    def prepare(self, material: Material, config: Config) -> Prepared[Any, Shown]:
        """One repeat, whose chance follows from `config.seed`."""

    @abstractmethod
    def report(self, path: Path, record: Shown) -> None:
        """Write the report of a run."""

    @abstractmethod
    def outputs(self, config: Config) -> tuple[str, ...]:
        """The files that each repeat writes besides those of every task."""
