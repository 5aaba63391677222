"""DeepLabv3+ on any backbone, for any size of image."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from spectile.errors import InputError
from spectile.networks.classifiers.feature_stages import FeatureStage
from spectile.networks.classifiers.mobilenet_v1 import MobileNetV1
from spectile.networks.classifiers.mobilenet_v2 import MobileNetV2
from spectile.networks.classifiers.mobilenet_v3 import MobileNetV3
from spectile.networks.classifiers.res2net import Res2Net
from spectile.networks.classifiers.resnet import ResNet
from spectile.networks.classifiers.sknet import SKNet
from spectile.networks.registry import create, describe, names
from spectile.networks.segmenters.deeplab_v3_plus import DeepLabV3Plus, deeplab_v3_plus

FAMILIES = [MobileNetV1, MobileNetV2, MobileNetV3, Res2Net, ResNet, SKNet]


class Strided(nn.Module):
    """A backbone of plain strided convolutions, as somebody else might bring along."""

    def __init__(self, bands: int = 3, strides: tuple[int, ...] = (4, 2, 2)) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        stages = []
        reached = 1
        for stride in strides:
            self.layers.append(nn.Conv2d(bands, 8, 3, stride, padding=1))
            bands, reached = 8, reached * stride
            stages.append(FeatureStage(8, reached))
        self.stages = tuple(stages)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = []
        for layer in self.layers:
            x = torch.relu(layer(x))
            maps.append(x)
        return tuple(maps)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("family", FAMILIES)
def test_any_backbone_at_any_output_stride_keeps_an_odd_size(family, output_stride):
    with torch.device("meta"):
        net = DeepLabV3Plus(family(3, 1, output_stride=output_stride), 6).eval()
        assert net(torch.empty(1, 3, 97, 129)).shape == (1, 6, 97, 129)
    assert [c.conv.dilation[0] for c in net.pyramid.branches[1:4]] == {
        8: [12, 24, 36],
        16: [6, 12, 18],
        32: [3, 6, 9],
    }[output_stride]


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_trains_on_one_odd_image(output_stride):
    torch.manual_seed(0)
    net = DeepLabV3Plus(ResNet(3, 1, depth=18, output_stride=output_stride), 6).train()
    y = net(torch.randn(1, 3, 97, 129))
    assert y.shape == (1, 6, 97, 129)
    y.square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_weight_learns(family):
    """What only a backbone's own logits need would be carried along for nothing."""
    torch.manual_seed(0)
    net = DeepLabV3Plus(family(5, 1, output_stride=16), 2).train()
    net(torch.randn(2, 5, 33, 40)).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (31, 17)])
@pytest.mark.parametrize("bands", [1, 250])
def test_any_size_and_any_number_of_bands(size, bands):
    net = DeepLabV3Plus(Strided(bands), 4).train()
    assert net(torch.randn(1, bands, *size)).shape == (1, 4, *size)


def test_fine_map_is_the_last_of_stride_4():
    net = DeepLabV3Plus(Strided(strides=(2, 2, 1, 2, 2)), 4)
    assert net.fine == 2


@pytest.mark.parametrize(
    ("strides", "reason"), [((2, 4), "needs a map of stride 4"), ((4, 3), "stride of 12: choose 8")]
)
def test_a_backbone_that_does_not_fit_is_refused(strides, reason):
    with pytest.raises(InputError, match=reason):
        DeepLabV3Plus(Strided(strides=strides), 4)


def test_output_stride_12_is_refused():
    with pytest.raises(InputError, match="choose 8, 16 or 32"):
        deeplab_v3_plus(3, 6, backbone="resnet-50", output_stride=12)


@pytest.mark.parametrize("backbone", [name for name in names() if describe(name).takes == "images"])
def test_the_catalogue_builds_it_on_every_backbone(backbone):
    with torch.device("meta"):
        net = create("deeplab-v3-plus", bands=7, classes=3, backbone=backbone, output_stride=8)
    assert net.decoder.classifier.out_channels == 3
    assert net.backbone.stages[-1].stride == 8


def test_attention_of_the_backbone_stands_in_its_blocks():
    with torch.device("meta"):
        net = create(
            "deeplab-v3-plus", bands=3, classes=2, backbone="resnet-18", backbone_attention="eca"
        )
    places = [key for key in net.state_dict() if ".attention." in key]
    assert len(places) == 8
    assert all(key.startswith("backbone.layers.") for key in places)


