"""Model.predict: images by whatever stands for them in a notebook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.mapping.small_model import small_model
from tests.mapping.small_segmenter import segment_model

import spectile
from spectile import networks
from spectile.errors import InputError
from spectile.model.trained_task import ImageTask


def classifier(edge: int | None = 24) -> spectile.Model:
    torch.manual_seed(0)
    network = networks.create("mobilenet-v1", bands=3, classes=3, width=0.05).eval()
    options = {"width": 0.05}
    named = replace(segment_model(), name="mobilenet-v1", options=options, network=network)
    return replace(named, trained_for=ImageTask(edge))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chance = np.random.default_rng(0)
    for name, size in {"a": (24, 24), "b": (30, 24), "c": (24, 40)}.items():
        Image.fromarray(chance.integers(0, 255, (*size, 3), np.uint8)).save(
            tmp_path / f"{name}.png"
        )
    return tmp_path


def arrays(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.iterdir())]


def test_classes_of_a_folder_are_those_of_its_files_and_arrays(folder: Path) -> None:
    model = classifier()
    found = model.predict(folder)
    files = sorted(folder.iterdir())
    assert found.names == tuple(map(str, files))
    assert found.probabilities.shape == (3, 3)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)
    for others in (files, arrays(folder), [pixels.transpose(2, 0, 1) for pixels in arrays(folder)]):
        np.testing.assert_array_equal(model.predict(others).probabilities, found.probabilities)
    assert model.predict(arrays(folder)).names == ("image 1", "image 2", "image 3")
    one = model.predict(str(files[1]))
    np.testing.assert_allclose(one.probabilities, found.probabilities[1:2], atol=1e-6)


def test_the_table_is_that_of_the_command(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")
    found = classifier().predict(folder)
    table = pandas.DataFrame(found.table())
    columns = ["image", "class", "probability", "class 3", "class 7", "class 14"]
    assert list(table.columns) == columns
    assert table["class"].tolist() == list(found.classes)
    assert (table["probability"] == found.probabilities.max(axis=1)).all()


def test_pixels_come_as_arrays_of_the_legends_values(folder: Path) -> None:
    model = segment_model()
    found = model.predict(folder)
    assert [labels.shape for labels in found] == [(24, 24), (30, 24), (24, 40)]
    assert set(np.unique(np.concatenate([labels.ravel() for labels in found]))) <= {3, 7, 14}
    for labels, pixels in zip(found, arrays(folder), strict=True):
        np.testing.assert_array_equal(model.predict(pixels), labels)
        np.testing.assert_array_equal(model.map(pixels), labels)
    gap = arrays(folder)[0].astype(np.float32)
    gap[3, 4] = np.nan
    assert model.predict([gap])[0][3, 4] == 0


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((8, 8, 5), np.uint8), "trained on 3 bands"),
        ("nowhere.png", "There is no image nowhere.png"),
        ([], "there is no image in the list"),
        ([None], "a NoneType is no scene"),
    ],
)
def test_what_is_no_image_is_refused(images: object, words: str) -> None:
    for model in (classifier(), segment_model()):
        with pytest.raises(spectile.InputError, match=words):
            model.predict(images)  # type: ignore[arg-type]


def test_a_broken_file_is_named(folder: Path) -> None:
    (folder / "d.png").write_bytes(b"no picture")
    for model in (classifier(), segment_model()):
        with pytest.raises(spectile.InputError, match=r"d\.png"):
            model.predict(folder)


def test_a_model_of_scenes_maps() -> None:
    with pytest.raises(spectile.InputError, match="use its method map"):
        small_model().predict(np.zeros((20, 20, 6), np.float32))


def test_another_kind_of_numbers_is_told(folder: Path) -> None:
    model = replace(classifier(), provenance={"pixel_types": ["uint8"]})
    with pytest.warns(UserWarning, match="came in other numbers than those trained on") as warned:
        model.predict([np.full((24, 24, 3), 0.5, np.float32)])
    assert warned[0].filename == __file__


def test_an_image_without_data_has_no_class() -> None:
    with pytest.raises(InputError, match="image 2 holds no data"):
        classifier().predict([np.ones((24, 24, 3)), np.full((24, 24, 3), np.nan)])
