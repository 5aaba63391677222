"""Weights of timm and torchvision for the networks that are built here: see :func:`convert`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from spectile.errors import InputError
from spectile.networks.classifiers import mobilenet_v3
from spectile.networks.registry import create, describe
from spectile.networks.shown_options import shown_options
from spectile.networks.weights import foreign_names
from spectile.networks.weights.foreign_names import Dialect
from spectile.networks.weights.other_families import other_family

Source = Literal["timm", "torchvision"]

RESNETS = tuple(f"resnet-{depth}" for depth in (18, 34, 50, 101, 152))
DIALECTS: Mapping[tuple[str, str], Dialect] = {
    **{
        (source, name): foreign_names.RESIDUAL
        for source in ("timm", "torchvision")
        for name in RESNETS
    },
    **{("timm", f"se-{name}"): foreign_names.RESIDUAL for name in RESNETS},
    **{("timm", f"sknet-{depth}"): foreign_names.RESIDUAL for depth in (26, 50, 101)},
    ("timm", "res2net-50"): foreign_names.RESIDUAL,
    ("timm", "mobilenet-v1"): foreign_names.TIMM_V1,
    ("timm", "mobilenet-v2"): foreign_names.TIMM_V2,
    ("timm", "mobilenet-v3-large"): foreign_names.TIMM_V3,
    ("timm", "mobilenet-v3-small"): foreign_names.TIMM_V3,
    ("torchvision", "mobilenet-v2"): foreign_names.TORCHVISION_V2,
    ("torchvision", "mobilenet-v3-large"): foreign_names.TORCHVISION_V3,
    ("torchvision", "mobilenet-v3-small"): foreign_names.TORCHVISION_V3,
}
TIMM_EPS = 1e-5
"""Of the batch normalisations of timm's V3, where the paper and the network here have 1e-3."""
SHOWN = 3
"""How many layers that differ an error names."""
COUNTER = "num_batches_tracked"
"""Old weights don't have it and evaluation doesn't need it."""
LAST = ("classifier.weight", "classifier.1.weight", "classifier.3.weight")
"""The classifier's last layer in the residual networks, MobileNet V1 and V2, and V3."""
HEAD = ("classifier.", "tail.")
"""Layers that weights for features alone don't have."""


def convert(
    state_dict: Mapping[str, Tensor], *, source: Source, network: str, head: bool = True
) -> dict[str, Tensor]:
    """A state dict of timm or torchvision as one for the network of that catalogue name.

    Bands, classes and options that change shapes (the width of a MobileNet, width and scale of
    Res2Net, the reduction of SE-ResNet, the stem) are taken as they are in `state_dict`; load the
    result into a network created with the same ones. Weights without a classifier, such as those of
    timm's `features_only`, stay without: load them with `strict=False`.

    timm's MobileNet V3 normalises with an epsilon of 1e-5 instead of 1e-3; the scales of its
    normalisations are adapted so that the outputs in evaluation are the same.

    Without `head` the layer that gives the logits is left out: for a network with other classes
    load the result with `strict=False`, or strictly into one created with `classes=0`.

    For the backbone of a DeepLabv3+, convert for the backbone's own name and load the result into
    `network.backbone` with `strict=False`.

    Raises InputError for a network that `source` doesn't have, and for weights that don't fit,
    naming the first layers that differ: by their names here where they are missing, else by those
    in `state_dict`.
    """
    describe(network)
    dialect = _dialect(source, network)
    other = other_family(state_dict)
    if other is not None:
        raise InputError(f"These weights of {source} are those of {other}.")
    names = dialect.names(state_dict.keys())
    if not names:
        shown = ", ".join(list(state_dict)[:SHOWN])
        raise InputError(
            f"These weights of {source} are not those of {network}: none of their names "
            f"({shown} ...) is that of a layer there."
        )
    converted = {names[key]: state_dict[key] for key in names}
    # timm's linear layer behind the pooling is a 1x1 convolution.
    hidden = converted.get("classifier.0.weight")
    if hidden is not None and hidden.dim() == 4:
        converted["classifier.0.weight"] = hidden.flatten(1)
    differences = differing(converted, {new: old for old, new in names.items()}, network)
    differences += [f"{key} is unknown" for key in state_dict if key not in names]
    if differences:
        more = len(differences) - SHOWN
        raise InputError(
            f"These weights of {source} are not those of {network}: "
            f"{'; '.join(differences[:SHOWN])}{f'; and {more} more' if more > 0 else ''}."
        )
    if dialect is foreign_names.TIMM_V3:
        adapt_eps(converted, TIMM_EPS, mobilenet_v3.EPS)
    if not head:
        last = last_layer(converted)
        layers = [key.removesuffix("weight") for key in LAST if converted.get(key) is last]
        return {k: v for k, v in converted.items() if not k.startswith(tuple(layers))}
    return converted


def _dialect(source: str, network: str) -> Dialect:
    dialect = DIALECTS.get((source, network))
    if dialect is not None:
        return dialect
    available = sorted(name for origin, name in DIALECTS if origin == source)
    if not available:
        raise InputError(f"There is no source called {source!r}: choose timm or torchvision.")
    raise InputError(
        f"{network} can't be converted from {source}: it has weights for "
        f"{', '.join(available)} alone."
    )


def differing(converted: Mapping[str, Tensor], there: Mapping[str, str], network: str) -> list[str]:
    """What `converted` lacks, has in another shape or has besides, by its names `there`."""
    expected = expected_shapes(converted, network)
    headless = last_layer(converted) is None
    differences = []
    for key, shape in expected.items():
        if key in converted:
            if converted[key].shape != shape:
                found = size(converted[key].shape)
                differences.append(f"{there[key]} is {found}, not {size(shape)}")
        elif not key.endswith(COUNTER) and not (headless and key.startswith(HEAD)):
            differences.append(f"{key} is missing")
    return differences + [f"{there[key]} is unknown" for key in converted if key not in expected]


def expected_shapes(converted: Mapping[str, Tensor], network: str) -> dict[str, torch.Size]:
    """Shapes of the network with the bands, classes and options that `converted` shows."""
    stem = converted.get("stem.conv.weight")
    last = last_layer(converted)
    with torch.device("meta"):
        module = create(
            network,
            bands=3 if stem is None or stem.dim() != 4 else stem.shape[1],
            classes=1 if last is None else last.shape[0],
            **shown_options(converted, network),
        )
    return {key: tensor.shape for key, tensor in module.state_dict().items()}


def last_layer(converted: Mapping[str, Tensor]) -> Tensor | None:
    """The weight of the classifier's last layer; None if there is no classifier."""
    found = [converted[key] for key in LAST if key in converted and converted[key].dim() == 2]
    return found[0] if found else None


def size(shape: torch.Size) -> str:
    """64 x 3 x 7 x 7, say."""
    return " x ".join(map(str, shape)) or "a single number"


def adapt_eps(converted: dict[str, Tensor], eps_there: float, eps_here: float) -> None:
    """Change the normalisations' scales so that another epsilon gives the same outputs."""
    for key in list(converted):
        if key.endswith("norm.running_var"):
            scale = key.replace("running_var", "weight")
            variance = converted[key].double()
            ratio = ((variance + eps_here) / (variance + eps_there)).sqrt()
            converted[scale] = (converted[scale] * ratio).to(converted[scale].dtype)
