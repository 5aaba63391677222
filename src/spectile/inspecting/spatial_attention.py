"""Which places of its input a network attends to, block by block.

Any block that says so is shown (`WeighsPlaces`): CBAM, scSE, coordinate attention, strip pooling,
non-local, double and expectation-maximisation attention.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.blocks.attention import WeighsPlaces
from spectile.inspecting.watching import parts_of, strength_of, watched
from spectile.networks.map_channels import evaluating

MOST_MAPS = 3
"""Of a block with several maps those are shown that differ most from place to place."""


@dataclass(frozen=True, eq=False)
class BlockPlaces:
    """The weights of one block."""

    name: str
    kind: str
    """The block's class."""
    maps: NDArray[np.float32]
    """(n, M, h, w): of each of n inputs M maps, perhaps coarser than the input."""
    strength: float

    def shown(self, sample: int) -> list[int]:
        """Which of a sample's maps are shown: those that differ most, most first."""
        spread = self.maps[sample].std(axis=(1, 2))
        order: list[int] = np.argsort(-spread, kind="stable")[:MOST_MAPS].tolist()
        return order

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers over all inputs."""
        return {
            "block": self.name,
            "kind": self.kind,
            "strength": self.strength,
            "maps": self.maps.shape[1],
            "map": list(self.maps.shape[2:]),
            "mean": float(self.maps.mean()),
            "least": float(self.maps.min()),
            "most": float(self.maps.max()),
            "spread_over_places": float(self.maps.std(axis=(2, 3)).mean()),
        }


def place_weights(network: nn.Module, components: Tensor) -> list[BlockPlaces]:
    """The weights of all blocks that have some, of inputs (n, components, h, w), as they run."""
    blocks = parts_of(network, WeighsPlaces)
    found: dict[str, NDArray[np.float32]] = {}

    def see(name: str, x: Tensor) -> None:
        found[name] = blocks[name].place_weights(x).float().cpu().numpy()

    if blocks:
        with torch.inference_mode(), evaluating(network), watched(blocks, see):
            network(components)
    return [
        BlockPlaces(name, type(blocks[name]).__name__, maps, strength_of(network, name))
        for name, maps in found.items()
    ]
