"""Training from Python: what a notebook gives comes back as a run, with its verdict."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import xarray as xr
from shapely.geometry import box
from tests.api.fields import CUBE, LABELS, PIXELS, QUICK, Own, data_array, same_weights
from tests.cli.pictures import class_folders, masked_pictures
from torch import Tensor, nn

import spectile
from spectile.errors import InputError


class Lazy(Own):
    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__(bands, classes, window)
        self.body[0] = nn.LazyConv2d(16, 3)


class Frozen(Own):
    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__(bands, classes, window)
        self.requires_grad_(False)


class InAList(Own):
    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__(bands, classes, window)
        self.more = [nn.Linear(bands, classes)]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.more[0](x[:, :, 0, 0])


class OneLayerTwice(Own):
    """One layer under two names, and float32 whatever it is computed in."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__(bands, classes, window)
        self.alias = self.head

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).float()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> spectile.Run:
    """A network of one's own, trained on blocks of an array."""
    out = tmp_path_factory.mktemp("runs") / "own"
    return spectile.train(CUBE, LABELS, network=Own, out=out, **QUICK)


def test_a_network_of_ones_own_trains_on_an_array(own: spectile.Run, tmp_path: Path) -> None:
    assert "No test window shares a pixel with a training window" in own.verdict
    assert own.metrics["split"]["window_overlap"] == 0
    assert own.metrics["overall_accuracy"] > 0.5
    assert own.metrics["map_method"] == "dense"
    assert own.metrics["network"].endswith("fields.Own")
    assert own.map.shape == LABELS.shape
    assert set(np.unique(own.map)) <= {0, 1, 10, 14}
    assert len(own.history) == 2
    assert own.report(tmp_path / "report.html").read_text().startswith("<!doctype html>")
    with pytest.raises(InputError, match="exists"):
        own.report(tmp_path / "report.html")


def test_its_model_maps_as_the_run_did(own: spectile.Run) -> None:
    assert np.array_equal(own.model.map(CUBE), own.map)
    patches = own.model.map(CUBE, method="patches", layers="probabilities")
    dense = own.model.map(CUBE, layers="probabilities")
    np.testing.assert_allclose(dense["probabilities"], patches["probabilities"], atol=1e-5)


def test_its_model_file_asks_for_the_network(own: spectile.Run) -> None:
    file = own.directory / "model.safetensors"
    with pytest.raises(InputError, match=r"not its code: give that by network="):
        spectile.load(file)
    assert same_weights(spectile.load(file, network=Own).network, own.model.network)


def test_a_finished_run_is_opened_again(own: spectile.Run) -> None:
    again = spectile.open_run(own.directory, network=Own)
    assert again.metrics == own.metrics
    assert np.array_equal(again.split, own.split)
    assert same_weights(again.model.network, own.model.network)
    with pytest.raises(InputError, match="no finished run"):
        spectile.open_run(own.directory.parent)


def test_a_notebook_shows_scores_verdict_and_map(own: spectile.Run) -> None:
    page = own._repr_html_()
    assert "overall accuracy" in page
    assert own.verdict in page
    assert "data:image/png" in page
    assert "overall accuracy" in repr(own)


def test_without_a_place_of_its_own_a_run_is_saved_where_it_shall_stay(tmp_path: Path) -> None:
    run = spectile.train(CUBE, LABELS, recipe="paper", window=9, split="random", **QUICK)
    assert "overlap" in run.verdict
    kept = run.save(tmp_path / "kept")
    temporary = run.directory
    assert (tmp_path / "kept" / "report.html").exists()
    with pytest.raises(InputError, match="exists"):
        run.save(tmp_path / "kept")
    del run
    assert not temporary.exists()
    assert kept.metrics["split"]["kind"] == "random"
    assert spectile.load(tmp_path / "kept" / "model.safetensors").map(CUBE).shape == LABELS.shape


def test_a_data_array_keeps_its_coordinates() -> None:
    array = data_array()
    run = spectile.train(array, LABELS, window=9, **QUICK)
    assert isinstance(run.map, xr.DataArray)
    assert run.map.dims == ("y", "x")
    assert np.array_equal(run.map.x, array.x)
    assert "meadow" not in run.map.attrs["flag_meanings"]
    with rasterio.open(run.directory / "map.tif") as written:
        assert written.crs.to_epsg() == 32633
        assert np.array_equal(written.read(1), run.map.values)


