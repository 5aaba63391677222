"""From images and their objects to a report and a model, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import spectile
from tests.metrics_schema import faults

from spectile.compat.pycocotools import encoded
from spectile.model.file import load
from spectile.model.trained_task import InstanceTask

SMALL = (
    *("--option", "channels=8", "--option", "mask_size=8", "--option", "attention_size=4"),
    *("--option", "most=20", "--backbone", "mobilenet-v2", "--option", "backbone_width=0.25"),
    *("--crop", "64", "--quiet"),
)
IMAGES = 10


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A COCO JSON of dark images with bright discs of two sizes, a class each."""
    folder, random = tmp_path_factory.mktemp("discs"), np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    said: dict[str, list[object]] = {"images": [], "annotations": [], "categories": []}
    said["categories"] = [{"id": 1, "name": "small <i>"}, {"id": 2, "name": "large"}]
    for at in range(IMAGES):
        pixels = random.integers(0, 40, (64, 64, 3)).astype(np.uint8)
        for number, (x, y) in enumerate([(14, 16), (44, 40), (20, 50)]):
            radius = (6, 12, 6)[number]
            x, y = x + int(random.integers(-4, 5)), y + int(random.integers(-4, 5))
            disc = (rows - y) ** 2 + (columns - x) ** 2 < radius**2
            pixels[disc] += 150
            code = encoded(np.asfortranarray(disc.astype(np.uint8)))
            said["annotations"].append(
                {
                    "id": len(said["annotations"]) + 1,
                    "image_id": at,
                    "category_id": 2 if radius == 12 else 1,
                    "segmentation": {"size": [64, 64], "counts": code["counts"].decode()},
                }
            )
        Image.fromarray(pixels).save(folder / f"disc <{at}>.png")
        name = {"id": at, "file_name": f"disc <{at}>.png", "height": 64, "width": 64}
        said["images"].append(name)
    (folder / "discs.json").write_text(json.dumps(said))
    return folder / "discs.json"


@pytest.fixture(scope="module")
def run(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("runs") / "discs"
    printed = spectile(
        *("train", "instances", "--coco", discs, "--out", out, "--epochs", "2", *SMALL)
    )
    return out, printed


def test_a_run_says_what_it_finds_and_how_far_to_trust_it(run: tuple[Path, str]) -> None:
    out, printed = run
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"mask_ap", "mask_ap50", "mask_ap75", "box_ap"} <= metrics.keys()
    assert metrics["counts"]["truth"] == metrics["split"]["test_objects"] == 6
    assert list(metrics["per_class"]) == ["small <i>", "large"]
    assert "mask AP " in printed
    assert "No test image occurs among the training images." in printed
    report = (out / "report.html").read_text()
    assert "How many, how large" in report
    assert "small &lt;i&gt;" in report
    assert "small <i>" not in report
    assert "disc &lt;" in report
    with (out / "split.csv").open() as table:
        assert sum(line.rstrip().endswith(",test") for line in table) == 2
    assert faults(metrics) == []


def test_its_model_file_brings_the_network_back(run: tuple[Path, str]) -> None:
    model = load(run[0] / "model.safetensors")
    assert isinstance(model.trained_for, InstanceTask)
    assert model.trained_for.crop == 64
    assert 0 <= model.trained_for.sure <= 1
    # The discs are small: the finest level has the finer of its strides.
    assert model.options["finest_stride"] == 4
    assert model.legend.names == ("small <i>", "large")


def test_a_finished_run_goes_on_and_compares(run: tuple[Path, str], discs: Path) -> None:
    out, _ = run
    again = spectile(
        *("train", "instances", "--coco", discs, "--out", out, "--epochs", "2", "--resume", *SMALL)
    )
    assert "finished" in again
    other = out.with_name("other")
    spectile(
        *("train", "instances", "--coco", discs, "--out", other, "--epochs", "1", *SMALL),
        *("--network", "blendmask-rt"),
    )
    compared = spectile("compare", out, other, "--out", out.with_name("comparison.html"))
    assert "mask AP" in compared


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name --coco"),
        (("--numbers", "numbers"), "--images"),
        (("--scene", "scene.tif"), "--labels"),
        (("--coco", "absent.json"), "absent.json"),
        (("--coco", "{discs}", "--network", "resnet-18"), "finds no instances"),
        (("--coco", "{discs}", "--option", "bases=0"), "at least one"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    words: tuple[str, ...], says: str, discs: Path, tmp_path: Path
) -> None:
    given = [word.format(discs=discs) for word in words]
    said = spectile("train", "instances", *given, "--out", tmp_path / "run", code=2)
    assert says in said
    assert not (tmp_path / "run").exists()


def test_objects_drawn_on_another_size_are_refused(discs: Path, tmp_path: Path) -> None:
    said = json.loads(discs.read_text())
    said["images"][3]["width"] = 65
    said["annotations"] = [entry for entry in said["annotations"] if entry["image_id"] != 3]
    (tmp_path / "other.json").write_text(json.dumps(said))
    refused = spectile(
        *("train", "instances", "--coco", tmp_path / "other.json", "--images", discs.parent),
        *("--out", tmp_path / "run", *SMALL),
        code=2,
    )
    assert "disc <3>.png is 64 x 64 pixels, and its objects are drawn on 64 x 65" in refused


def test_networks_of_instances_are_for_their_task_alone(tmp_path: Path) -> None:
    said = spectile(
        *("train", "segment", "--images", tmp_path / "a", "--masks", tmp_path / "b"),
        *("--network", "blendmask", "--out", tmp_path / "run"),
        code=2,
    )
    assert "finds instances: choose another network such as deeplab-v3-plus" in said
