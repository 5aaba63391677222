"""The rows of the honest table: published networks, recipes of this project, plain classifiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from baselines import Baseline
from published_networks import NETWORKS, Published
from smoothing import WINDOW


@dataclass(frozen=True)
class Own:
    """A recipe of this project."""

    recipe: str
    settings: dict[str, Any] = field(default_factory=dict)
    window: int = 25
    epochs: int | None = None
    """As published, to be bounded; None for a recipe that is bounded by itself."""
    batch: int = 256
    keeps: Literal["last", "best"] = "last"

    def small(self, quick: bool) -> dict[str, Any]:
        """What the simulated scene changes."""
        if not quick:
            return {}
        window = min(self.window, 9)
        return {"window": window, "components": 8, "epochs": 2, "self_training": 0}


@dataclass(frozen=True)
class Plain:
    """A classifier of single spectra, their map smoothed or not."""

    kind: Baseline
    smoothed: bool = False

    @property
    def window(self) -> int:
        return WINDOW if self.smoothed else 1


@dataclass(frozen=True)
class Method:
    """A row."""

    name: str
    title: str
    how: Published | Own | Plain

    @property
    def window(self) -> int:
        return self.how.window

    @property
    def project(self) -> str:
        return self.how.project if isinstance(self.how, Published) else "this project"

    def there(self, folder: Path) -> bool:
        place = self.how.place(folder) if isinstance(self.how, Published) else None
        return not isinstance(self.how, Published) or (place is not None and place.exists())


METHODS = (
    Method("svm", "SVM, RBF kernel, one pixel's spectrum", Plain("svm")),
    Method("svm-smoothed", "the same SVM, its map smoothed by a guided filter", Plain("svm", True)),
    Method("forest", "random forest, one pixel's spectrum", Plain("forest")),
    *(Method(network.name, network.paper, network) for network in NETWORKS),
    Method(
        "hybridsn",
        "HybridSN, Roy et al. 2020 (the recipe paper)",
        Own("paper", {"network": "hybridsn"}, epochs=100),
    ),
    Method("hybridsn-se", "HybridSN with squeeze-and-excitation", Own("paper", epochs=100)),
    Method("best", "this project's recipe best", Own("best", window=9, keeps="best")),
)


def guard_window() -> int:
    """The largest window of the table: blocks keep training and test apart by it."""
    return max(method.window for method in METHODS)
