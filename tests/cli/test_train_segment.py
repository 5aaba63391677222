"""Segmenting images and scenes from the command line, from masks to report and map."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image
from tests.cli.conftest import Field, spectile, write_tif
from tests.cli.pictures import SMALL_DEEPLAB, masked_pictures
from tests.mapping.small_model import assert_alike
from tests.metrics_schema import faults

import spectile as library

TRAIN = ("train", "segment")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return masked_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def run(pictures: tuple[Path, Path]) -> Path:
    images, masks = pictures
    out = images.parent / "run"
    spectile(
        *(*TRAIN, "--images", images, "--masks", masks, "--out", out),
        *(*SMALL_DEEPLAB, "--epochs", "30", "--learning-rate", "0.005", "-q"),
    )
    return out


def metrics(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "metrics.json").read_text())
    return found


def test_a_run_learns_and_says_what_of_it_to_trust(run: Path) -> None:
    found = metrics(run)
    assert found["mean_iou"] > 0.6  # type: ignore[operator]
    assert faults(found) == []
    split = found["split"]
    assert isinstance(split, dict)
    # Neighbouring names stay together: the first are trained on, the last tested.
    assert split["kind"] == "order"
    lines = (run / "split.csv").read_text().splitlines()[1:]
    sides = [line.rpartition(",")[2] for line in lines]
    assert sides == sorted(sides, key=["train", "validation", "test"].index)
    assert sides.count("test") == split["test_images"]
    # The column between the halves has no class.
    assert split["test_pixels"] == sides.count("test") * 48 * 47
    assert split["unlabelled_test_pixels"] == sides.count("test") * 48
    assert any("pixels of the test images are unlabelled" in note for note in split["notes"])
    assert "Mean IoU" in (run / "report.html").read_text()


def test_predicted_masks_have_the_numbers_of_the_training_masks(
    run: Path, pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    images, masks = pictures
    spectile("predict", run / "model.safetensors", images, "--out", tmp_path / "masks", "-q")
    agreement = []
    for path in sorted(images.iterdir()):
        found = Image.open(tmp_path / "masks" / path.name)
        assert found.mode == "P"
        truth = np.asarray(Image.open(masks / path.name))
        known = truth != 255
        assert set(np.unique(found)) <= {0, 1}
        agreement.append((np.asarray(found)[known] == truth[known]).mean())
    assert np.mean(agreement) > 0.8
    again = ("predict", run / "model.safetensors", images, "--out", tmp_path / "masks", "-q")
    assert "exists" in spectile(*again, code=2)
    spectile(*again, "--overwrite")


def test_masks_of_equal_names_are_all_written_and_none_over_an_image(
    run: Path, pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    red, blue = (Image.new("RGB", (48, 48), color) for color in ("red", "blue"))
    for place in ("f1/x.png", "f2/x.png", "f3/a.png", "f3/a.jpg", "f3/b.png"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (red if place < "f2" else blue).save(tmp_path / place)
    model = run / "model.safetensors"

    def predicted(*paths: Path, out: str, code: int = 0) -> str:
        return spectile("predict", model, *paths, "--out", tmp_path / out, "-q", code=code)

    assert "2 images" in predicted(tmp_path / "f1", tmp_path / "f2", out="p1")
    assert sorted(p.relative_to(tmp_path / "p1").as_posix() for p in tmp_path.glob("p1/*/*")) == [
        "f1/x.png",
        "f2/x.png",
    ]
    assert "3 images" in predicted(tmp_path / "f3", tmp_path / "f3" / "b.png", out="p2")
    assert sorted(path.name for path in (tmp_path / "p2").iterdir()) == [
        "a.jpg.png",
        "a.png.png",
        "b.png",
    ]
    before = (tmp_path / "f1" / "x.png").read_bytes()
    said = spectile(
        *("predict", model, tmp_path / "f1", "--out", tmp_path / "f1", "-q", "--overwrite"), code=2
    )
    assert "would replace the image of that name" in said
    assert (tmp_path / "f1" / "x.png").read_bytes() == before


def test_labels_may_have_the_numbers_of_the_training_masks(
    run: Path, pictures: tuple[Path, Path], tmp_path: Path
) -> None:
    images, masks = pictures
    model = run / "model.safetensors"
    pixels = np.asarray(Image.open(images / "00.png")).transpose(2, 0, 1)
    mask = np.asarray(Image.open(masks / "00.png"))
    seen = np.full((1, 48, 48), 255, np.uint8)
    seen[:, :6] = 0
    scene = write_tif(
        tmp_path / "scene.tif", np.concatenate([pixels, seen]), photometric="RGB", alpha="YES"
    )

    def scored(values: np.ndarray, *more: str) -> tuple[list[int], list[str]]:
        write_tif(tmp_path / "labels.tif", values[None].astype(np.uint8))
        out = tmp_path / "scores.json"
        order = ("evaluate", model, scene, tmp_path / "labels.tif", "--out", out, "-q", *more)
        said = spectile(*order, "--overwrite")
        found = json.loads(out.read_text())
        assert faults(found) == []
        assert all(note in said for note in found["split"]["notes"])
        support = [found["per_class"][name]["support"] for name in ("class 0", "class 1")]
        return support, found["split"]["notes"]

    truth = [int((mask[6:] == value).sum()) for value in (0, 1)]
    by_masks, notes = scored(mask)  # 0, 1 and 255
    assert by_masks == truth
    assert "those of the training masks, 0, 1" in notes[0]
    assert "have no data in the scene" in notes[1]
    halves = np.where(mask == 255, 0, mask)
    assert scored(halves)[0] == [truth[0] + 42, truth[1]]
    assert scored(halves, "--numbers", "map")[0] == [truth[1], 0]
    mapped = np.where(mask == 255, 0, mask + 1)
    assert scored(mapped)[0] == truth
    assert "the map's, 1, 2" in scored(mapped)[1][0]
    said = spectile(
        *("evaluate", model, scene, tmp_path / "labels.tif", "--numbers", "masks", "-q"), code=2
    )
    assert "holds 2, which is no number of the training masks" in said


def test_no_data_is_told_from_a_white_class(run: Path, tmp_path: Path) -> None:
    model = library.load(run / "model.safetensors")
    replace(model, trained_for=replace(model.trained_for, mask_values=(0, 255))).save(
        tmp_path / "white.safetensors"
    )
    pixels = np.full((48, 48, 4), 200, np.uint8)
    pixels[:, :20, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    said = spectile(
        *("predict", tmp_path / "white.safetensors", tmp_path / "a.png"),
        *("--out", tmp_path / "masks", "-q"),
    )
    assert "254 means no data in the masks, for 255 is a class" in said
    found = np.asarray(Image.open(tmp_path / "masks" / "a.png"))
    assert (found[:, :20] == 254).all()
    assert set(np.unique(found[:, 20:])) <= {0, 255}


def test_a_run_is_not_resumed_on_other_masks(pictures: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = masked_pictures(tmp_path)
    order = (*TRAIN, "--images", images, "--masks", masks, "--out", tmp_path / "run")
    spectile(*order, *SMALL_DEEPLAB, "-q")
    for name in ("report.html", "model.safetensors", "metrics.json"):
        (tmp_path / "run" / name).unlink()
    mask = np.array(Image.open(masks / "03.png"))
    mask[mask < 2] = 1 - mask[mask < 2]
    Image.fromarray(mask).save(masks / "03.png")
    said = spectile(*order, *SMALL_DEEPLAB, "-q", "--resume", code=2)
    assert "pixels of 1 images or of their masks" in said
    assert "03.png" in said


def test_a_scene_is_cut_into_tiles_and_mapped(field: Field, tmp_path: Path) -> None:
    spectile(
        *(*TRAIN, "--scene", field.scene, "--labels", field.labels, "--tile", "24"),
        *("--out", tmp_path / "run", *SMALL_DEEPLAB, "--recipe", "aerial", "-q"),
    )
    found = metrics(tmp_path / "run")
    assert found["split"]["kind"] == "blocks"  # type: ignore[index]
    assert found["split"]["overlap"] == 0  # type: ignore[index]
    model = library.load(tmp_path / "run" / "model.safetensors")
    assert model.task == "segment"
    assert model.legend.values == (1, 10, 14)
    spectile(
        *("map", tmp_path / "run" / "model.safetensors", field.scene, tmp_path / "map.tif"),
        *("--probabilities", "-q"),
    )
    with (
        rasterio.open(tmp_path / "map.tif") as mapped,
        rasterio.open(tmp_path / "run" / "map.tif") as before,
        rasterio.open(field.scene) as scene,
    ):
        assert mapped.crs == scene.crs
        assert mapped.transform == scene.transform
        classes = mapped.read(1)
        assert set(np.unique(classes)) <= {1, 10, 14}
        np.testing.assert_array_equal(classes, before.read(1))
    # And a georeferenced image is predicted as a map of its place.
    spectile(
        *("predict", tmp_path / "run" / "model.safetensors", field.scene),
        *("--out", tmp_path / "predicted", "-q"),
    )
    with rasterio.open(tmp_path / "predicted" / "scene.tif") as predicted:
        assert predicted.crs is not None
        assert_alike(predicted.read(1), classes)


def test_masks_by_colour_are_understood(pictures: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = pictures
    (tmp_path / "colours").mkdir()
    colours = np.zeros((256, 3), np.uint8)  # black is ignored
    colours[0], colours[1] = (200, 30, 30), (30, 200, 30)
    for path in masks.iterdir():
        Image.fromarray(colours[np.asarray(Image.open(path))]).save(
            tmp_path / "colours" / path.name
        )
    spectile(
        *(*TRAIN, "--images", images, "--masks", tmp_path / "colours", "--out", tmp_path / "run"),
        *(*SMALL_DEEPLAB, "-q"),
    )
    model = library.load(tmp_path / "run" / "model.safetensors")
    assert sorted(model.legend.colors) == [(30, 200, 30), (200, 30, 30)]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda images, masks: Image.new("L", (40, 48)).save(masks / "03.png"), "03.png"),
        (lambda images, masks: (masks / "04.png").unlink(), "04"),
        (lambda images, masks: Image.new("L", (48, 48)).save(images / "05.png"), "band"),
        (lambda images, masks: (images / "06.png").write_bytes(b"\x89PNG\r\n\x1a\n"), "06.png"),
    ],
)
def test_what_does_not_fit_is_named(spoil: object, said: str, tmp_path: Path) -> None:
    images, masks = masked_pictures(tmp_path)
    spoil(images, masks)  # type: ignore[operator]
    order = (*TRAIN, "--images", images, "--masks", masks, "--out", tmp_path / "run", "-q")
    assert said in spectile(*order, *SMALL_DEEPLAB, code=2)
    assert not (tmp_path / "run").exists()


def test_a_network_for_whole_images_is_refused(pictures: tuple[Path, Path], tmp_path: Path) -> None:
    images, masks = pictures
    order = (*TRAIN, "--images", images, "--masks", masks, "--out", tmp_path / "run", "-q")
    assert "deeplab" in spectile(*order, "--config", _whole(tmp_path), code=2)


def _whole(folder: Path) -> Path:
    path = folder / "config.yaml"
    path.write_text("task: segment\nrecipe: {network: resnet-18, options: {}}\n")
    return path
