"""Parts of a scene with the places of labelled pixels in them, and the order of training steps.

Windows of one small part look alike, and steps on them undo one another: so a step takes parts
from all over the scene. So do windows rotated alike: even a small scene is cut into parts, and each
is rotated by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from spectile.data.preprocessing.components import Preprocessing, tiles_holding
from spectile.data.scene import Scene
from spectile.training.loaders import Loaders

EDGES = (128, 64, 32)
"""Edges in pixels of the squares that a scene is cut into where it is too large to be one part."""
SPREAD = 8
"""Parts that a step takes at least, where there are so many."""
PART_WINDOWS = 1024
"""Windows of a part that a step takes at most: more would cost more than the part's trunk."""
EPOCH_STEPS = 8
"""Steps of an epoch at least: after each comes a validation and a checkpoint."""


class Region(NamedTuple):
    """A part of a reduced scene and windows in it."""

    components: Tensor
    """(C, h + window - 1, w + window - 1)."""
    rows: Tensor
    """First rows (N,) of the windows."""
    columns: Tensor
    """First columns (N,) of the windows."""
    classes: Tensor
    """Class indices (N,)."""

    def centres(self, window: int) -> Tensor:
        """The components (N, C) of the pixels that its windows of that edge are around."""
        middle = window // 2
        return self.components[:, self.rows + middle, self.columns + middle].T


class RegionStep(NamedTuple):
    """What one device computes of a step."""

    regions: list[Region]
    classes: Tensor
    """Class indices of the step's windows on all devices."""


class WindowGroup(NamedTuple):
    """Some windows of one part."""

    part: int
    windows: NDArray[np.int64]


