"""The estimator keeps scikit-learn's manners, for cubes and for labelled pixels."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from tests.api.fields import CUBE, LABELS, Own

import spectile
from spectile.errors import InputError

QUICK = {"components": 5, "epochs": 1, "spectral_branch": 0, "self_training": 0}


@pytest.fixture(scope="module")
def fitted() -> spectile.SceneClassifier:
    return spectile.SceneClassifier(network=Own, window=9, **QUICK).fit(CUBE, LABELS)


def test_parameters_are_got_set_and_cloned() -> None:
    estimator = spectile.SceneClassifier("paper", network=Own, window=9, epochs=3)
    expected = {"recipe": "paper", "network": Own, "loss": None, "scene": None, "seed": 0}
    assert estimator.get_params() == {**expected, "window": 9, "epochs": 3}
    assert clone(estimator).get_params() == estimator.get_params()
    estimator.set_params(epochs=5, seed=2)
    assert estimator.get_params()["epochs"] == 5
    assert estimator.seed == 2
    assert is_classifier(estimator)
    assert "epochs=5" in repr(estimator)


def test_a_cube_is_fitted_and_predicted(fitted: spectile.SceneClassifier) -> None:
    assert fitted.classes_.tolist() == [1, 10, 14]
    classes, probabilities = fitted.predict(CUBE), fitted.predict_proba(CUBE)
    assert classes.shape == LABELS.shape
    assert probabilities.shape == (*LABELS.shape, 3)
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    assert np.array_equal(fitted.classes_[probabilities.argmax(-1)], classes)


def test_the_score_is_the_share_of_labelled_pixels_that_are_right(
    fitted: spectile.SceneClassifier,
) -> None:
    right = fitted.predict(CUBE)[LABELS > 0] == LABELS[LABELS > 0]
    assert fitted.score(CUBE, LABELS) == pytest.approx(right.mean())


def test_labelled_pixels_give_what_the_cube_gives(fitted: spectile.SceneClassifier) -> None:
    places, classes = spectile.labelled_pixels(LABELS)
    by_pixels = clone(fitted).set_params(scene=CUBE).fit(places, classes)
    assert np.array_equal(by_pixels.predict(places), fitted.predict(CUBE)[tuple(places.T)])
    assert by_pixels.predict_proba(places[:7]).shape == (7, 3)
    assert by_pixels.score(places, classes) == pytest.approx(fitted.score(CUBE, LABELS))


def test_scikit_learn_cross_validates_it_over_blocks() -> None:
    places, classes = spectile.labelled_pixels(LABELS)
    estimator = spectile.SceneClassifier(network=Own, scene=CUBE, window=9, **QUICK)
    splits = spectile.BlockSplits(window=9, repeats=2)
    scores = cross_val_score(estimator, places, classes, cv=splits, error_score="raise")
    assert len(scores) == 2
    assert (scores > 0.3).all()
    search = GridSearchCV(
        estimator,
        {"epochs": [1, 2]},
        cv=spectile.BlockSplits(window=9, repeats=1),
        error_score="raise",
    )
    assert search.fit(places, classes).best_params_["epochs"] in (1, 2)


def test_it_ends_a_pipeline() -> None:
    pipeline = make_pipeline(
        FunctionTransformer(np.log1p), spectile.SceneClassifier(network=Own, window=9, **QUICK)
    )
    assert pipeline.fit(CUBE, LABELS).predict(CUBE).shape == LABELS.shape
    assert (
        pipeline.set_params(sceneclassifier__epochs=2).get_params()["sceneclassifier__epochs"] == 2
    )


def test_what_cannot_be_is_said(fitted: spectile.SceneClassifier) -> None:
    with pytest.raises(NotFittedError):
        spectile.SceneClassifier().predict(CUBE)
    with pytest.raises(InputError, match="scene="):
        spectile.SceneClassifier().fit(np.ones((4, 2), int), np.ones(4, int))
    with pytest.raises(InputError, match="did you mean window"):
        spectile.SceneClassifier(windows=9).fit(CUBE, LABELS)
    places, classes = spectile.labelled_pixels(LABELS)
    by_pixels = spectile.SceneClassifier(scene=CUBE, window=9)
    for wrong in (classes[1:], classes - 1, classes + 0.5, classes.astype(str)):
        with pytest.raises(InputError, match="isn't the classes of"):
            by_pixels.fit(places, wrong)
    twice = np.concatenate([places, places[:1]])
    with pytest.raises(InputError, match="one pixel two classes"):
        by_pixels.fit(twice, np.append(classes, 1 if classes[0] != 1 else 10))
    with pytest.raises(InputError, match="has no split"):
        spectile.SceneClassifier(split="random").fit(CUBE, LABELS)
    with pytest.raises(InputError, match="outside of"):
        clone(fitted).set_params(scene=CUBE).fit(places, classes).predict(places + 60)
    with pytest.raises(InputError, match="outside of"):
        spectile.SceneClassifier(scene=CUBE, window=9).fit(np.array([[99, 0], [1, 1]]), [1, 2])
