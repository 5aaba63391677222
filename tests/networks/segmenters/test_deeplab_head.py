"""The DeepLabv3+ head gives what an independent implementation gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.networks import procedural
from torch import Tensor, nn

from spectile.blocks.aspp import AtrousSpatialPyramidPooling, atrous_rates
from spectile.blocks.deeplab_decoder import DeepLabDecoder

GOLDEN = Path(__file__).parents[1] / "golden" / "seed_deeplab_head.json"
LAYERS = {
    "aspp.aspp1.0": "pyramid.branches.0.conv",
    "aspp.aspp1.1": "pyramid.branches.0.norm",
    "aspp.aspp2.0": "pyramid.branches.1.conv",
    "aspp.aspp2.1": "pyramid.branches.1.norm",
    "aspp.aspp3.0": "pyramid.branches.2.conv",
    "aspp.aspp3.1": "pyramid.branches.2.norm",
    "aspp.aspp4.0": "pyramid.branches.3.conv",
    "aspp.aspp4.1": "pyramid.branches.3.norm",
    "aspp.avg_pool.1": "pyramid.branches.4.project.conv",
    "aspp.avg_pool.2": "pyramid.branches.4.project.norm",
    "aspp.conv1": "pyramid.project.conv",
    "aspp.bn1": "pyramid.project.norm",
    "decoder.conv1": "decoder.narrow.conv",
    "decoder.bn1": "decoder.narrow.norm",
    "decoder.output.0": "decoder.sharpen.0.conv",
    "decoder.output.1": "decoder.sharpen.0.norm",
    "decoder.output.3": "decoder.classifier",
}


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pyramid = AtrousSpatialPyramidPooling(512, dropout=0.5)
        self.decoder = DeepLabDecoder(64, 256, 6, convolutions=1)

    def forward(self, fine: Tensor, deep: Tensor) -> Tensor:
        return self.decoder(fine, self.pyramid(deep))


def test_head_matches_the_independent_one():
    golden = json.loads(GOLDEN.read_text())
    head = Head().eval()
    state = {}
    for key, shape in golden["state"].items():
        layer, kind = key.rsplit(".", 1)
        state[f"{LAYERS[layer]}.{kind}"] = procedural.tensor(key, shape)
    head.load_state_dict(state)
    assert sum(p.numel() for p in head.parameters()) == golden["params"]

    x = torch.from_numpy(procedural.array("input", golden["input"]))
    fine, deep = x.split([64 * 33 * 33, 512 * 9 * 9], 1)
    with torch.no_grad():
        y = head(fine.reshape(-1, 64, 33, 33), deep.reshape(-1, 512, 9, 9))
    assert list(y.shape) == golden["output_shape"]
    expected = torch.tensor(golden["output"])
    difference = (y.flatten()[golden["output_index"]] - expected).abs().max()
    assert difference <= 1e-4 * expected.abs().max()


@pytest.mark.parametrize(
    ("output_stride", "rates"), [(8, (12, 24, 36)), (16, (6, 12, 18)), (32, (3, 6, 9))]
)
def test_dilations_reach_equally_far_at_any_output_stride(output_stride, rates):
    assert atrous_rates(output_stride) == rates


def test_an_output_stride_without_dilations_is_refused():
    with pytest.raises(ValueError, match="choose 8, 16 or 32"):
        atrous_rates(12)


@pytest.mark.parametrize("separable", [False, True])
def test_pyramid_sees_as_far_as_its_rates_and_the_whole_image(separable):
    torch.manual_seed(0)
    pyramid = AtrousSpatialPyramidPooling(4, 8, (2, 3, 5), separable=separable, dropout=0).eval()
    x = torch.randn(1, 4, 15, 17, requires_grad=True)
    (pyramid(x)[0, :, 7, 8] * torch.randn(8)).sum().backward()
    everywhere = x.grad[0, :, 0, 0]  # outside all kernels: only the image's mean reaches there
    far = (x.grad[0] - everywhere[:, None, None]).abs().amax(0) > 1e-7
    taps = {
        (7 + v * rate, 8 + h * rate) for rate in (2, 3, 5) for v in (-1, 0, 1) for h in (-1, 0, 1)
    }
    assert everywhere.abs().max() > 0
    assert {tuple(tap) for tap in far.nonzero().tolist()} == taps


def test_separable_pyramid_has_depthwise_kernels():
    pyramid = AtrousSpatialPyramidPooling(32, 16, separable=True)
    convolutions = 32 * 16 + 3 * (9 * 32 + 32 * 16) + 32 * 16 + 5 * 16 * 16
    norms = 2 * (16 + 3 * (32 + 16) + 16 + 16)
    assert sum(p.numel() for p in pyramid.parameters()) == convolutions + norms


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 3)])
def test_pyramid_trains_on_one_image(size):
    pyramid = AtrousSpatialPyramidPooling(4, 8).train()
    x = torch.randn(1, 4, *size, requires_grad=True)
    y = pyramid(x)
    assert y.shape == (1, 8, *size)
    y.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in pyramid.parameters())


def test_one_image_leaves_the_statistics_of_image_pooling_alone():
    """A single value a channel has no variance; the running one must not learn from it."""
    pyramid = AtrousSpatialPyramidPooling(4, 8).train()
    norm = pyramid.branches[-1].project.norm
    pyramid(torch.randn(1, 4, 3, 3))
    assert norm.running_mean.eq(0).all()
    pyramid(torch.randn(2, 4, 3, 3))
    assert norm.running_mean.ne(0).any()


@pytest.mark.parametrize("align_corners", [True, False])
def test_decoder_enlarges_as_told(align_corners):
    torch.manual_seed(0)
    decoder = DeepLabDecoder(4, 1, 2, width=8, align_corners=align_corners).eval()
    decoder.sharpen = nn.Identity()
    decoder.classifier = nn.Identity()
    deep = torch.tensor([[[[0.0, 1.0]]]])
    enlarged = decoder(torch.zeros(1, 4, 1, 4), deep)[0, -1, 0]  # the fine map's come first
    expected = [0, 1 / 3, 2 / 3, 1] if align_corners else [0, 0.25, 0.75, 1]
    torch.testing.assert_close(enlarged, torch.tensor(expected))


def test_decoder_has_the_papers_two_convolutions():
    kernels = [
        (m.in_channels, m.out_channels, m.kernel_size)
        for m in DeepLabDecoder(64, 256, 6).modules()
        if isinstance(m, nn.Conv2d)
    ]
    assert kernels == [
        (64, 48, (1, 1)),
        (304, 256, (3, 3)),
        (256, 256, (3, 3)),
        (256, 6, (1, 1)),
    ]


@pytest.mark.parametrize("arguments", [(0, 256, 6), (64, 0, 6), (64, 256, 0)])
def test_decoder_refuses_nothing_to_work_on(arguments):
    with pytest.raises(ValueError, match="at least one channel, class and convolution"):
        DeepLabDecoder(*arguments)


def test_pyramid_refuses_a_rate_of_zero():
    with pytest.raises(ValueError, match="rates of at least 1"):
        AtrousSpatialPyramidPooling(4, 8, (0, 6, 12))
