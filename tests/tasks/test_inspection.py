"""`spectile inspect`: models and data of every kind, one page, honest about its samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.cli.conftest import spectile
from tests.mapping.small_model import WINDOW, small_model
from tests.mapping.small_segmenter import segment_model
from tests.reports.page import Page

from spectile import networks
from spectile.api.model import Model
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.reducers import Reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.inspecting.gate_maps import gate_maps
from spectile.model.trained_task import ImageTask, WindowTask

NAMES = ("<b>red</b>", "green", "blue")


def cube(height: int = 14, width: int = 16, bands: int = 6) -> np.ndarray:
    drawn = np.random.default_rng(1).normal(0, 1, (height, width, bands))
    return drawn.astype(np.float32)


def image_model(name: str = "se-resnet-18", **options: object) -> Model:
    torch.manual_seed(0)
    network = networks.create(name, bands=3, classes=3, **options).eval()
    return Model(
        name=name,
        options=options,
        network=network,
        trained_for=ImageTask(32),
        preprocessing=Preprocessing(
            (0, 1, 2), Reducer("standardise", np.full(3, 120.0), np.eye(3) / 60), "reflect"
        ),
        legend=Legend(
            tuple(Category(i, name, (80 * i, 9, 9)) for i, name in enumerate(NAMES, start=1))
        ),
        scene_bands=3,
        wavelengths=None,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures in the folders green and blue, and one beside them."""
    chance = np.random.default_rng(0)
    for name in ("green", "blue", "other"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(3 if name != "other" else 1):
            pixels = chance.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"<i>{number}.png")
    return tmp_path / "pictures"


def numbers(out: Path) -> dict:
    found = json.loads((out / "inspection.json").read_text())
    assert found == json.loads(json.dumps(found, allow_nan=False))
    return found


def test_a_scene_without_labels_is_named_by_the_model(tmp_path: Path) -> None:
    model = small_model(wavelengths=True)
    found = model.inspect(cube(), tmp_path / "look", samples=8)
    assert found["classes_from"] == "network"
    assert found == numbers(tmp_path / "look")
    (gates,) = found["channel_gates"]
    assert gates["block"] == "attention"
    assert len(gates["channels"]) == 50
    assert found["gate_maps"]["region"] == [0, 0, 16, 14]
    assert sum(found["samples"].values()) <= 16
    page = Page(tmp_path / "look" / "inspection.html")
    assert page.open == []
    assert "classes are what the network itself says" in page.text
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    assert not {"script", "link", "iframe"} & set(page.tags)


