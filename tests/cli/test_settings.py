"""Settings are checked before data are read; a recipe's options are those of its network."""

from pathlib import Path

import pytest
from tests.cli.conftest import spectile
from tests.cli.pictures import class_folders

from spectile.cli.options import network_options
from spectile.errors import InputError
from spectile.tasks.entries.scene import SceneConfig, SplitConfig
from spectile.tasks.images.sides import write_split_table

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
        ((*SEGMENT, "--option", "backbone_width=wide"), "width of MobileNet V2 is 'wide'"),
        ((*SEGMENT, "--legend", "none.csv"), "none.csv"),
        ((*SCENE, "--network", "deeplab-v3-plus"), "not the middle of a window"),
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("false", False),
        ("False", False),
        ("None", None),
        ("-.5", -0.5),
        ("[8, 16]", [8, 16]),
        ("(8, 16)", [8, 16]),
        ("'bands'", "bands"),
        ("se", "se"),
        ("07", "07"),
        ("[bands, 2]", "[bands, 2]"),
    ],
)
def test_options_are_written_as_in_json_or_python(text: str, value: object) -> None:
    assert network_options([f"own-one={text}"]) == {"own_one": value}


def test_a_configuration_works_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("scene.tif", "labels.mat", "split.tif"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    config = SceneConfig(
        scene="scene.tif",
        labels="labels.mat:truth",
        legend="none.csv",
        split=SplitConfig(kind="file", files=("split.tif",)),
    ).placed()
    assert config.scene == str(tmp_path / "scene.tif")
    assert config.labels == f"{tmp_path / 'labels.mat'}:truth"
    assert config.legend == "none.csv"
    assert config.split.files == (str(tmp_path / "split.tif"),)
    assert SceneConfig(scene="indian-pines").placed().scene == "indian-pines"


def test_a_run_of_an_earlier_version_goes_on_with_relative_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "split.csv").write_text("image,side\ni/0.png,train\n")
    rows = [(str(tmp_path / "i" / "0.png"), "train")]
    write_split_table(tmp_path, ("image", "side"), rows, ["1f"], resume=True)
    write_split_table(tmp_path, ("image", "side"), rows, ["1f"], resume=True)
    with pytest.raises(InputError, match="pixels of 1 images or of their masks"):
        write_split_table(tmp_path, ("image", "side"), rows, ["2e"], resume=True)
    with pytest.raises(InputError, match="no longer the split"):
        write_split_table(tmp_path, ("image", "side"), [(rows[0][0], "test")], ["1f"], resume=True)