def test_polygons_in_memory_are_labels() -> None:
    frame = geopandas.GeoDataFrame(
        {"crop": ["rye", "oats"] * 2},
        geometry=[
            box(400_000, 5_799_400, 400_500, 5_800_000),
            box(401_500, 5_799_400, 402_100, 5_800_000),
            box(400_000, 5_798_200, 400_500, 5_798_800),
            box(401_500, 5_798_200, 402_100, 5_798_800),
        ],
        crs=32633,
    )
    run = spectile.train(data_array(), frame, column="crop", window=9, split="random", **QUICK)
    assert set(run.metrics["per_class"]) == {"rye", "oats"}
    assert run.metrics["labels"]["source"] == "the GeoDataFrame"


def test_sides_in_an_array_are_kept_and_layers_lie_beside_the_map() -> None:
    sides = np.where(np.arange(72) < 30, 1, 3) * np.ones((64, 1), int)
    run = spectile.train(CUBE, LABELS, split=sides, window=9, layers=("entropy",), **QUICK)
    with rasterio.open(run.directory / "map_entropy.tif") as entropy:
        assert 0 <= np.nanmin(entropy.read(1)) <= np.nanmax(entropy.read(1)) <= 1
    assert isinstance(run.split, np.ndarray)
    assert np.array_equal(np.unique(run.split[:, 31:][LABELS[:, 31:] > 0]), [3])
    assert run.metrics["split"]["kind"] == "file"


def test_files_give_what_the_command_gives(tmp_path: Path) -> None:
    np.save(tmp_path / "scene.npy", CUBE)
    np.save(tmp_path / "labels.npy", LABELS)
    in_files = spectile.train(tmp_path / "scene.npy", tmp_path / "labels.npy", **QUICK)
    in_memory = spectile.train(CUBE, LABELS, **QUICK)
    assert np.array_equal(in_files.map, in_memory.map)
    assert same_weights(in_files.model.network, in_memory.model.network)
    assert in_files.config["scene"] == str(tmp_path / "scene.npy")


def test_a_network_of_images_is_trained_on_windows_and_told_beforehand(
    caplog: pytest.LogCaptureFixture,
) -> None:
    part = CUBE[:20, :72], LABELS[:20, :72]
    with caplog.at_level(logging.WARNING, "spectile"):
        run = spectile.train(
            *part, network="mobilenet-v1", option={"width": 0.25}, split="random", **QUICK
        )
    assert "patch by patch" in caplog.text
    assert "map of 20 x 72 pixels will take about" in caplog.text
    assert run.metrics["map_method"] == "patches"
    assert "trained on windows" in run.report().read_text()


def test_a_module_starts_every_repeat_from_its_own_weights() -> None:
    network = Own(5, 3, 9)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    run = spectile.train(CUBE, LABELS, network=network, repeats=2, **QUICK)
    assert len(run.metrics["repeats"]) == 2
    assert all(bool((network.state_dict()[key] == value).all()) for key, value in before.items())


def test_a_killed_run_of_ones_own_network_goes_on(own: spectile.Run, tmp_path: Path) -> None:
    again = own.save(tmp_path / "killed")
    for name in ("report.html", "metrics.json", "map.tif"):
        (again.directory / name).unlink()
    run = spectile.train(CUBE, LABELS, network=Own, out=tmp_path / "killed", resume=True, **QUICK)
    assert run.metrics["overall_accuracy"] == own.metrics["overall_accuracy"]


def test_images_are_classified_and_predicted(tmp_path: Path) -> None:
    folder = class_folders(tmp_path / "photos")
    run = spectile.train_images(
        folder, network="mobilenet-v1", option={"width": 0.25}, epochs=1, batch=4, quiet=True
    )
    assert run.metrics["split"]["test_images"] == 6
    assert isinstance(run.split, dict)
    assert set(run.split.values()) == {"train", "validation", "test"}
    found = run.model.predict(folder / "red")
    assert set(found.classes) <= {"red", "green", "blue"}
    with pytest.raises(InputError, match=r"no map\.tif"):
        _ = run.map


