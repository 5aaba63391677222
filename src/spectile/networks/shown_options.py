"""Options of a network that its weights show: width multipliers, reductions, stems.

Weights carry no options, but their shapes do. A multiplier can't be told from rounded channels with
certainty; multiples of 0.05 are tried, and the first that explains most layers is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from spectile.networks.classifiers import mobilenet_v1, mobilenet_v2, mobilenet_v3

Options = dict[str, Any]

MULTIPLIERS = (1.0, *(step / 20 for step in range(1, 81) if step != 20))
"""Width multipliers to try, the likeliest first."""
DEPTHS = (1.0, *(step / 10 for step in range(1, 31) if step != 10))
"""Depth multipliers to try."""


def shown_options(weights: Mapping[str, Tensor], network: str) -> Options:
    """Options with which the catalogue's `network` has the shapes of `weights`, as far as told."""
    weights = {key: weight for key, weight in weights.items() if weight.dim() >= 2}
    if network == "mobilenet-v1":
        return mobilenet_v1_options(weights)
    if network == "mobilenet-v2":
        return mobilenet_v2_options(weights)
    if network.startswith("mobilenet-v3"):
        return mobilenet_v3_options(weights, network.removeprefix("mobilenet-v3-"))
    options = stem_options(weights)
    if network.startswith("se-resnet"):
        options |= excitation_options(weights)
    if network.startswith("res2net"):
        options |= res2_options(weights)
    return options


def stem_options(weights: Mapping[str, Tensor]) -> Options:
    """The stem of a residual network, by the size of its kernel."""
    stem = weights.get("stem.conv.weight")
    return {"stem": "cifar"} if stem is not None and stem.shape[-1] == 3 else {}


def excitation_options(weights: Mapping[str, Tensor]) -> Options:
    """The gates' reduction in a SE-ResNet, by the first and the last one."""
    gates = [weights[key] for key in sorted(weights) if key.endswith("attention.reduce.weight")]
    if not gates:
        return {}
    (first, channels), (last, last_channels) = gates[0].shape[:2], gates[-1].shape[:2]
    reduction = max(1, last_channels // max(1, last))
    least = {"least_width": first} if first > channels // reduction else {}
    return {"reduction": reduction, **least}


def res2_options(weights: Mapping[str, Tensor]) -> Options:
    """Width and scale of a Res2Net, by its first block."""
    prefix = "layers.0.0.conv2.convs."
    convs = [key for key in weights if key.startswith(prefix) and key.endswith("conv.weight")]
    return {"width": weights[convs[0]].shape[0], "scale": len(convs) + 1} if convs else {}


def mobilenet_v1_options(weights: Mapping[str, Tensor]) -> Options:
    """The width of a MobileNet V1."""
    seen = (outputs(weights, "stem.conv"), *chain_outputs(weights, "pointwise"))
    candidates = [({"width": width}, mobilenet_v1.layer_channels(width)) for width in MULTIPLIERS]
    return best(candidates, seen)


def mobilenet_v2_options(weights: Mapping[str, Tensor]) -> Options:
    """Width and depth of a MobileNet V2."""
    blocks = chain_outputs(weights, "project")
    seen = (outputs(weights, "stem.conv"), *blocks, outputs(weights, "tail.conv"))
    depths = [depth for depth in DEPTHS if len(mobilenet_v2.repeated_rows(depth)) == len(blocks)]
    candidates = [
        ({"width": width, "depth": depth}, mobilenet_v2.layer_channels(width, depth))
        for depth in depths
        for width in MULTIPLIERS
    ]
    return best(candidates, seen) if candidates else {}


def mobilenet_v3_options(weights: Mapping[str, Tensor], size: str) -> Options:
    """Width and scaling of a MobileNet V3."""
    seen = (
        outputs(weights, "stem.conv"),
        outputs(weights, "tail.conv"),
        outputs(weights, "classifier.0"),
        *chain_outputs(weights, "project"),
        *chain_outputs(weights, "depthwise"),
    )
    candidates = []
    for width in MULTIPLIERS:
        for scaling in mobilenet_v3.SCALINGS:
            layers = mobilenet_v3.layer_widths(size, width, scaling)
            channels = (*layers.channels, *layers.expanded)
            candidates.append(
                (
                    {"width": width, "scaling": scaling},
                    (layers.stem, layers.tail, layers.hidden, *channels),
                )
            )
    return best(candidates, seen)


def outputs(weights: Mapping[str, Tensor], layer: str) -> int | None:
    """How many channels come out of `layer`; None if it isn't there."""
    weight = weights.get(f"{layer}.weight")
    return None if weight is None else weight.shape[0]


def chain_outputs(weights: Mapping[str, Tensor], part: str) -> list[int]:
    """How many channels come out of `part` of each block, as far as blocks follow one another."""
    channels: list[int] = []
    while (found := outputs(weights, f"blocks.{len(channels)}.{part}.conv")) is not None:
        channels.append(found)
    return channels


def best(
    candidates: Iterable[tuple[Options, tuple[int, ...]]], seen: tuple[int | None, ...]
) -> Options:
    """The options whose channels agree with `seen` in most places, the first of equals."""

    def agreement(candidate: tuple[Options, tuple[int, ...]]) -> int:
        return sum(here == there for here, there in zip(candidate[1], seen, strict=False))

    return max(candidates, key=agreement)[0]
