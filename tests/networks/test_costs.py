"""Costs are counted right, for any size, without memory to speak of."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spectile.errors import InputError
from spectile.networks.costs import costs, measure


def meta(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers).to("meta")


def test_counts_by_hand():
    found = measure(
        meta(
            nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),  # 4x5 outputs of 2x9 products
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(6 * 4 * 5, 7),
        ),
        4,
        (7, 9),
    )
    assert found.parameters == 6 * 2 * 9 + 6 + 120 * 7 + 7
    assert found.multiply_adds == 6 * 4 * 5 * 2 * 9 + 120 * 7
    # The image for the convolution's gradient; its output for ReLU's and the linear layer's.
    assert found.activation_bytes == 4 * (4 * 7 * 9 + 6 * 4 * 5)


def test_three_dimensions_count():
    found = measure(meta(nn.Unflatten(1, (1, 5)), nn.Conv3d(1, 2, (3, 2, 2))), 5, (4, 4))
    assert found.multiply_adds == 2 * 3 * 3 * 3 * 12


def test_activations_are_what_training_keeps_on_a_real_device():
    from spectile import networks

    network = networks.create("mobilenet-v3-small", bands=5, classes=3, width=0.5)
    x = torch.randn(1, 5, 96, 64)
    weights = {tensor.data_ptr() for tensor in network.state_dict().values()}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        network.train()(x)
    real = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    found = costs("mobilenet-v3-small", bands=5, classes=3, width=0.5, size=(96, 64))
    assert found.activation_bytes == pytest.approx(real, rel=0.02)


def test_bands_and_size_change_what_they_should():
    few, many = costs("resnet-18", bands=3), costs("resnet-18", bands=224)
    assert many.parameters - few.parameters == 221 * 64 * 49
    assert many.multiply_adds - few.multiply_adds == 221 * 64 * 49 * 112**2
    large, small = (costs("resnet-18", size=size).multiply_adds for size in (192, 96))
    assert large / small == pytest.approx(4, rel=0.01)


def test_a_network_of_windows_is_counted_for_one_window():
    assert costs("hybridsn", bands=30, window=15, size=999).size == (15, 15)


def test_every_pixel_of_a_segmentation_costs():
    assert costs("deeplab-v3-plus", backbone="mobilenet-v2", classes=6, size=(97, 129)).size == (
        97,
        129,
    )


def test_a_network_of_instances_costs_what_an_image_takes_before_objects_are_chosen():
    large, small = (
        costs("blendmask-rt", backbone="mobilenet-v2", channels=64, classes=6, size=size)
        for size in (256, 128)
    )
    assert large.multiply_adds / small.multiply_adds == pytest.approx(4, rel=0.01)
    assert large.parameters == small.parameters


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("vgg-16", {"width": 0.5}, "has no options"),
        ("resnet-18", {"width": 0.5}, "no option 'width'"),
        ("resnet-18", {"size": 0}, "0 x 0 pixels"),
        ("vgg-61", {}, "no network called"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, reason):
    with pytest.raises(InputError, match=reason):
        costs(name, **options)
