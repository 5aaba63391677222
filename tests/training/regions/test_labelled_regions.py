"""Steps take labelled windows from all over the scene, and devices share them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.regions.small_scene import (
    WINDOW,
    doubled,
    exact,
    largest_difference,
    material,
    summed,
)

from spectile.training.regions import labelled_regions as regions_module
from spectile.training.regions.labelled_regions import (
    Deal,
    LabelledRegions,
    RegionSteps,
    WindowGroup,
    square_edge,
)
from spectile.training.regions.labelled_windows import LabelledWindows
from spectile.training.regions.region_gradients import region_loss


def test_some_windows_of_a_part_are_trimmed_to_what_they_see() -> None:
    scene, preprocessing, places = material(40, 50, 6, 30)
    network = exact("hybridsn-se", 6, WINDOW)
    held = LabelledRegions(scene, preprocessing, WINDOW, *places, edge=64)
    few = np.array([3, 7, 8])
    (region,) = held.__getitems__([WindowGroup(0, few)])
    assert region.components.numel() < held.parts[0].components.numel()
    cuts, classes = LabelledWindows(scene, preprocessing, WINDOW, *places).__getitems__(few)
    patches = summed(network(cuts.double()), classes)
    ours = region_loss(network, [doubled(region)], summed)
    assert largest_difference(network, ours, patches) < 1e-9


@given(
    counts=st.lists(st.integers(1, 5000), min_size=1, max_size=60),
    seed=st.integers(0, 3),
    epoch=st.integers(0, 3),
)
def test_a_pass_takes_each_window_once_in_steps_from_all_over(
    counts: list[int], seed: int, epoch: int
) -> None:
    steps = RegionSteps(counts, seed=seed)
    steps.set_epoch(epoch)
    drawn = list(steps)
    assert len(drawn) == len(steps) == steps.passes * steps.pass_steps
    first = drawn[: steps.pass_steps]
    taken: list[list[int]] = [[] for _ in counts]
    for step in first:
        for part, windows in step:
            taken[part] += windows.tolist()
    assert [sorted(windows) for windows in taken] == [list(range(count)) for count in counts]
    for step in first:
        assert len(step) >= min(regions_module.SPREAD, len(counts)) - (len(counts) > 1)
        assert max(len(windows) for _, windows in step) <= regions_module.PART_WINDOWS


@given(count=st.integers(1, 3000), batch=st.integers(1, 300))
def test_a_single_part_is_dealt_in_batches(count: int, batch: int) -> None:
    steps = RegionSteps([count], seed=0, batch=batch)
    first = list(steps)[: steps.pass_steps]
    assert len(first) == -(-count // batch)
    windows = np.concatenate([windows for ((_, windows),) in first])
    assert sorted(windows.tolist()) == list(range(count))
    assert max(len(windows) for ((_, windows),) in first) <= batch


def test_the_order_follows_from_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[list[tuple[int, list[int]]]]:
        steps = RegionSteps([5] * 40, seed=seed)
        steps.set_epoch(epoch)
        return [[(part, windows.tolist()) for part, windows in step] for step in steps]

    assert order(1, 2) == order(1, 2)
    assert order(1, 2) != order(1, 3)
    assert order(1, 2) != order(2, 2)


@pytest.mark.parametrize("parts", [1, 3, 20])
@pytest.mark.parametrize("devices", [2, 4])
def test_devices_share_a_step(parts: int, devices: int) -> None:
    scene, preprocessing, places = material(70, 80, 4, 150)
    held = LabelledRegions(
        scene, preprocessing, WINDOW, *places, edge={1: 80, 3: 40, 20: 16}[parts]
    )
    step = next(iter(RegionSteps([len(part.classes) for part in held.parts], seed=0)))
    dealt = [Deal(held, rank, devices).__getitems__(step) for rank in range(devices)]
    own = [region.classes for device in dealt for region in device.regions]
    for device in dealt:
        assert torch.equal(device.classes, dealt[0].classes)
    assert torch.equal(torch.cat(own).sort().values, dealt[0].classes.sort().values)


def test_squares_fit_into_the_memory_and_lie_all_over() -> None:
    scene, _, (rows, columns, _) = material(300, 300, 4, 500)
    small, _, _ = material(145, 140, 4, 10)
    assert square_edge(small, rows[:10], columns[:10], 24, room=1e5) == 73
    assert square_edge(small, rows[:10], columns[:10], 24, room=1e5, rotate=False) == 145
    assert square_edge(scene, rows, columns, 24, room=1e5) == 128
    assert square_edge(scene, rows, columns, 24, room=1e4) == 64
    # A corner of the scene has too few of the larger squares to choose from.
    corner = (rows < 140) & (columns < 90)
    assert square_edge(scene, rows[corner], columns[corner], 24, room=1e5) == 32
