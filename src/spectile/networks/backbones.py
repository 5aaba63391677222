"""Networks of images as backbones of others: which can be one, and with which options."""

from __future__ import annotations

from typing import cast

from torch import nn

from spectile.errors import InputError
from spectile.networks.classifiers.feature_stages import Backbone
from spectile.networks.classifiers.mobile_network import MobileNetwork
from spectile.networks.registry import describe


def without_classifier(backbone: Backbone) -> Backbone:
    """`backbone` without the layers behind its features, which nothing would ever train."""
    network = cast(nn.Module, backbone)
    if isinstance(network, MobileNetwork) and not network.features_tail:
        network.tail = nn.Identity()
    if hasattr(network, "classifier"):
        network.classifier = nn.Identity()
    return backbone


def backbone_options(
    backbone: str, attention: str | None, width: float | None
) -> dict[str, str | float]:
    """What to create the backbone with; raises InputError for what it can't take."""
    known = describe(backbone).options
    if "output_stride" not in known or "backbone" in known:
        raise InputError(f"{backbone} is no backbone: choose one such as resnet-50.")
    options: dict[str, str | float] = {}
    if attention is not None:
        if "attention" not in known:
            raise InputError(
                f"{backbone} has no place for attention of one's choice: choose another backbone, "
                "such as resnet-50 or mobilenet-v2, or leave backbone_attention out."
            )
        options["attention"] = attention
    if width is not None:
        # Res2Net's option of that name is a number of channels.
        if "width" not in known or not isinstance(known["width"].default, float):
            raise InputError(
                f"{backbone} has no width multiplier: choose a MobileNet, or leave backbone_width "
                "out."
            )
        options["width"] = width
    return options
