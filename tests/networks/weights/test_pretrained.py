"""Starting from weights in files: what is taken, what stays fresh, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.networks.weights.test_convert import FILES, foreign
from torch import Tensor, nn

from spectile import networks
from spectile.errors import InputError
from spectile.networks.weights.pretrained import BACKBONE, head_parameters, start_from


def weights_of(name: str, source: str, **options: Any) -> dict[str, Tensor]:
    """Weights as `source` names them, each a number of its own so that mix-ups are seen."""
    zeros = foreign(source, name, **options)
    return {
        key: torch.full(value.shape, 1 + number / 1000) if value.dim() else torch.tensor(7)
        for number, (key, value) in enumerate(zeros.items())
    }


def created(name: str, *, bands: int = 3, classes: int = 10, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return networks.create(name, bands=bands, classes=classes, **options)


def copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def changed(network: nn.Module, before: dict[str, Tensor]) -> set[str]:
    now = network.state_dict()
    return {
        key
        for key, value in before.items()
        if not key.endswith("num_batches_tracked") and not torch.equal(value, now[key])
    }


def weights_in(network: nn.Module) -> set[str]:
    return {key for key in network.state_dict() if not key.endswith("num_batches_tracked")}


def notes_of(network: nn.Module, path: Path, **options: object) -> list[str]:
    """The sentences on weights that were loaded; those called fresh are those that stayed."""
    before = copy_of(network)
    loaded = start_from(network, path, **options)
    changed_names = changed(network, before)
    assert not changed_names & loaded.fresh
    return list(loaded.notes)


@pytest.mark.parametrize(("source", "name"), FILES)
def test_weights_of_other_programs_fill_the_network(source, name, tmp_path):
    weights = weights_of(name, source)
    save_file(weights, tmp_path / "w.safetensors")
    network = created(name)
    notes = notes_of(network, tmp_path / "w.safetensors", name=name, bands=3, source=source)
    expected = networks.convert(weights, source=source, network=name)
    torch.testing.assert_close(network.state_dict(), expected, rtol=0, atol=0)
    layers = len({key.rpartition(".")[0] for key in expected})
    assert notes == [f"Weights of {layers} layers from {tmp_path / 'w.safetensors'}."]


@pytest.mark.parametrize(
    ("name", "source", "last"),
    [
        ("resnet-18", "torchvision", "classifier"),
        ("mobilenet-v2", "torchvision", "classifier.1"),
        ("mobilenet-v3-large", "timm", "classifier.3"),
    ],
)
def test_the_last_layer_stays_fresh_for_other_classes(name, source, last, tmp_path):
    torch.save(weights_of(name, source, classes=10), tmp_path / "w.pth")
    network = created(name, classes=4)
    before = copy_of(network)
    notes = notes_of(network, tmp_path / "w.pth", name=name, bands=3, source=source)
    assert weights_in(network) - changed(network, before) == {f"{last}.weight", f"{last}.bias"}
    assert notes[1:] == [f"Fresh: {last} (4 classes instead of 10)."]


def test_bands_are_adapted_and_said(tmp_path):
    weights = weights_of("resnet-18", "torchvision")
    torch.save(weights, tmp_path / "w.pth")
    network = created("resnet-18", bands=12)
    notes = notes_of(network, tmp_path / "w.pth", name="resnet-18", bands=12, source="timm")
    torch.testing.assert_close(network.stem.conv.weight.sum(1), weights["conv1.weight"].sum(1))
    assert notes[1:] == ["First convolution: 12 bands made of the kernels of 3."]


def test_a_stem_for_small_images_stays_fresh(tmp_path):
    torch.save(weights_of("resnet-18", "torchvision"), tmp_path / "w.pth")
    network = created("resnet-18", stem="cifar", bands=5)
    before = copy_of(network)
    notes = notes_of(network, tmp_path / "w.pth", name="resnet-18", bands=5, source="torchvision")
    kept = weights_in(network) - changed(network, before)
    assert kept == {key for key in before if key.startswith("stem.")} & weights_in(network)
    assert notes[1:] == ["Fresh: stem (3 x 3 pixels instead of 7 x 7)."]


@pytest.mark.parametrize(
    "wrapper", ["model_state_dict", "net", "weights", "state_dict", "model", "anything"]
)
def test_wrappers(wrapper, tmp_path):
    weights = created("resnet-18").state_dict()
    more = {"optimizer_state_dict": {"state": {"a": torch.ones(2)}}, "epoch": 3, "ema": weights}
    torch.save({"best": torch.ones(()), wrapper: weights, **more}, tmp_path / "w.pt")
    if wrapper == "anything":
        torch.save({wrapper: weights, **more}, tmp_path / "w.pt")
    network = created("resnet-18")
    notes = notes_of(network, tmp_path / "w.pt", name="resnet-18", bands=3)
    assert notes == [f"Weights of 41 layers from {tmp_path / 'w.pt'}."]


PREFIXES = ("model.", "net.", "_orig_mod.", "module.model.", "encoder.", "base_encoder.", "a.b.c.")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("source", ["torchvision", None])
def test_prefixes_are_taken_off_and_said(prefix, source, tmp_path):
    weights = weights_of("resnet-18", "torchvision")
    expected = networks.convert(weights, source="torchvision", network="resnet-18")
    saved = weights if source else expected
    others = {"loss.weight": torch.ones(3), "queue": torch.ones(2, 2)}
    torch.save(
        {"state_dict": {**{prefix + k: v for k, v in saved.items()}, **others}}, tmp_path / "w"
    )
    network = created("resnet-18")
    notes = notes_of(network, tmp_path / "w", name="resnet-18", bands=3, source=source)
    torch.testing.assert_close(network.state_dict(), expected, rtol=0, atol=0)
    assert notes[1:] == [
        f"Names without their {prefix} in front.",
        "Unused: weights of other parts of the file, loss (1), queue (1).",
    ]


def test_a_student_and_its_teacher_are_ambiguous(tmp_path):
    weights = weights_of("resnet-18", "torchvision")
    both = {f"{who}.{k}": v for who in ("student", "teacher") for k, v in weights.items()}
    torch.save(both, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"several names \(student\. and teacher\.\)"):
        start_from(
            created("resnet-18"), tmp_path / "w.pt", name="resnet-18", bands=3, source="torchvision"
        )
    state = created("resnet-18").state_dict()
    torch.save({"student": state, "teacher": state}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"several sets of weights \(student, teacher\)"):
        start_from(created("resnet-18"), tmp_path / "w.pt", name="resnet-18", bands=3)


def test_another_head_is_left_out_and_said(tmp_path):
    weights = weights_of("resnet-18", "torchvision")
    body = {f"encoder_q.{k}": v for k, v in weights.items() if not k.startswith("fc.")}
    head = {f"encoder_q.fc.{n}.weight": torch.ones(4, 4) for n in (0, 2)}
    torch.save({"state_dict": {**body, **head}}, tmp_path / "w.pt")
    network = created("resnet-18")
    notes = notes_of(network, tmp_path / "w.pt", name="resnet-18", bands=3, source="torchvision")
    assert "Unused: fc, which is another head than resnet-18's." in notes
    assert "Fresh: classifier, which the file lacks." in notes


@pytest.mark.parametrize(
    ("backbone", "source"), [("resnet-50", "timm"), ("mobilenet-v3-large", "torchvision")]
)
def test_the_backbone_of_another_segmentation_network(backbone, source, tmp_path):
    """As torchvision's DeepLabv3 names it, and smp's: the layers behind it are other ones."""
    weights = weights_of(backbone, source)
    weights = {k: v for k, v in weights.items() if not k.startswith(("fc.", "classifier."))}
    within = {f"backbone.{k.removeprefix('features.')}": v for k, v in weights.items()}
    heads = {
        "classifier.0.convs.0.0.weight": torch.ones(1),
        "aux_classifier.0.weight": torch.ones(1),
    }
    torch.save({**within, **heads}, tmp_path / "w.pth")
    network = created("deeplab-v3-plus", classes=4, backbone=backbone)
    before = copy_of(network)
    notes = notes_of(
        network,
        tmp_path / "w.pth",
        name="deeplab-v3-plus",
        bands=3,
        source=source,
        backbone=backbone,
    )
    assert changed(network, before) == {k for k in weights_in(network) if k.startswith(BACKBONE)}
    assert (
        "Unused: weights of other parts of the file, classifier (1), aux_classifier (1)." in notes
    )


@pytest.mark.parametrize(
    ("changed_names", "said"),
    [
        ({"conv1.weight": "conv1.0.weight"}, "such as timm's resnet50d: take those of resnet50"),
        ({"layer1.0.conv1.weight": "layer1.0.se_module.fc1.weight"}, "legacy_seresnet"),
        ({"conv1.weight": "patch_embed.proj.weight"}, "a vision transformer"),
    ],
)
def test_families_that_only_look_alike_are_named(changed_names, said, tmp_path):
    weights = weights_of("resnet-50", "timm")
    torch.save({changed_names.get(k, k): v for k, v in weights.items()}, tmp_path / "w.pth")
    with pytest.raises(InputError, match=said):
        start_from(
            created("resnet-50"), tmp_path / "w.pth", name="resnet-50", bands=3, source="timm"
        )


@pytest.mark.parametrize(
    ("shape", "said"),
    [((128, 4, 3, 3), "a ResNeXt"), ((128, 128, 3, 3), "a wide ResNet")],
)
def test_shapes_that_give_a_family_away(shape, said):
    weights = {**weights_of("resnet-50", "timm"), "layer1.0.conv2.weight": torch.ones(shape)}
    with pytest.raises(InputError, match=said):
        networks.convert(weights, source="timm", network="resnet-50")


def test_skresnet_is_told_from_skresnext():
    weights = weights_of("sknet-50", "timm")
    networks.convert(weights, source="timm", network="sknet-50")
    weights["layer1.0.conv2.paths.0.conv.weight"] = torch.ones(64, 32, 3, 3)
    with pytest.raises(InputError, match="skresnet, whose kernels see half of the channels"):
        networks.convert(weights, source="timm", network="sknet-50")


@pytest.mark.parametrize(
    ("name", "source"),
    [("resnet-18", "torchvision"), ("mobilenet-v2", "torchvision"), ("mobilenet-v3-large", "timm")],
)
def test_the_head_can_be_left_out_of_what_is_converted(name, source):
    weights = weights_of(name, source, classes=10)
    body = networks.convert(weights, source=source, network=name, head=False)
    without = created(name, classes=0)
    without.load_state_dict(body)  # strictly
    missing, unexpected = created(name, classes=3).load_state_dict(body, strict=False)
    assert len(missing) == 2
    assert not unexpected


def test_objects_beside_the_weights_are_named(tmp_path):
    torch.save({"state_dict": {"a": torch.ones(1)}, "args": Outsider()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"holds objects of .*Outsider besides weights"):
        start_from(created("resnet-18"), tmp_path / "w.pt", name="resnet-18", bands=3)


@pytest.mark.parametrize("wrapped", ["state_dict", "model", "parallel", "lightning"])
def test_what_training_programs_write_around_weights_is_taken_off(wrapped, tmp_path):
    source = created("resnet-18")
    weights = source.state_dict()
    torch.save(
        {
            "state_dict": {"epoch": 3, "state_dict": weights},
            "model": {"model": weights, "optimizer": {}},
            "parallel": {f"module.{key}": value for key, value in weights.items()},
            "lightning": {
                "state_dict": {
                    **{f"network.{key}": value for key, value in weights.items()},
                    "weights": torch.ones(2),
                }
            },
        }[wrapped],
        tmp_path / "w.pt",
    )
    torch.manual_seed(5)
    network = networks.create("resnet-18", bands=3, classes=10)
    start_from(network, tmp_path / "w.pt", name="resnet-18", bands=3)
    torch.testing.assert_close(network.state_dict(), source.state_dict(), rtol=0, atol=0)


def model_file(network: nn.Module, path: Path) -> Path:
    tensors = {f"network.{key}": value for key, value in network.state_dict().items()}
    save_file({**tensors, "reducer.mean": torch.zeros(3)}, path, {"spectile": "{}"})
    return path


def test_a_model_file_of_the_same_network_goes_on(tmp_path):
    torch.manual_seed(3)
    trained = networks.create("hybridsn", bands=15, classes=5, window=9)
    path = model_file(trained, tmp_path / "model.safetensors")
    network = created("hybridsn", bands=15, classes=6, window=9)
    notes = notes_of(network, path, name="hybridsn", bands=15, source="spectile")
    assert notes[1:] == ["Fresh: classifier.7 (6 classes instead of 5)."]
    assert torch.equal(network.classifier[1].weight, trained.classifier[1].weight)


@pytest.mark.parametrize(
    ("backbone", "source"),
    [("resnet-50", "timm"), ("mobilenet-v2", "torchvision"), ("mobilenet-v3-large", "timm")],
)
def test_a_segmentation_network_takes_weights_of_its_backbone(backbone, source, tmp_path):
    torch.save(weights_of(backbone, source), tmp_path / "w.pth")
    network = created("deeplab-v3-plus", bands=5, classes=4, backbone=backbone, output_stride=8)
    before = copy_of(network)
    notes = notes_of(
        network,
        tmp_path / "w.pth",
        name="deeplab-v3-plus",
        bands=5,
        source=source,
        backbone=backbone,
    )
    assert changed(network, before) == {
        key for key in weights_in(network) if key.startswith("backbone.")
    }
    assert notes[-1] == "Fresh: all but the backbone."


def test_a_whole_segmentation_network_starts_another_one(tmp_path):
    options = {"backbone": "mobilenet-v2", "backbone_width": 0.35}
    torch.manual_seed(3)
    trained = networks.create("deeplab-v3-plus", bands=3, classes=4, **options)
    path = model_file(trained, tmp_path / "model.safetensors")
    network = created("deeplab-v3-plus", bands=6, classes=2, **options)
    notes = notes_of(network, path, name="deeplab-v3-plus", bands=6, backbone="mobilenet-v2")
    assert notes[1:] == [
        "First convolution: 6 bands made of the kernels of 3.",
        "Fresh: decoder.classifier (2 classes instead of 4).",
    ]
    torch.testing.assert_close(network.pyramid.state_dict(), trained.pyramid.state_dict())


BLENDMASK = {"backbone": "resnet-18", "channels": 16, "attention_size": 2}


def test_a_network_of_instances_takes_weights_of_its_backbone(tmp_path):
    torch.save(weights_of("resnet-18", "torchvision"), tmp_path / "w.pth")
    network = created("blendmask", bands=5, classes=4, **BLENDMASK)
    before = copy_of(network)
    notes = notes_of(
        network,
        tmp_path / "w.pth",
        name="blendmask",
        bands=5,
        source="torchvision",
        backbone="resnet-18",
    )
    assert changed(network, before) == {k for k in weights_in(network) if k.startswith(BACKBONE)}
    assert notes[-1] == "Fresh: all but the backbone."
    head = {id(weight) for weight in head_parameters(network)}
    assert {n.split(".")[0] for n, p in network.named_parameters() if id(p) not in head} == {
        "backbone"
    }


def test_a_whole_network_of_instances_starts_another_one(tmp_path):
    torch.manual_seed(3)
    trained = networks.create("blendmask", bands=3, classes=4, **BLENDMASK)
    path = model_file(trained, tmp_path / "model.safetensors")
    network = created("blendmask", bands=3, classes=2, **BLENDMASK)
    assert notes_of(network, path, name="blendmask", bands=3)[1:] == [
        "Fresh: head.classify (2 classes instead of 4).",
        "Fresh: semantic.2 (3 classes instead of 5).",
    ]
    torch.testing.assert_close(network.bottom.state_dict(), trained.bottom.state_dict())


def test_attention_that_the_file_lacks_stays_fresh(tmp_path):
    torch.save(weights_of("resnet-18", "torchvision"), tmp_path / "w.pth")
    network = created("resnet-18", attention="cbam")
    networks.insert_attention(network, "eca", where="layers.3")
    before = copy_of(network)
    notes = notes_of(network, tmp_path / "w.pth", name="resnet-18", bands=3, source="torchvision")
    kept = weights_in(network) - changed(network, before)
    assert kept == {key for key in weights_in(network) if "attention" in key}
    assert notes[1:] == ["Fresh: attention in 9 places, which the file lacks."]


def test_attention_of_another_kind_is_exchanged(tmp_path):
    torch.save(weights_of("mobilenet-v3-large", "timm"), tmp_path / "w.pth")
    network = created("mobilenet-v3-large", attention="eca")
    notes = notes_of(network, tmp_path / "w.pth", name="mobilenet-v3-large", bands=3, source="timm")
    assert notes[1:] == [
        "Fresh: attention in 8 places, which the file lacks.",
        "Unused: the file's own attention in 8 places.",
    ]


def test_attention_of_the_same_kind_is_taken(tmp_path):
    torch.save(weights_of("se-resnet-50", "timm"), tmp_path / "w.pth")
    network = created("se-resnet-50")
    before = copy_of(network)
    notes = notes_of(network, tmp_path / "w.pth", name="se-resnet-50", bands=3, source="timm")
    assert changed(network, before) == weights_in(network)
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("missing", "kept"),
    [(("classifier",), "classifier.3"), (("classifier", "conv_head"), "classifier")],
)
def test_weights_for_features_alone_leave_the_classifier_fresh(missing, kept, tmp_path):
    weights = weights_of("mobilenet-v3-large", "timm")
    weights = {key: value for key, value in weights.items() if not key.startswith(missing)}
    torch.save(weights, tmp_path / "w.pth")
    network = created("mobilenet-v3-large")
    before = copy_of(network)
    notes = notes_of(network, tmp_path / "w.pth", name="mobilenet-v3-large", bands=3, source="timm")
    assert weights_in(network) - changed(network, before) == {
        key for key in before if key.startswith(f"{kept}.")
    }
    assert notes[1:] == [f"Fresh: {kept}, which the file lacks."]


class Outsider:
    """Something that only running its code could bring back."""


def test_the_head_is_what_stands_on_the_features():
    network = created("mobilenet-v2")
    assert head_parameters(network) == list(network.classifier.parameters())
    network = created("deeplab-v3-plus", backbone="mobilenet-v2", attention="se")
    head = {id(weight) for weight in head_parameters(network)}
    body = {id(weight) for weight in network.backbone.parameters()}
    assert not head & body
    assert head | body == {id(weight) for weight in network.parameters()}
    with pytest.raises(InputError, match="no classifier"):
        head_parameters(nn.Conv2d(1, 1, 1))
