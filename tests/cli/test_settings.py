"""Settings are checked before data are read; a recipe's options are those of its network."""

from pathlib import Path

import pytest
from tests.cli.conftest import spectile
from tests.cli.pictures import class_folders

CLASSIFY = ("train", "classify", "--images", "nowhere")
SEGMENT = ("train", "segment", "--images", "nowhere", "--masks", "nowhere")
SCENE = ("train", "scene", "nowhere.tif", "nowhere.gpkg")


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ((*CLASSIFY, "--option", "width=0.5"), "se-resnet-18 has no option 'width'"),
        ((*CLASSIFY, "--network", "deeplab-v3-plus"), "classifies pixels, not whole images"),
        (
            (*CLASSIFY, "--network", "mobilenet-v1", "--attention", "eca"),
            "no place for --attention",
        ),
        ((*CLASSIFY, "--weights", "none.pth"), "There is no file none.pth"),
        ((*CLASSIFY, "--bands", "1-3,x"), "--bands 1-3,x can't be understood"),
        ((*CLASSIFY, "--legend", "none.csv"), "none.csv"),
        ((*SEGMENT, "--network", "resnet-18"), "classifies whole images, not pixels"),
        ((*SEGMENT, "--backbone", "vgg"), "vgg"),
        ((*SEGMENT, "--option", "backbone_width=wide"), "backbone_width"),
        ((*SEGMENT, "--legend", "none.csv"), "none.csv"),
        ((*SCENE, "--network", "resnet-18"), "takes whole images"),
        ((*SCENE, "--attention", "magic"), "magic"),
        ((*SCENE, "--bands", "one"), "--bands one can't be understood"),
    ],
)
def test_settings_come_before_data(order: tuple[str, ...], said: str, tmp_path: Path) -> None:
    assert said in spectile(*order, "--out", tmp_path / "run", "-q", code=2)
    assert not (tmp_path / "run").exists()


def test_a_recipe_brings_only_options_that_the_network_has(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "colours", edge=32)
    spectile(
        *("train", "classify", "--images", folder, "--out", tmp_path / "run", "-q"),
        *("--recipe", "cifar", "--network", "mobilenet-v2", "--option", "width=0.25"),
        *("--epochs", "1"),
    )
    assert (tmp_path / "run" / "model.safetensors").exists()
