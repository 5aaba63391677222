"""Gates of channels, as Hu, Shen and Sun show them.

"Squeeze-and-Excitation Networks", CVPR 2018 and arXiv:1709.01507, section 7.2 and figure 6: the
mean gate of 50 channels, taken evenly, for some classes and over all, and its spread within a
class. Any block that says what it multiplies channels by is shown (`GatesChannels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectile.blocks.attention import GatesChannels
from spectile.inspecting.samples import Samples
from spectile.inspecting.watching import parts_of, strength_of, watched
from spectile.networks.map_channels import evaluating

SHOWN_CHANNELS = 50
"""Of each block, taken evenly, as in the paper."""
SATURATED = 0.05
"""Gates nearer than this to 0 or to 1 are saturated: no gradient to speak of moves them."""


@dataclass(frozen=True, eq=False)
class BlockGates:
    """The gates of one block."""

    name: str
    gates: NDArray[np.float32]
    """(N, channels), one row a sample."""
    size: tuple[int, int]
    """Height and width of the maps that come in, in the last sample."""
    strength: float
    """How much the block counts: 1, less where it was inserted and has learnt little."""

    @property
    def shown(self) -> NDArray[np.intp]:
        """Channels taken evenly: all of few."""
        channels = self.gates.shape[1]
        even = np.linspace(0, channels - 1, min(SHOWN_CHANNELS, channels))
        return even.round().astype(np.intp)

    def of_class(self, classes: NDArray[np.int64], index: int) -> NDArray[np.float32]:
        """The mean gates (channels,) of one class."""
        mean: NDArray[np.float32] = self.gates[classes == index].mean(axis=0)
        return mean

    def spread(self, classes: NDArray[np.int64]) -> tuple[float, float]:
        """Deviation of a gate within a class, and of its class means: both means over channels.

        The class means' is that around the mean over classes; 0 for a single class.
        """
        groups = [self.gates[classes == index] for index in np.unique(classes)]
        within = np.mean([group.std(axis=0) for group in groups if len(group) > 1] or [0.0])
        between = np.std([group.mean(axis=0) for group in groups], axis=0).mean()
        return float(within), float(between)

    @property
    def closed(self) -> float:
        """The share of gates that are saturated near 0."""
        return float((self.gates < SATURATED).mean())

    @property
    def opened(self) -> float:
        """The share of gates that are saturated near 1."""
        return float((self.gates > 1 - SATURATED).mean())

    def as_dict(self, classes: NDArray[np.int64], names: Sequence[str]) -> dict[str, Any]:
        """Plain numbers: `channels` are the shown ones, whose mean gates follow."""
        within, between = self.spread(classes)
        return {
            "block": self.name,
            "channels_in_all": self.gates.shape[1],
            "map": list(self.size),
            "strength": self.strength,
            "mean": float(self.gates.mean()),
            "spread_within_classes": within,
            "spread_between_classes": between,
            "closed": self.closed,
            "open": self.opened,
            "channels": self.shown.tolist(),
            "all": rounded(self.gates.mean(axis=0)[self.shown]),
            "classes": {
                names[index]: rounded(self.of_class(classes, index)[self.shown])
                for index in np.unique(classes).tolist()
            },
        }


def channel_gates(network: nn.Module, samples: Samples) -> list[BlockGates]:
    """The gates of all blocks of `network` that have some, in the order in which they run."""
    blocks = parts_of(network, GatesChannels)
    found: dict[str, list[NDArray[np.float32]]] = {}
    sizes: dict[str, tuple[int, int]] = {}

    def see(name: str, x: Tensor) -> None:
        gates = blocks[name].channel_gates(x).flatten(1)
        found.setdefault(name, []).append(gates.float().cpu().numpy())
        sizes[name] = int(x.shape[2]), int(x.shape[3])

    if blocks:
        with torch.inference_mode(), evaluating(network), watched(blocks, see):
            for _, centred in samples.batches():
                network(samples.components(centred))
    return [
        BlockGates(name, np.concatenate(gates), sizes[name], strength_of(network, name))
        for name, gates in found.items()
        if sum(map(len, gates)) == len(samples)  # a block that runs twice has no one gate
    ]


def last_of_stages(blocks: Sequence[BlockGates]) -> list[BlockGates]:
    """The last block of each stage: of those in a row with as many channels and as large maps."""
    stages = groupby(blocks, key=lambda block: (block.gates.shape[1], block.size))
    return [list(stage)[-1] for _, stage in stages]


def telling_channels(block: BlockGates, classes: NDArray[np.int64], count: int) -> list[int]:
    """The channels whose gates tell classes apart most, most first."""
    means = [block.of_class(classes, index) for index in np.unique(classes).tolist()]
    apart = np.std(means, axis=0) if len(means) > 1 else block.gates.std(axis=0)
    order: list[int] = np.argsort(-apart, kind="stable")[:count].tolist()
    return order


def rounded(values: NDArray[np.floating]) -> list[float]:
    """Numbers for a JSON file, of four digits behind the point."""
    return [round(float(value), 4) for value in values]
