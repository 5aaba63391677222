"""Labels from arrays in memory."""

from __future__ import annotations

import numpy as np
import pytest

from spectile.data.labels.labels import labels_from_array
from spectile.errors import InputError


def test_an_array_with_names_by_value():
    labels = labels_from_array([[1, 3], [0, -1]], names=["Corn", "Oats", "Wheat"])
    assert labels.legend.values == (1, 3)
    assert labels.legend.names == ("Corn", "Wheat")
    np.testing.assert_array_equal(labels.classes, [[1, 2], [0, 0]])
    assert labels_from_array([[7]], names={7: "Snow"}).legend.names == ("Snow",)


@pytest.mark.parametrize(
    ("classes", "names", "words"),
    [
        ([[1, 3]], ["Corn", "Oats"], "the class 3, which the list of names lacks"),
        ([1, 2], None, "1 axes"),
        ([[0, 0]], None, "labels no pixel"),
        ([["a"]], None, "whole number a pixel"),
        (np.zeros((0, 4), int), None, "labels no pixel"),
        (np.zeros((4, 0), int), None, "labels no pixel"),
    ],
)
def test_arrays_that_are_no_labels(classes, names, words):
    with pytest.raises(InputError, match=words):
        labels_from_array(classes, names=names)
