"""Weights of networks that look like ours and aren't, told by their names and shapes."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def other_family(weights: Mapping[str, Tensor]) -> str | None:
    """What network the weights are of, and what to take instead; None if nobody knows."""
    if any(".se_module." in key for key in weights):
        return (
            "timm's legacy_seresnet or senet, whose strides are in other convolutions than here: "
            "take those of seresnet50 and the like"
        )
    if "conv1.0.weight" in weights or "conv1.conv1.weight" in weights:
        return (
            "a ResNet with three convolutions as its stem, such as timm's resnet50d: take those of "
            "resnet50"
        )
    paths = weights.get("layer1.0.conv2.paths.0.conv.weight")
    if paths is not None and paths.dim() == 4 and paths.shape[1] >= 32:
        return (
            "timm's skresnet, whose kernels see half of the channels each: take those of "
            "skresnext50_32x4d for sknet-50"
        )
    grouped, third = weights.get("layer1.0.conv2.weight"), "layer1.0.conv3.weight" in weights
    if grouped is not None and grouped.dim() == 4 and third:
        if grouped.shape[1] < grouped.shape[0]:
            return "a ResNeXt, whose convolutions are in groups: take those of a ResNet"
        if grouped.shape[0] > 64:
            return "a wide ResNet: take those of a ResNet"
    for beginning, name in (
        ("patch_embed.", "a vision transformer"),
        ("cls_token", "a vision transformer"),
        ("downsample_layers.", "a ConvNeXt"),
        ("embedder.", "a network of Hugging Face's transformers"),
        ("_conv_stem.", "an EfficientNet"),
        ("s1.b1.", "a RegNet"),
    ):
        if any(key.startswith(beginning) for key in weights):
            return f"{name}, which the catalogue doesn't have"
    return None