class LabelledRegions(Dataset[Region]):
    """The squares of a scene that hold given pixels, trimmed to what the pixels' windows see.

    `edge` is that of the squares in pixels.
    """

    def __init__(
        self,
        scene: Scene,
        preprocessing: Preprocessing,
        window: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        classes: NDArray[np.int64],
        *,
        edge: int,
    ) -> None:
        self.window = window
        self.classes = torch.from_numpy(classes)
        self.parts: list[Region] = []
        for _, members in tiles_holding(rows, columns, scene.height, scene.width, edge):
            top, bottom = int(rows[members].min()), int(rows[members].max())
            left, right = int(columns[members].min()), int(columns[members].max())
            # Only what the windows see: scattered labels then cost little.
            seen = Window(left, top, right - left + 1, bottom - top + 1)
            components, _ = preprocessing.read(scene, seen, window // 2)
            self.parts.append(
                Region(
                    torch.from_numpy(components),
                    torch.from_numpy(rows[members] - top),
                    torch.from_numpy(columns[members] - left),
                    self.classes[torch.from_numpy(members)],
                )
            )

    def __len__(self) -> int:
        """How many pixels there are."""
        return len(self.classes)

    @property
    def pixels(self) -> tuple[Tensor, Tensor]:
        """Components (N, C) and class indices (N,) of the given pixels, part after part."""
        spectra = [part.centres(self.window) for part in self.parts]
        return torch.cat(spectra), torch.cat([part.classes for part in self.parts])

    def __getitems__(self, groups: Sequence[WindowGroup]) -> list[Region]:
        return [
            _trimmed(self.parts[part], torch.from_numpy(windows), self.window)
            for part, windows in groups
        ]


def _trimmed(part: Region, windows: Tensor, window: int) -> Region:
    """Some windows of a part, and of its pixels those that they see."""
    rows, columns = part.rows[windows], part.columns[windows]
    top, left = int(rows.min()), int(columns.min())
    below, right = int(rows.max()) + window, int(columns.max()) + window
    seen = part.components[:, top:below, left:right]
    return Region(seen, rows - top, columns - left, part.classes[windows])


def square_edge(
    scene: Scene,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    halo: int,
    room: float,
    *,
    rotate: bool = True,
) -> int:
    """Edge in pixels of the squares to cut a scene into, so that each can be computed at once.

    `room` is for how many pixels there is memory, `halo` how many more than a square has its
    windows see along an edge. Even a small scene is cut into four to `rotate` them, for
    parts are rotated each by itself; else it is one. Of a large one the squares are the largest of
    which a step has enough to choose from.
    """
    longest = max(scene.height, scene.width)
    halves = -(-longest // 2)
    if halves <= EDGES[0]:
        edge = halves if rotate else longest
        if (edge + halo) ** 2 <= room:
            return edge
    for edge in EDGES:
        if (edge + halo) ** 2 <= room and occupied(rows, columns, edge) >= SPREAD:
            return edge
    return EDGES[-1]


def occupied(rows: NDArray[np.int64], columns: NDArray[np.int64], edge: int) -> int:
    """How many squares of that edge hold pixels."""
    return len(set(zip((rows // edge).tolist(), (columns // edge).tolist(), strict=True)))


class RegionSteps(Sampler[list[WindowGroup]]):
    """The groups of each step of an epoch; they follow from seed and epoch.

    Each step takes parts from all over the scene: the parts, in the scene's order, make as many
    strata as a step takes parts, and a step takes one of each. A part with many windows is taken
    several times, with other windows. One epoch is a few passes over all windows.
    """

    def __init__(self, counts: Sequence[int], *, seed: int, batch: int | None = None) -> None:
        """`counts` are the windows of each part, `batch` those of a step.

        Without a `batch` a step takes all windows of the parts that it visits, 1024 of each at
        most. With one that many are drawn from as many parts: from a single part they are batches
        as a loader of windows deals them.
        """
        self.counts = counts
        self.seed = seed
        self.epoch = 0
        spread = min(SPREAD, len(counts))
        group = PART_WINDOWS if batch is None else max(1, batch // spread)
        self.visits = [-(-count // group) for count in counts]
        self.pass_steps = max(1, sum(self.visits) // spread)
        self.passes = -(-EPOCH_STEPS // self.pass_steps)
        # Where Lightning looks for what has to know the epoch.
        self.sampler = self

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.passes * self.pass_steps

    def __iter__(self) -> Iterator[list[WindowGroup]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        for _ in range(self.passes):
            yield from self._one_pass(rng)

    def _one_pass(self, rng: np.random.Generator) -> list[list[WindowGroup]]:
        groups = [
            WindowGroup(part, windows)
            for part, (count, times) in enumerate(zip(self.counts, self.visits, strict=True))
            for windows in np.array_split(rng.permutation(count), times)
        ]
        steps: list[list[WindowGroup]] = [[] for _ in range(self.pass_steps)]
        for start in range(0, len(groups), self.pass_steps):
            stratum = groups[start : start + self.pass_steps]
            for step, group in zip(rng.permutation(self.pass_steps), stratum, strict=False):
                steps[step].append(group)
        return steps


class RegionLoaders(Loaders):
    """Regions for a fit, dealt out to the devices: the groups of a step, and each part once."""

    def __init__(
        self,
        train: LabelledRegions,
        validation: LabelledRegions,
        *,
        seed: int,
        batch: int | None = None,
    ) -> None:
        super().__init__(train, validation, batch=1, validation_batch=1, seed=seed)
        self.regions = train
        self.validated = validation
        self.steps = RegionSteps(
            [len(part.classes) for part in train.parts], seed=seed, batch=batch
        )

    def train_dataloader(self) -> DataLoader[Any]:
        return self._dealt(self.regions, self.steps)

    def val_dataloader(self) -> DataLoader[Any]:
        parts = self.validated.parts
        groups = [WindowGroup(at, np.arange(len(part.classes))) for at, part in enumerate(parts)]
        return self._dealt(self.validated, [groups[at : at + 1] for at in range(len(groups))])

    def _dealt(
        self, regions: LabelledRegions, steps: Iterable[list[WindowGroup]]
    ) -> DataLoader[Any]:
        assert self.trainer is not None
        deal = Deal(regions, self.trainer.global_rank, self.trainer.world_size)
        return DataLoader(deal, batch_sampler=steps, collate_fn=_as_it_is)


class Deal(Dataset[RegionStep]):
    """One device's part of each step: some of its parts, or of the windows where these are few."""

    def __init__(self, regions: LabelledRegions, rank: int, devices: int) -> None:
        self.regions = regions
        self.rank = rank
        self.devices = devices

    def __getitems__(self, groups: Sequence[WindowGroup]) -> RegionStep:
        classes = [self.regions.parts[part].classes[windows] for part, windows in groups]
        mine = groups[self.rank :: self.devices]
        if len(groups) < self.devices:
            dealt = (WindowGroup(part, own[self.rank :: self.devices]) for part, own in groups)
            mine = [group for group in dealt if len(group.windows)]
        return RegionStep(self.regions.__getitems__(mine), torch.cat(classes))


def _as_it_is(batch: Any) -> Any:
    return batch
