"""A window network as a scikit-learn estimator: for cubes, and for labelled pixels of a scene."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from spectile.api.model import Model
from spectile.api.training import loss_name, network_name
from spectile.data.labels.as_labels import as_labels
from spectile.data.labels.labels import Labels
from spectile.data.readers.as_scene import as_scene
from spectile.data.scene import Scene
from spectile.data.splits.cross_validation import checked_places, on_raster
from spectile.data.splits.overlap import honest_window
from spectile.data.splits.splits import split_without_test
from spectile.errors import InputError
from spectile.networks.window_network import WindowNetwork
from spectile.tasks.base import Work
from spectile.tasks.scene.network import own_network, tried
from spectile.tasks.scene.preparation import prepare, usable
from spectile.tasks.scene.repeat import PreparedScene
from spectile.tasks.scene.task import SceneTask
from spectile.tasks.settings import settings_from
from spectile.tasks.starting_recipe import RecipeSource
from spectile.training.own_loss import Loss

OWN = ("recipe", "network", "loss", "scene", "seed")
"""Arguments of an estimator that aren't settings of the run alone."""


class SceneClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # has no types
    """Classify a scene's pixels by the windows around them, with scikit-learn's manners.

    X is a cube (a NumPy array of rows, columns and bands, an xarray.DataArray, a Scene or a path)
    with labels y of whole numbers (rows, columns), 0 meaning unlabelled. Or, with `scene` given, X
    is the rows and columns (N, 2) of pixels of that scene and y their classes (N,), as
    :func:`spectile.labelled_pixels` gives both: that is what cross_val_score, GridSearchCV and the
    like can cut into parts, by :class:`spectile.BlockSplits` without leakage.

    All labelled pixels are trained on, but for the share `validation` that chooses the epoch; to
    know how far to trust the map use :func:`spectile.train`, which holds pixels back and says how
    far their windows overlap those trained on.

    Args:
        recipe: Settings to start from, as of :func:`spectile.train`.
        network: As of :func:`spectile.train`.
        loss: As of :func:`spectile.train`.
        scene: The scene that X gives pixels of; None where X is the cube itself.
        seed: Where all chance starts from.
        **settings: Any other setting of `spectile train scene` by its name, such as `window=9`.

    Attributes:
        classes_: The classes' numbers, sorted as in the legend.
        model_: The trained :class:`spectile.Model`.
        n_features_in_: How many bands the scene has.
    """

    def __init__(
        self,
        recipe: RecipeSource = "best",
        *,
        network: WindowNetwork | None = None,
        loss: str | Loss | None = None,
        scene: Any = None,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self.recipe = recipe
        self.network = network
        self.loss = loss
        self.scene = scene
        self.seed = seed
        self.settings = settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All arguments by name."""
        own = {name: getattr(self, name) for name in OWN}
        return {**own, **self.settings}

    def set_params(self, **params: Any) -> Self:
        """Change arguments by name."""
        for name, value in params.items():
            if name in OWN:
                setattr(self, name, value)
            else:
                self.settings = {**self.settings, name: value}
        return self

    def fit(self, X: Any, y: Any) -> Self:
        """Train on the labelled pixels of a cube, or of `scene`. See the class for X and y."""
        for name in ("split", "split_file", "train", "guard", "block", "repeats", "baselines"):
            if name in self.settings:
                raise InputError(
                    f"an estimator has no {name}: it trains on all that it is given; split with "
                    "BlockSplits, or use spectile.train."
                )
        scene, labels = self._labelled(X, y)
        config: Any = settings_from(
            "scene",
            self.recipe,
            scene=scene.source,
            labels="y",
            network=network_name(self.network),
            loss=loss_name(self.loss),
            seed=self.seed,
            **self.settings,
        )
        given = None if isinstance(self.network, str) else self.network
        loss = None if isinstance(self.loss, str) else self.loss
        SceneTask(scene=scene, labels=labels, network=given, loss=loss).check(config)
        own = own_network(config.recipe, given)
        trial = tried(config, own, scene, len(labels.legend), loss)
        config = config.model_copy(update={"recipe": trial.recipe})
        labels, bands, notes = usable(scene, labels, config)
        split = split_without_test(
            labels,
            window=honest_window(config.recipe.window),
            validation=config.split.validation,
            seed=config.seed,
        )
        prepared = PreparedScene(
            scene, prepare(scene, labels, bands, split, config, notes), config, own, loss
        )
        with tempfile.TemporaryDirectory(prefix="spectile-") as folder:
            model, _ = prepared.fit(Work(Path(folder), quiet=True))
        self.model_ = Model.of(model)
        self.classes_ = np.array(model.legend.values)
        self.n_features_in_ = scene.bands
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of each pixel: (rows, columns) of a cube, 0 without data, or (N,)."""
        check_is_fitted(self, "model_")
        places = self._places(X)
        if places is None:
            return self.model_.map(X)  # type: ignore[no-any-return]
        classes = self.model_.map(self._scene())
        return classes[tuple(places.T)]  # type: ignore[no-any-return]

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probabilities (rows, columns, classes) of a cube, NaN without data, or (N, classes)."""
        check_is_fitted(self, "model_")
        places = self._places(X)
        scene = as_scene(X, self.n_features_in_) if places is None else self._scene()
        found = self.model_.map(scene, layers="probabilities")["probabilities"]
        pixels: NDArray[np.float32] = np.moveaxis(found, 0, -1)
        return pixels if places is None else pixels[tuple(places.T)]

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """The share of the labelled pixels that are right."""
        found, truth = self.predict(X), np.asarray(y)
        if self._places(X) is None:
            scene = as_scene(X, self.n_features_in_)
            labels = as_labels(y, like=scene)
            truth = np.array([0, *labels.legend.values])[labels.classes]
        labelled = truth > 0
        weights = None if sample_weight is None else np.asarray(sample_weight)[labelled]
        return float(np.average(found[labelled] == truth[labelled], weights=weights))

    def _labelled(self, X: Any, y: Any) -> tuple[Scene, Labels]:
        places = self._places(X)
        if places is None:
            scene = as_scene(X)
            return scene, as_labels(y, like=scene)
        scene = self._scene()
        raster = on_raster(places, y, (scene.height, scene.width))
        return scene, as_labels(raster, like=scene)

    def _places(self, X: Any) -> NDArray[np.int64] | None:
        """Rows and columns (N, 2), where X is that; None where it is a cube."""
        if getattr(X, "ndim", None) != 2:
            return None
        if self.scene is None:
            raise InputError(
                "X has two axes, so it isn't a cube of rows, columns and bands: give the cube as "
                "scene= where X is the rows and columns of its pixels."
            )
        places, scene = checked_places(X), self._scene()
        if (places.max(axis=0) >= (scene.height, scene.width)).any():
            raise InputError(
                f"X names pixels outside of {scene.source} ({scene.height} x {scene.width}): give "
                "the scene whose labels they come from."
            )
        return places

    def _scene(self) -> Scene:
        bands = getattr(self, "n_features_in_", None)
        return as_scene(self.scene, bands)