def test_images_in_memory_are_classified_like_their_files(tmp_path: Path) -> None:
    from PIL import Image

    folder = class_folders(tmp_path / "photos")
    files = sorted(folder.glob("*/*.png"))
    images = [np.asarray(Image.open(file)) for file in files]
    settings = {"network": "mobilenet-v1", "option": {"width": 0.25}, "epochs": 1, "batch": 4}
    run = spectile.train_images(
        images, [file.parent.name for file in files], quiet=True, **settings
    )
    assert sorted(run.metrics["per_class"]) == ["blue", "green", "red"]
    assert run.metrics["split"]["test_images"] == 6


def test_masks_are_learnt_from_files_and_from_a_scene_in_memory(tmp_path: Path) -> None:
    quick = {"backbone": "mobilenet-v2", "option": {"backbone_width": 0.25}, "epochs": 1}
    images, masks = masked_pictures(tmp_path / "masked")
    run = spectile.train_masks(images, masks, crop=32, batch=2, quiet=True, **quick)
    assert run.metrics["split"]["test_images"] > 0
    run = spectile.train_masks(
        scene=PIXELS.transpose(1, 2, 0), labels=LABELS, tile=16, batch=4, quiet=True, **quick
    )
    assert run.map.shape == LABELS.shape


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ((CUBE,), {}, "comes without labels"),
        ((CUBE, LABELS[:, :5]), {}, "64 x 5 pixels"),
        ((CUBE[0], LABELS), {}, "2 axes"),
        ((CUBE, LABELS), {"layers": "entropi"}, "entropy"),
        ((CUBE, LABELS), {"split": "blcks"}, "did you mean 'blocks'"),
        ((CUBE, LABELS), {"split": np.full(LABELS.shape, 1.4)}, "the split is none"),
        ((CUBE, LABELS), {"split": np.full(LABELS.shape, -1)}, "the split is none"),
        ((CUBE, LABELS), {"split": None}, "the split is none"),
        ((CUBE, LABELS), {"split": (LABELS > 0, LABELS > 0)}, "share pixels"),
        ((CUBE, LABELS), {"column": "crop"}, "leave it out"),
        ((CUBE, LABELS), {"network": Lazy}, "has lazy layers"),
        ((CUBE, LABELS), {"network": Frozen}, "no weights that may change"),
        ((CUBE, LABELS), {"network": InAList}, "InAList has numbers outside its state_dict"),
        ((CUBE, LABELS), {"network": Own, "option": {"act": nn.ReLU()}}, "act can't be kept in"),
        ((CUBE, LABELS), {"network": "mynets.py"}, "name its class or function as well, as in my"),
        ((CUBE, LABELS), {"epoch": 3}, "did you mean epochs"),
        ((CUBE, LABELS), {"epochs": 0}, "epochs is 0"),
        ((CUBE, LABELS), {"network": "hybridsm"}, "did you mean hybridsn"),
        ((CUBE, LABELS), {"network": lambda bands, classes, window: 3}, "not an nn.Module"),
        ((CUBE, LABELS), {"recipe": "worst"}, "there is no recipe 'worst'"),
        ((CUBE, LABELS), {"network": "deeplab-v3-plus"}, "classifies every pixel"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    arguments: tuple[object, ...], settings: dict[str, object], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        spectile.train(*arguments, out=tmp_path / "run", **settings)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_resumed_on_other_pixels(own: spectile.Run, tmp_path: Path) -> None:
    again = own.save(tmp_path / "again")
    with pytest.raises(InputError, match="were changed since"):
        spectile.train(CUBE + 1, LABELS, network=Own, out=again.directory, resume=True, **QUICK)
    assert spectile.open_run(again.directory).metrics == own.metrics


def test_networks_as_people_write_them_are_trained_and_saved(tmp_path: Path) -> None:
    shared = spectile.train(CUBE, LABELS, network=OneLayerTwice, out=tmp_path / "run", **QUICK)
    found = spectile.load(tmp_path / "run" / "model.safetensors", network=OneLayerTwice)
    assert np.array_equal(found.map(CUBE), shared.map)


def test_masks_of_both_sides_are_a_split() -> None:
    left = np.arange(72) < 34
    masks = np.broadcast_to(left, LABELS.shape), np.broadcast_to(~left, LABELS.shape)
    run = spectile.train(CUBE, LABELS, split=masks, window=9, **QUICK)
    assert run.metrics["split"]["test_pixels"] == np.count_nonzero(LABELS[:, 34:])


def test_a_part_is_mapped_as_it_is_named(own: spectile.Run) -> None:
    part = own.model.map(CUBE, region=(5, 10, 20, 15))
    assert np.array_equal(part, own.map[10:25, 5:25])
    wanted = LABELS > 0
    masked = own.model.map(CUBE, mask=wanted)
    assert np.array_equal(masked, np.where(wanted, own.map, 0))
    scene = data_array()
    model = spectile.train(scene, LABELS, window=9, **QUICK).model
    frame = geopandas.GeoDataFrame(
        geometry=[box(400_000 - 15, 5_800_000 - 285, 400_000 + 285, 5_800_000 + 15)], crs=32633
    )
    covered = model.map(scene, mask=frame)
    assert (covered[:10, :10] > 0).all()
    assert not (covered[10:] > 0).any()
    with pytest.raises(InputError, match="doesn't lie inside"):
        own.model.map(CUBE, region=(60, 0, 20, 15))
    with pytest.raises(InputError, match="is no mask"):
        own.model.map(CUBE, mask={})


def test_a_run_is_copied_to_places_that_are_there(own: spectile.Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="can't be written"):
        own.save(tmp_path / "file" / "run")
    with pytest.raises(InputError, match="inside of the run"):
        own.save(own.directory / "copy")
    with pytest.raises(InputError, match="can't be written"):
        own.report(tmp_path / "nowhere" / "report.html")


def test_images_without_a_label_or_data_are_refused(tmp_path: Path) -> None:
    images = [np.full((24, 24, 3), number, np.float32) for number in range(6)]
    with pytest.raises(InputError, match="image 1 has no label"):
        spectile.train_images(images, [float("nan"), 1, 1, 2, 2, 2], quiet=True)
    with pytest.raises(InputError, match="leave labels out"):
        spectile.train_images(tmp_path, ["a"], quiet=True)
    with pytest.raises(InputError, match="not both"):
        spectile.train_masks(tmp_path, scene=CUBE, labels=LABELS, quiet=True)


def test_metrics_are_those_of_the_file(own: spectile.Run) -> None:
    assert json.loads((own.directory / "metrics.json").read_text()) == own.metrics


class Rebuilding(Own):
    """It has a second head for the loss, which a map has no use for."""

    def __init__(self, bands: int, classes: int, window: int) -> None:
        super().__init__(bands, classes, window)
        self.rebuilt = nn.Linear(classes, bands)

    def outputs(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        logits = self(windows)
        return logits, self.rebuilt(logits)


def reconstruction(outputs: tuple[Tensor, Tensor], classes: Tensor, windows: Tensor) -> Tensor:
    logits, rebuilt = outputs
    middle = windows[:, :, windows.shape[2] // 2, windows.shape[3] // 2]
    return nn.functional.cross_entropy(logits, classes) + (rebuilt - middle).square().mean()


def test_a_loss_and_a_recipe_in_memory(tmp_path: Path) -> None:
    recipe = {"window": 9, "optimizer": "sgd", "momentum": 0.8, "clip": 1.0, "schedule": "cosine"}
    ways = {"network": Rebuilding, "loss": reconstruction, "recipe": recipe, **QUICK}
    run = spectile.train(CUBE, LABELS, out=tmp_path / "run", **ways)
    assert run.config["recipe"]["loss"] == f"{__name__}:reconstruction"
    assert run.config["recipe"]["momentum"] == 0.8
    assert run.map.shape == LABELS.shape
    del ways["quiet"]
    model = spectile.SceneClassifier(validation=0.2, **ways).fit(CUBE, LABELS).model_
    assert model.map(CUBE).shape == LABELS.shape
    with pytest.raises(InputError, match="did you mean momentum"):
        spectile.train(CUBE, LABELS, recipe={"momentun": 0.8})
    with pytest.raises(InputError, match="gave 1: return one number"):
        spectile.train(CUBE, LABELS, **ways | {"loss": lambda outputs, classes, windows: 1})