def test_gates_over_the_scene_are_those_of_each_window() -> None:
    model = small_model()
    scene = scene_from_array(np.moveaxis(cube(), -1, 0))
    found = gate_maps(model, scene, "attention", [5, 0])
    assert found.method == "dense"
    seen: list[torch.Tensor] = []
    (block,) = (part for part in model.network.modules() if isinstance(part, SqueezeExcitation))
    handle = block.register_forward_pre_hook(lambda _, x: seen.append(block.channel_gates(x[0])))
    components, _ = model.preprocessing.read(scene, _all(scene), WINDOW // 2)
    windows = torch.from_numpy(components).unfold(1, WINDOW, 1).unfold(2, WINDOW, 1)
    with torch.inference_mode():
        model.network(windows.permute(1, 2, 0, 3, 4).flatten(0, 1))
    handle.remove()
    gates = seen[0].flatten(1).T.reshape(-1, 14, 16).numpy()
    np.testing.assert_allclose(found.gates, gates[[5, 0]], atol=1e-5)
    np.testing.assert_allclose(found.mean, gates.mean(axis=0), atol=1e-5)


def _all(scene):
    from rasterio.windows import Window

    return Window(0, 0, scene.width, scene.height)


def test_labels_of_a_scene_are_the_classes(tmp_path: Path) -> None:
    labels = np.zeros((14, 16), np.uint8)
    labels[2:5, :], labels[9:, :4] = 3, 14
    path = tmp_path / "labels.npy"
    np.save(path, labels)
    np.save(tmp_path / "scene.npy", cube())
    model = small_model()
    model.save(tmp_path / "model.safetensors")
    files = (tmp_path / "model.safetensors", tmp_path / "scene.npy")
    options = ("--out", tmp_path / "look", "--samples", "5", "--quiet")
    printed = spectile("inspect", *files, "--labels", path, *options)
    assert "10 samples of 2 classes. Classes are those of the labels." in printed
    assert "Page: " in printed
    found = numbers(tmp_path / "look")
    assert found["samples"] == {"Äcker & Wiesen": 5, "open water": 5}
    assert "A sample: at most 5 of each class, of 68 in all." in found["notes"]
    with pytest.raises(InputError, match="exists: choose another name, or add overwrite"):
        model.inspect(tmp_path / "scene.npy", tmp_path / "look")
    model.inspect(tmp_path / "scene.npy", tmp_path / "look", overwrite=True, samples=3)
    (tmp_path / "look" / "inspection.json").write_text("mine")
    with pytest.raises(InputError, match="isn't from an earlier command"):
        model.inspect(tmp_path / "scene.npy", tmp_path / "look", overwrite=True)


def test_images_are_classed_by_their_folders_and_names_are_text(
    tmp_path: Path, folder: Path
) -> None:
    found = image_model().inspect(folder, tmp_path / "look")
    assert found["samples"] == {"green": 3, "blue": 3}
    assert "1 images lie in no folder that is called as a class: left out." in found["notes"]
    assert found["grad_cam_layer"] is not None
    assert len(found["bands"]["groups"]) == 3
    page = Page(tmp_path / "look" / "inspection.html")
    assert "<i>0.png" in page.text
    assert not {"i>0.png", "b>red", "script"} & set(page.tags)


def test_images_without_classes_are_named_by_the_model(tmp_path: Path, folder: Path) -> None:
    found = image_model("resnet-18", attention="cbam").inspect(folder / "other", tmp_path / "look")
    assert found["classes_from"] == "network"
    assert sum(found["samples"].values()) == 1
    assert [block["kind"] for block in found["place_weights"]] == ["CBAMSpatialGate"] * 8
    text = Page(tmp_path / "look" / "inspection.html").text
    assert "Where blocks look" in text


def test_selective_kernels_are_tried_at_three_sizes(tmp_path: Path, folder: Path) -> None:
    found = image_model("sknet-26").inspect(folder, tmp_path / "look", samples=2)
    assert len(found["selective_kernels"]) == 8
    assert found["selective_kernels"][0]["sizes"] == [1.0, 1.5, 2.0]
    assert "Selective kernels" in Page(tmp_path / "look" / "inspection.html").text


def test_a_network_without_attention_is_said_to_have_none(tmp_path: Path, folder: Path) -> None:
    found = image_model("resnet-18").inspect(folder, tmp_path / "look")
    assert "has no attention that can be shown" in found["notes"][-1]
    text = Page(tmp_path / "look" / "inspection.html").text
    assert "has no attention that can be shown" in text
    assert "Which bands matter" in text


def test_crops_of_a_network_of_pixels(tmp_path: Path, folder: Path) -> None:
    found = segment_model(window=16).inspect(folder, tmp_path / "look")
    assert sum(found["samples"].values()) == 7
    assert "7 crops of at most 16 pixels" in found["notes"][0]
    assert found["gate_maps"] is None


def test_pixels_without_data_are_left_out(tmp_path: Path) -> None:
    scene = cube()
    scene[:7] = np.nan
    found = small_model().inspect(scene, tmp_path / "look")
    assert any("hold no data and were left out" in note for note in found["notes"])
    with pytest.raises(InputError, match="holds data"):
        small_model().inspect(np.full_like(scene, np.nan), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_class_of_one_band_is_explained_by_that_band(tmp_path: Path) -> None:
    """A synthetic class that only the fourth band tells."""

    class Fourth(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            middle = 4 * x[:, 3, 1, 1]
            return torch.stack([-middle, middle], 1)

    model = replace(
        small_model(),
        network=Fourth(),
        trained_for=WindowTask(3),
        preprocessing=Preprocessing(
            tuple(range(6)), Reducer("standardise", np.zeros(6), np.eye(6)), "reflect"
        ),
    )
    bands = model.inspect(cube(), tmp_path / "look")["bands"]
    assert int(np.argmax(bands["fall_of_probability"])) == 3
    assert bands["groups"][3]["bands"] == [4]
    assert bands["fall_of_probability"][0] == 0


@pytest.mark.parametrize(
    ("data", "labels", "sentence"),
    [
        ("nowhere", None, "There is no image"),
        ("pictures", "labels.tif", "leave out labels"),
        ("other.npy", None, "bands"),
    ],
)
def test_bad_input_of_images(
    tmp_path: Path, folder: Path, data: str, labels: str | None, sentence: str
) -> None:
    np.save(tmp_path / "other.npy", np.zeros((32, 32, 5), np.uint8))
    with pytest.raises(InputError, match=sentence) as raised:
        image_model().inspect(tmp_path / data, tmp_path / "look", labels=labels)
    assert len(str(raised.value)) < 400
    assert not (tmp_path / "look").exists()


def test_a_run_of_another_task_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("task: classify\nimages: pictures\n")
    with pytest.raises(InputError, match="is a run of train classify, and the model is of a run"):
        small_model().inspect(run, tmp_path / "look")
    with pytest.raises(InputError, match="which has its labels"):
        small_model().inspect(run, tmp_path / "look", labels="labels.tif")


def test_a_file_in_the_place_of_the_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "look").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        small_model().inspect(cube(), tmp_path / "look")
    assert (tmp_path / "look").read_text() == "mine"
