"""The attention blocks by name: each takes channels and keeps a map's shape, so any fits."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from spectile.blocks.cbam import CBAM
from spectile.blocks.coordinate_attention import CoordinateAttention
from spectile.blocks.double_attention import DoubleAttention
from spectile.blocks.efficient_channel_attention import EfficientChannelAttention
from spectile.blocks.expectation_maximisation import ExpectationMaximisation
from spectile.blocks.non_local import NonLocal
from spectile.blocks.scse import SpatialChannelExcitation
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.blocks.strip_pooling import StripPooling

ATTENTION: Mapping[str, Callable[[int], nn.Module]] = MappingProxyType(
    {
        "se": SqueezeExcitation,
        "eca": EfficientChannelAttention,
        "cbam": CBAM,
        "scse": SpatialChannelExcitation,
        "coordinate": CoordinateAttention,
        "non-local": NonLocal,
        "double": DoubleAttention,
        "strip-pooling": StripPooling,
        "em": ExpectationMaximisation,
    }
)


def attention(name: str) -> Callable[[int], nn.Module]:
    """What builds the block `name` for a number of channels; raises ValueError for an unknown."""
    if name in ATTENTION:
        return ATTENTION[name]
    nearest = difflib.get_close_matches(name.lower(), ATTENTION, n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"choose one of {', '.join(ATTENTION)}."
    raise ValueError(f"There is no attention block called {name!r}: {hint}")
