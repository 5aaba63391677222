"""The model file: comes back as it was, and refuses what doesn't fit."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from spectile import networks
from spectile.data.labels.legend import Category, Legend
from spectile.data.preprocessing.components import Preprocessing
from spectile.data.preprocessing.guide import Guide
from spectile.data.preprocessing.reducers import fit_reducer
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.scene import Scene
from spectile.errors import InputError
from spectile.model.file import load
from spectile.model.header import METADATA_KEY
from spectile.model.model import Model
from spectile.model.smoothing import Smoothing
from spectile.model.trained_task import ImageTask, PixelTask, TrainedTask, WindowTask

WAVELENGTHS = np.array([450.0, 500.0, 550.0, 600.0, 650.0, 700.0])
USED = (0, 1, 3, 4)


def model(wavelengths: np.ndarray | None = WAVELENGTHS[list(USED)]) -> Model:
    torch.manual_seed(0)
    spectra = np.random.default_rng(0).normal(1000, 100, (50, len(USED)))
    return Model(
        name="hybridsn-se",
        options={"window": 9},
        network=networks.create("hybridsn-se", bands=3, classes=2, window=9).eval(),
        trained_for=WindowTask(9),
        preprocessing=Preprocessing(USED, fit_reducer("pca", spectra, components=3), "reflect"),
        legend=Legend((Category(3, "Äcker <&>", (1, 2, 3)), Category(14, "water", (0, 0, 250)))),
        scene_bands=6,
        wavelengths=wavelengths,
        provenance={"seed": 7, "split": {"kind": "blocks"}},
    )


def segment_model(task: TrainedTask = PixelTask(64, (0, 255))) -> Model:  # noqa: B008, frozen
    torch.manual_seed(0)
    options = {"backbone": "mobilenet-v2", "output_stride": 8}
    network = networks.create("deeplab-v3-plus", bands=3, classes=2, **options).eval()
    return replace(
        model(), name="deeplab-v3-plus", options=options, network=network, trained_for=task
    )


def scene(bands: int = 6, wavelengths: np.ndarray | None = None, size: int = 12) -> Scene:
    return scene_from_array(np.zeros((bands, size, size), np.float32), wavelengths=wavelengths)


def change_header(path: Path, **change: object) -> None:
    """Write a model file's description anew; what is None goes."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()[METADATA_KEY])
    changed = {key: value for key, value in {**header, **change}.items() if value is not None}
    changed.setdefault("wavelengths", None)
    save_file(load_file(path), path, {METADATA_KEY: json.dumps(changed)})


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    saved = model()
    saved.save(tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert loaded.legend == saved.legend
    assert loaded.provenance == saved.provenance
    assert loaded.preprocessing.bands == USED
    np.testing.assert_array_equal(
        loaded.preprocessing.reducer.matrix, saved.preprocessing.reducer.matrix
    )
    x = torch.randn(4, 3, 9, 9)
    assert torch.equal(loaded.network(x), saved.network(x))
    assert not loaded.network.training


def smoothing_model() -> Model:
    guide = Guide(np.arange(6.0).reshape(3, 2), np.array([0.5, -1]))
    return replace(model(), smoothing=Smoothing(guide, 3, 0.2))


def test_smoothing_comes_back_and_older_files_have_none(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    smoothing_model().save(path)
    found = load(path).smoothing
    assert found is not None
    assert (found.radius, found.epsilon) == (3, 0.2)
    np.testing.assert_array_equal(found.guide.matrix, np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(found.guide.offset, [0.5, -1])
    assert load(path).smoothed(5).smooth == 5
    change_header(path, smoothing=None)
    assert load(path).smoothing is None
    assert load(path).smooth == 0
    with pytest.raises(InputError, match="written before there was smoothing: train it anew"):
        load(path).smoothed(5)


@pytest.mark.parametrize(
    "tensors",
    [
        {"guide.matrix": torch.ones(4, 2, dtype=torch.float64)},
        {"guide.matrix": torch.ones(3, 4, dtype=torch.float64)},
        {"guide.offset": torch.ones(3, dtype=torch.float64)},
        {"guide.offset": torch.tensor([1, torch.inf], dtype=torch.float64)},
        {"guide.matrix": None},
    ],
)
def test_a_guide_of_other_components_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor | None]
) -> None:
    path = tmp_path / "m.safetensors"
    smoothing_model().save(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    changed = {**load_file(path), **tensors}
    save_file({key: value for key, value in changed.items() if value is not None}, path, metadata)
    with pytest.raises(InputError, match="lacks the guide for 3 components"):
        load(path)


@pytest.mark.parametrize("longer", range(8))
def test_numbers_lie_in_memory_as_those_of_a_new_network(tmp_path: Path, longer: int) -> None:
    """On some processors other kernels run where they don't: a file's tensors lie anywhere."""
    fitted = segment_model()
    fitted.network.to(memory_format=torch.channels_last)  # as a fit may leave it
    matrix = np.asfortranarray(fitted.preprocessing.reducer.matrix)
    reducer = replace(fitted.preprocessing.reducer, matrix=matrix)
    fitted = replace(
        fitted,
        preprocessing=replace(fitted.preprocessing, reducer=reducer),
        provenance={"note": "x" * longer},
    )
    fitted.save(tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    for tensor, new in zip(
        loaded.network.state_dict().values(),
        segment_model().network.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(tensor, new)
        assert tensor.stride() == new.stride()
        assert tensor.data_ptr() % 64 == new.data_ptr() % 64 == 0
    found = loaded.preprocessing.reducer.matrix
    assert found.strides == reducer.matrix.strides
    assert found.ctypes.data % 16 == 0


def test_a_temperature_comes_back_and_none_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    replace(model(), temperature=1.5).save(path)
    assert load(path).temperature == 1.5
    change_header(path, temperature=0.0)
    with pytest.raises(InputError, match="changed by hand"):
        load(path)
    model().save(path)
    assert load(path).temperature == 1
    with safe_open(path, "pt") as file:
        assert "temperature" not in file.metadata()[METADATA_KEY], "earlier programs refuse it"


def test_bands_are_found_by_wavelength_wherever_they_stand() -> None:
    shuffled = np.array([700.0, 651.0, 599.0, 551.0, 500.0, 449.0, 400.0])
    found = model().for_scene(scene(7, shuffled))
    assert found.bands == (5, 4, 2, 1)


def test_missing_wavelengths_are_named() -> None:
    with pytest.raises(InputError, match=r"lacks 2 of the model's 4 bands, the first at 600\.0 nm"):
        model().for_scene(scene(3, np.array([450.0, 500.0, 550.0])))


@pytest.mark.parametrize("wavelengths", [None, WAVELENGTHS[list(USED)]])
def test_without_wavelengths_the_number_of_bands_counts(wavelengths: np.ndarray | None) -> None:
    assert model(wavelengths).for_scene(scene(6)).bands == USED
    with pytest.raises(InputError, match="has 5 bands, but the model was trained on 6"):
        model(wavelengths).for_scene(scene(5))


def test_a_scene_smaller_than_the_window_is_refused() -> None:
    with pytest.raises(InputError, match="smaller than the model's window of 9"):
        model().for_scene(scene(6, size=8))


def test_a_segment_model_maps_scenes_smaller_than_its_crops(tmp_path: Path) -> None:
    segment_model().save(tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert (loaded.task, loaded.window, loaded.mask_values) == ("segment", 64, (0, 255))
    assert loaded.for_scene(scene(6, size=5)).bands == USED
    x = torch.randn(1, 3, 20, 33)
    assert torch.equal(loaded.network(x), segment_model().network(x))


def test_a_classify_model_keeps_the_edge_of_its_images(tmp_path: Path) -> None:
    network = networks.create("resnet-18", bands=3, classes=2, stem="cifar").eval()
    classify = replace(model(), name="resnet-18", options={"stem": "cifar"}, network=network)
    replace(classify, trained_for=ImageTask(32)).save(tmp_path / "m.safetensors")
    loaded = load(tmp_path / "m.safetensors")
    assert (loaded.task, loaded.image_edge, loaded.mask_values) == ("classify", 32, None)


def test_a_file_from_before_there_were_tasks_is_of_scenes(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model().save(path)
    change_header(path, task=None, format=1, window=9, own_network=None, fingerprint=None)
    loaded = load(path)
    assert (loaded.task, loaded.window) == ("scene", 9)


def test_a_file_of_format_1_gives_the_numbers_that_it_gave(tmp_path: Path) -> None:
    """Written by an earlier version, with the logits that it found: files/format1.py."""
    loaded = load(Path(__file__).parent / "files" / "format1.safetensors")
    assert loaded.trained_for == WindowTask(9)
    assert (loaded.scene_bands, loaded.preprocessing.bands) == (4, (0, 1, 3))
    assert loaded.legend == model().legend
    assert (loaded.physical, loaded.medians.tolist()) == (True, [990, 1000, 1010])
    x = torch.linspace(-1, 1, 162).reshape(1, 2, 9, 9)
    expected = torch.tensor([loaded.provenance["logits"]])
    torch.testing.assert_close(loaded.network(x), expected, rtol=1e-5, atol=1e-6)
    loaded.save(tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert again.trained_for == WindowTask(9)
    assert torch.equal(again.network(x), loaded.network(x))


@pytest.mark.parametrize(
    ("task", "noted"),
    [
        (PixelTask(64, (0, 255)), {"task": "segment", "window": 64, "mask_values": [0, 255]}),
        (PixelTask(64), {"task": "segment", "window": 64}),
    ],
)
def test_tasks_of_format_1_are_understood(
    tmp_path: Path, task: TrainedTask, noted: dict[str, object]
) -> None:
    path = tmp_path / "m.safetensors"
    segment_model().save(path)
    change_header(path, format=1, own_network=None, fingerprint=None, **noted)
    assert load(path).trained_for == task
    change_header(path, image_edge=9)
    with pytest.raises(InputError, match="doesn't understand"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": {"name": "classify", "edge": 9, "crop": 9}}, "doesn't understand"),
        ({"task": {"name": "segment", "crop": 9, "mask_values": [1, 2, 3]}}, "doesn't understand"),
        ({"task": {"name": "segment", "crop": 9, "mask_values": [1, 1]}}, "doesn't understand"),
        ({"options": {"backbone": "resnet-18"}}, "don't fit"),
        ({"network": "mobilenet-v2", "options": {}}, "don't fit"),
    ],
)
def test_a_header_of_another_task_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "m.safetensors"
    segment_model().save(path)
    change_header(path, **change)
    with pytest.raises(InputError, match=message):
        load(path)


def test_the_task_has_to_fit_the_network(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    segment_model(ImageTask()).save(path)
    with pytest.raises(InputError, match="deeplab-v3-plus doesn't classify images"):
        load(path)


def test_a_network_that_was_changed_is_not_saved_under_its_old_name(tmp_path: Path) -> None:
    changed = model()
    networks.insert_attention(changed.network, "eca", where="spatial")
    with pytest.raises(InputError, match="other layers than hybridsn-se"):
        changed.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no model file"):
        load(tmp_path / "none.safetensors")


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(2)}, tmp_path / "foreign.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match="not one that Spectile wrote"):
        load(tmp_path / "foreign.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 3}, "newer Spectile"),
        ({"format": "x"}, "doesn't understand"),
        ({"surprise": 1}, "doesn't understand"),
        ({"network": "hybridsn-x"}, "don't fit"),
        ({"network": "hybridsn"}, "don't fit"),
        ({"options": {"window": 11}}, "don't fit"),
        ({"options": {"window": 10**9 + 1}}, "don't fit"),
        ({"bands": [0, 1]}, "its reducer is for others"),
        ({"bands": [0, 1, 2, 9]}, "its reducer is for others"),
        ({"fingerprint": "0"}, "don't fit"),
        ({"task": {"name": "scene", "window": 11}}, "don't fit"),
        ({"task": {"name": "scene", "window": 0}}, "doesn't understand"),
        ({"task": {"name": "scene", "window": 10}}, "the network's window isn't 10"),
        ({"task": {"name": "segment", "crop": 9}}, "hybridsn-se doesn't classify pixels"),
        ({"task": {"name": "detect", "window": 9}}, "'detect', which is unknown here"),
        ({"task": {"name": "scene", "window": 9, "edge": 32}}, "doesn't understand"),
        ({"window": 9}, "doesn't understand"),
    ],
)
def test_a_header_changed_by_hand_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "m.safetensors"
    model().save(path)
    change_header(path, **change)
    with pytest.raises(InputError, match=message):
        load(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_is_never_more_than_an_input_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "m.safetensors"
    if not path.exists():
        model().save(path)
    content = bytearray(path.read_bytes())
    damaged = tmp_path / "damaged.safetensors"
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        # The header and its length: damage to a weight is a weight like any other.
        content[data.draw(st.integers(0, 2000))] ^= 1 << data.draw(st.integers(0, 7))
    damaged.write_bytes(content)
    with suppress(InputError):
        load(damaged)


def test_an_unwritable_place_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be written"):
        replace(model(), provenance={}).save(tmp_path / "missing" / "m.safetensors")
    assert not list(tmp_path.iterdir())
