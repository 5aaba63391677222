"""What timm and torchvision call the weights of the networks that are built here.

A rule is a pattern that a whole key has to match and what the key becomes. Keys of blocks are cut
at their prefix first, since the rules for a block depend on which layers it has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

Rules = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Dialect:
    """How one program names a family's weights."""

    outside: Rules
    """For the keys of no block."""
    block: str
    """What a block's prefix looks like."""
    inside: Callable[[str, Collection[str]], Rules]
    """For the keys of the block with a prefix, given all keys."""
    here: Callable[[str, int], str]
    """The prefix here, given the one there and the block's number in the chain."""

    def names(self, keys: Collection[str]) -> dict[str, str]:
        """The key here for every one of `keys` that is known."""
        pattern = re.compile(self.block)
        prefixes = {key: match[0] for key in keys if (match := pattern.match(key))}
        chain = sorted(set(prefixes.values()), key=numbers)
        rules = {prefix: self.inside(prefix, keys) for prefix in chain}
        names = {}
        for key in keys:
            prefix = prefixes.get(key)
            if prefix is None:
                new = renamed(key, self.outside)
            else:
                new = renamed(key.removeprefix(prefix), rules[prefix])
                if new and not new.startswith(TAIL):
                    new = self.here(prefix, chain.index(prefix)) + new
            if new:
                names[key] = new
        return names


TAIL = "tail."
"""The convolution behind the last block, which some programs count as a block."""


def renamed(key: str, rules: Rules) -> str | None:
    """`key` by the first rule that it matches."""
    for pattern, replacement in rules:
        match = re.fullmatch(pattern, key)
        if match:
            return match.expand(replacement)
    return None


def numbers(prefix: str) -> list[int]:
    """The numbers in a prefix, to sort by."""
    return [int(number) for number in re.findall(r"\d+", prefix)]


def layer(conv: str, norm: str, here: str) -> Rules:
    """The rules for a convolution and its normalisation, which make one ConvNormAct here."""
    return (
        (rf"{conv}\.(weight)", rf"{here}.conv.\1"),
        (rf"{norm}\.(\w+)", rf"{here}.norm.\1"),
    )


def excitation(reduce: str, expand: str) -> Rules:
    """The rules for squeeze-and-excitation."""
    return (
        (rf"{reduce}\.(\w+)", r"attention.reduce.\1"),
        (rf"{expand}\.(\w+)", r"attention.expand.\1"),
    )


RESIDUAL_BLOCK: Rules = (
    *layer("conv1", "bn1", "conv1"),
    *layer("conv2", "bn2", "conv2"),
    *layer("conv3", "bn3", "conv3"),
    *layer(r"downsample\.0", r"downsample\.1", "shortcut"),
    *excitation(r"se\.fc1", r"se\.fc2"),
)
SELECTIVE_BLOCK: Rules = (
    *layer(r"conv1\.conv", r"conv1\.bn", "conv1"),
    *layer(r"conv3\.conv", r"conv3\.bn", "conv3"),
    (r"conv2\.paths\.(\d+)\.conv\.(weight)", r"conv2.branches.\1.conv.\2"),
    (r"conv2\.paths\.(\d+)\.bn\.(\w+)", r"conv2.branches.\1.norm.\2"),
    *layer(r"conv2\.attn\.fc_reduce", r"conv2\.attn\.bn", "conv2.fuse"),
    (r"conv2\.attn\.fc_select\.(weight)", r"conv2.select.\1"),
)
RES2_BLOCK: Rules = (
    (r"convs\.(\d+)\.(weight)", r"conv2.convs.\1.conv.\2"),
    (r"bns\.(\d+)\.(\w+)", r"conv2.convs.\1.norm.\2"),
)


def residual_here(prefix: str, number: int) -> str:
    """layer1.0. there is layers.0.0. here."""
    stage, block = numbers(prefix)
    return f"layers.{stage - 1}.{block}."