@pytest.mark.parametrize("depth", [18, 50])
def test_a_resnet_with_se_is_a_se_resnet(depth):
    with torch.device("meta"):
        ours = deeplab_v3_plus(3, 2, backbone=f"resnet-{depth}", backbone_attention="se")
        named = deeplab_v3_plus(3, 2, backbone=f"se-resnet-{depth}")
    shapes = [{k: v.shape for k, v in net.state_dict().items()} for net in (ours, named)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize(
    "backbone", ["mobilenet-v1", "mobilenet-v2", "mobilenet-v3-large", "mobilenet-v3-small"]
)
def test_a_narrow_mobilenet_trains_every_weight(backbone, output_stride):
    torch.manual_seed(0)
    net = deeplab_v3_plus(
        5, 2, backbone=backbone, backbone_width=0.25, output_stride=output_stride
    ).train()
    with torch.device("meta"):
        wide = deeplab_v3_plus(5, 2, backbone=backbone)
    sizes = [sum(p.numel() for p in n.backbone.parameters()) for n in (net, wide)]
    assert 4 * sizes[0] < sizes[1]
    y = net(torch.randn(2, 5, 33, 40))
    assert y.shape == (2, 2, 33, 40)
    y.square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"backbone": "se-resnet-50", "backbone_attention": "eca"}, "se-resnet-50 has no place"),
        ({"backbone": "mobilenet-v1", "backbone_attention": "eca"}, "mobilenet-v1 has no place"),
        ({"backbone": "resnet-18", "backbone_attention": "cbma"}, "did you mean 'cbam'"),
        ({"backbone": "resnet-50", "backbone_width": 0.5}, "resnet-50 has no width multiplier"),
        ({"backbone": "res2net-50", "backbone_width": 0.5}, "res2net-50 has no width multiplier"),
        ({"backbone": "mobilenet-v2", "backbone_width": 0.0}, "greater than 0"),
    ],
)
def test_what_the_backbone_does_not_have_is_refused(options, reason):
    with pytest.raises(InputError, match=reason), torch.device("meta"):
        create("deeplab-v3-plus", bands=3, classes=2, **options)


@pytest.mark.parametrize("backbone", ["hybridsn", "deeplab-v3-plus"])
def test_a_network_that_is_no_backbone_is_refused(backbone):
    with pytest.raises(InputError, match="no backbone"):
        deeplab_v3_plus(3, 6, backbone=backbone)


def test_no_class_is_refused():
    with pytest.raises(InputError, match="at least one channel, class"):
        DeepLabV3Plus(Strided(), 0)


def test_attention_acts_between_pyramid_and_decoder():
    net = DeepLabV3Plus(Strided(), 4, attention="se")
    assert net.attention.reduce.in_channels == 256
    with pytest.raises(InputError, match="did you mean 'cbam'"):
        DeepLabV3Plus(Strided(), 4, attention="cbma")


@pytest.fixture
def small() -> DeepLabV3Plus:
    torch.manual_seed(0)
    return DeepLabV3Plus(Strided(), 4).eval()


@pytest.fixture
def x() -> Tensor:
    return torch.randn(2, 3, 33, 42, generator=torch.Generator().manual_seed(1))


def test_exports_for_any_batch_and_size(small, x):
    dims = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    exported = torch.export.export(small, (x,), dynamic_shapes=(dims,)).module()
    other = torch.randn(3, 3, 47, 65)
    torch.testing.assert_close(exported(other), small(other), atol=1e-5, rtol=1e-5)


def test_compiles_without_a_break(small, x):
    compiled = torch.compile(small, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), small(x), atol=1e-5, rtol=1e-5)


def test_channels_last_and_autocast_give_the_same(small, x):
    last = copy.deepcopy(small).to(memory_format=torch.channels_last)
    expected = small(x)
    y = last(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(y, expected, atol=1e-5, rtol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(small(x).float(), expected, atol=0.05, rtol=0.05)


def test_fine_tunes_to_half_the_classes(small, x):
    half = DeepLabV3Plus(Strided(), 2).eval()
    kept = {k: v for k, v in small.state_dict().items() if "decoder.classifier" not in k}
    missing, unexpected = half.load_state_dict(kept, strict=False)
    assert missing == ["decoder.classifier.weight", "decoder.classifier.bias"]
    assert unexpected == []
    assert half(x).shape == (2, 2, 33, 42)
