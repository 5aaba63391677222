"""BlendMask on any backbone, for any size of image: what it finds and what it is made of."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.errors import InputError
from spectile.networks.instances.blendmask import BlendMask, boxes_of
from spectile.networks.registry import create

SMALL = {"backbone": "resnet-18", "channels": 16, "attention_size": 3, "mask_size": 7}
VARIANTS = {
    "plain": ("blendmask", {}),
    "fine": ("blendmask", {"finest_stride": 4}),
    "sum": ("blendmask", {"assembly": "sum"}),
    "one basis": ("blendmask", {"bases": 1}),
    "rt": ("blendmask-rt", {}),
    "fine rt": ("blendmask-rt", {"finest_stride": 4}),
}
BACKBONES = ("resnet-50", "sknet-26", "res2net-50", "mobilenet-v1", "mobilenet-v3-small")
every_variant = pytest.mark.parametrize("variant", VARIANTS)


def small(variant: str = "plain", bands: int = 3, classes: int = 2, **options) -> BlendMask:
    torch.manual_seed(0)
    name, own = VARIANTS[variant]
    return create(name, bands=bands, classes=classes, **{**SMALL, **own, **options})


def images(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@every_variant
@pytest.mark.parametrize("size", [(1, 1), (33, 50), (97, 129)])
def test_finds_objects_in_images_of_any_size(variant, size):
    network = small(variant, bands=5, score_threshold=0.001).eval()
    found = network.detect(images(2, 5, *size))
    assert len(found) == 2
    for each in found:
        count = len(each)
        assert 0 < count <= 100
        assert each.masks.shape == (count, 7, 7)
        assert bool((each.scores.diff() <= 0).all())
        assert bool((each.boxes[:, :2] >= 0).all())
        assert bool((each.boxes[:, :2] < each.boxes[:, 2:]).all())
        assert bool((each.boxes[:, 2:] <= torch.tensor(size[::-1])).all())
        assert set(each.classes.tolist()) <= {0, 1}


@every_variant
@pytest.mark.parametrize("count", [0, 3])
def test_every_weight_learns_from_one_image_with_and_without_objects(variant, count):
    network = small(variant).train()
    found = network(images(1, 3, 40, 51))
    at, boxes = torch.arange(count), torch.tensor([[2.0, 3, 17, 20]]).expand(count, 4)
    masks = network.masks(found, 0 * at, at, boxes, 7)
    assert masks.shape == (count, 7, 7)
    everything = [masks, network.semantic(found.finest)]
    everything += [each for level in found.levels for each in level[:3]]
    torch.stack([each.square().sum() for each in everything]).sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_nothing_is_found_before_training():
    assert [len(found) for found in small().eval().detect(images(2, 3, 64, 64))] == [0, 0]


@pytest.mark.parametrize("finest_stride", [4, 8])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_catalogue_builds_it_on_every_backbone(backbone, finest_stride):
    with torch.device("meta"):
        net = create(
            "blendmask", bands=7, classes=3, backbone=backbone, finest_stride=finest_stride
        )
        found = net(torch.empty(2, 7, 97, 129))
    sizes = [tuple(level.classes.shape[2:]) for level in found.levels]
    strides = [finest_stride * 2**level for level in range(5)]
    assert sizes == [(-(-97 // stride), -(-129 // stride)) for stride in strides]
    assert found.bases.shape == (2, 4, 2 * sizes[0][0], 2 * sizes[0][1])
    assert net.bases_stride == finest_stride / 2


@every_variant
def test_attention_at_places_is_that_of_the_whole_map(variant):
    """The paper has a convolution over all places of each level."""
    network = small(variant).eval()
    found = network(images(2, 3, 70, 83))
    whole = []
    for level in found.levels:
        numbers = F.conv2d(level.tower, network.top.weight, network.top.bias, padding=1)
        whole.append(numbers.flatten(2))
    everywhere = torch.cat(whole, 2)
    at = torch.tensor([everywhere.shape[2] - 1, 0, 5, 40, everywhere.shape[2] - 2])
    which = torch.tensor([0, 0, 1, 1, 1])
    found_attention = network.attention(found.levels, which, at).flatten(1)
    torch.testing.assert_close(found_attention, everywhere[which, :, at], atol=1e-6, rtol=1e-4)


def test_what_is_said_at_a_place_becomes_the_object():
    """One sure place; its box, class, score and mask follow by hand."""
    network = small(classes=3, mask_size=5).eval()
    with torch.no_grad():
        found = network(images(1, 3, 64, 64))
    said = [level._replace(classes=torch.full_like(level.classes, -9.0)) for level in found.levels]
    second = said[1]
    second.classes[0, 2, 1, 3] = 1.0  # at x = 56, y = 24 of stride 16
    second.distances[0, :, 1, 3] = torch.tensor([10.0, 6, 20, 12])  # to the edge and beyond
    second.centerness[0, 0, 1, 3] = 0.5
    at = 8 * 8 + 1 * 4 + 3
    one = network.choose(found._replace(levels=tuple(said)), 0, 64, 64)
    assert one.boxes.tolist() == [[46, 18, 64, 36]]
    assert one.classes.tolist() == [2]
    expected = (torch.tensor(1.0).sigmoid() * torch.tensor(0.5).sigmoid()).sqrt()
    torch.testing.assert_close(one.scores[0], expected)
    boxes, zero = one.boxes, torch.tensor([0])
    masks = network.masks(found, zero, torch.tensor([at]), boxes, 5)
    torch.testing.assert_close(one.masks, masks)


def test_equal_objects_of_two_classes_stay_and_the_rest_is_cut_off():
    network = small(classes=2, most=3).eval()
    with torch.no_grad():
        found = network(images(1, 3, 64, 64))
    finest = found.levels[0]
    finest.classes.fill_(2.0)
    finest.distances.fill_(4.0)  # boxes side by side, each for both classes
    for level in found.levels[1:]:
        level.classes.fill_(-9)
    assert len(network.choose(found, 0, 64, 64)) == 3
    network.most = 1000
    assert len(network.choose(found, 0, 64, 64)) == 2 * 8 * 8


def test_boxes_reach_from_their_places():
    distances = torch.tensor([1.0, 2, 3, 4])[:, None, None].expand(4, 1, 2)
    assert boxes_of(distances, 4).tolist() == [[1, 0, 5, 6], [5, 0, 9, 6]]


def test_an_image_does_not_depend_on_its_batch():
    network = small(score_threshold=0.001).eval()
    batch = images(2, 3, 40, 37)
    alone = [network.detect(one[None])[0] for one in batch]
    for one, other in zip(network.detect(batch), alone, strict=True):
        torch.testing.assert_close(one.boxes, other.boxes, atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(one.masks, other.masks, atol=1e-4, rtol=1e-3)


def test_parameters_are_those_of_the_papers_description():
    """R-50, FPN of P3 to P7, 4 + 4 convolutions, K = 4 bases, M = 14."""
    with torch.device("meta"):
        net = create("blendmask", bands=3, classes=80)
        rt = create("blendmask-rt", bands=3, classes=80)
    counts = {
        name: sum(p.numel() for p in part.parameters()) for name, part in net.named_children()
    }
    assert counts["backbone"] == 23_508_032  # of ResNet-50 but its classifier
    assert counts["top"] == 784 * (9 * 256 + 1)
    assert net.strides == (8, 16, 32, 64, 128)
    convolution, norm = 9 * 128 * 128, 2 * 128
    # DeepLabv3+: 1x1, three dilated 3x3 and the mean, joined; then 48 + 128 to 128 to 128 to K.
    pyramid = 2 * (256 * 128 + norm) + 3 * (9 * 256 * 128 + norm) + 5 * 128 * 128 + norm
    decoder = 256 * 48 + 2 * 48 + 9 * (48 + 128) * 128 + norm + convolution + norm + 4 * 129
    assert counts["bottom"] == pyramid + decoder
    assert rt.strides == (8, 16, 32)
    assert [len(part) for part in (rt.head.shared, rt.head.class_tower, rt.head.box_tower)] == [
        *(3, 0, 0)
    ]


def test_statistics_of_a_batch_are_the_backbones_alone():
    with torch.device("meta"):
        net = create("blendmask", bands=3, classes=2)
    norms = [name for name, part in net.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms
    assert all(name.startswith("backbone.") for name in norms)


def test_bfloat16_changes_little():
    network = small(score_threshold=0.001).eval()
    x = images(1, 3, 64, 64)
    found = network(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = network(x)
        assert len(network.detect(x)[0]) > 0
    assert rough.levels[0].distances.dtype == torch.float32
    torch.testing.assert_close(
        rough.levels[0].distances, found.levels[0].distances, atol=0.3, rtol=0.05
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"finest_stride": 2}, "choose 4 or 8"),
        ({"assembly": "add"}, "choose 'blend' or 'sum'"),
        ({"backbone": "hybridsn"}, "is no backbone"),
        ({"backbone": "se-resnet-18", "backbone_attention": "eca"}, "no place for attention"),
        ({"bases": 0}, "at least one channel, basis"),
        ({"classes": 0}, "at least one"),
        ({"bands": 0}, "at least one band"),
        ({"channels": -8}, "channels of blendmask"),
        ({"mask_sizes": 7}, "no option 'mask_sizes'"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(options, reason):
    with pytest.raises(InputError, match=reason), torch.device("meta"):
        create("blendmask", **{"bands": 3, "classes": 2, **options})


def test_a_wrong_state_or_input_is_one_sentence():
    with pytest.raises(InputError, match="call eval"):
        small().train().detect(images(1, 3, 32, 32))
    with pytest.raises(InputError, match="this network takes"):
        small().eval().detect(images(1, 4, 32, 32))


def test_what_is_found_before_choosing_exports_for_any_batch_and_size():
    network = small("rt").eval()
    dims = dict.fromkeys((0, 2, 3), torch.export.Dim.AUTO)
    exported = torch.export.export(network, (images(2, 3, 66, 68),), dynamic_shapes=(dims,))
    x = images(3, 3, 97, 129)
    torch.testing.assert_close(exported.module()(x), network(x), atol=1e-4, rtol=1e-4)