RESIDUAL = Dialect(
    outside=(*layer("conv1", "bn1", "stem"), (r"fc\.(\w+)", r"classifier.\1")),
    block=r"layer\d\.\d+\.",
    inside=lambda prefix, keys: (*RESIDUAL_BLOCK, *SELECTIVE_BLOCK, *RES2_BLOCK),
    here=residual_here,
)
"""ResNets of both programs; timm's SE-ResNets, SKNet and Res2Nets."""


def timm_separable(pointwise: str) -> Rules:
    """A block that filters without widening before."""
    return (
        *layer("conv_dw", "bn1", "depthwise"),
        *layer("conv_pw", "bn2", pointwise),
        *excitation(r"se\.conv_reduce", r"se\.conv_expand"),
    )


def timm_block(prefix: str, keys: Collection[str]) -> Rules:
    """A block of V2 or V3, told by the layers that it has."""
    if f"{prefix}conv_pwl.weight" in keys:
        return (
            *layer("conv_pw", "bn1", "expand"),
            *layer("conv_dw", "bn2", "depthwise"),
            *layer("conv_pwl", "bn3", "project"),
            *excitation(r"se\.conv_reduce", r"se\.conv_expand"),
        )
    if f"{prefix}conv.weight" in keys:
        return layer("conv", "bn1", "tail")
    return timm_separable("project")


def mobile_here(prefix: str, number: int) -> str:
    """Blocks are numbered through here."""
    return f"blocks.{number}."


TIMM_BLOCK = r"blocks\.\d+\.\d+\."
TIMM_V1 = Dialect(
    outside=(*layer("conv_stem", "bn1", "stem"), (r"classifier\.(\w+)", r"classifier.1.\1")),
    block=TIMM_BLOCK,
    inside=lambda prefix, keys: timm_separable("pointwise"),
    here=mobile_here,
)
TIMM_V2 = Dialect(
    outside=(*TIMM_V1.outside, *layer("conv_head", "bn2", "tail")),
    block=TIMM_BLOCK,
    inside=timm_block,
    here=mobile_here,
)
TIMM_V3 = Dialect(
    outside=(
        *layer("conv_stem", "bn1", "stem"),
        (r"conv_head\.(\w+)", r"classifier.0.\1"),
        (r"classifier\.(\w+)", r"classifier.3.\1"),
    ),
    block=TIMM_BLOCK,
    inside=timm_block,
    here=mobile_here,
)


def torchvision_v2_block(prefix: str, keys: Collection[str]) -> Rules:
    """A list of layers: [widen], filter, narrow, its normalisation."""
    if f"{prefix}3.weight" not in keys:
        return (*layer(r"0\.0", r"0\.1", "depthwise"), *layer("1", "2", "project"))
    return (
        *layer(r"0\.0", r"0\.1", "expand"),
        *layer(r"1\.0", r"1\.1", "depthwise"),
        *layer("2", "3", "project"),
    )


def torchvision_v3_block(prefix: str, keys: Collection[str]) -> Rules:
    """A list of layers: [widen], filter, [excite], narrow."""
    plain = [n for n in range(4) if f"{prefix}{n}.0.weight" in keys]
    names = ["expand", "depthwise", "project"][max(0, 3 - len(plain)) :]
    rules: list[tuple[str, str]] = []
    for number, name in zip(plain, names, strict=False):
        rules += layer(rf"{number}\.0", rf"{number}\.1", name)
    return (*rules, *excitation(r"\d\.fc1", r"\d\.fc2"))


TORCHVISION_OUTSIDE: Rules = (
    *layer(r"features\.0\.0", r"features\.0\.1", "stem"),
    *layer(r"features\.\d+\.0", r"features\.\d+\.1", "tail"),
    (r"classifier\.(\d)\.(\w+)", r"classifier.\1.\2"),
)
TORCHVISION_V2 = Dialect(
    outside=TORCHVISION_OUTSIDE,
    block=r"features\.\d+\.conv\.",
    inside=torchvision_v2_block,
    here=mobile_here,
)
TORCHVISION_V3 = Dialect(
    outside=TORCHVISION_OUTSIDE,
    block=r"features\.\d+\.block\.",
    inside=torchvision_v3_block,
    here=mobile_here,
)
