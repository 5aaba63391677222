"""Samples that hold the same share of every class."""

import numpy as np

from spectile.data.splits.stratified import sample_of_classes


def test_a_sample_holds_the_same_share_of_each_class() -> None:
    classes = np.repeat([0, 1, 2], [800, 190, 10])
    drawn = sample_of_classes(classes, 100, seed=1)
    assert np.bincount(classes[drawn]).tolist() == [80, 19, 1]
    assert (np.diff(drawn) > 0).all()
    assert sample_of_classes(classes, 1000, seed=1).tolist() == list(range(1000))
