"""What each place is to say, against the rules of the paper written out place by place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spectile.data.instances.objects import Objects
from spectile.training.instances.targets import (
    ImageTargets,
    centerness,
    image_targets,
    on_cells,
    place_targets,
    semantic_at,
    sizes_of_interest,
)


def objects_of(
    boxes: list[tuple[int, int, int, int]], height=64, width=64, classes=None, ignored=()
) -> Objects:
    masks = [np.ones((bottom - top, right - left), bool) for left, top, right, bottom in boxes]
    count = len(boxes)
    return Objects(
        height,
        width,
        np.array(classes or [0] * count, np.int64),
        np.array(boxes, np.int64).reshape(count, 4),
        masks,
        np.array([place in ignored for place in range(count)], bool),
    )


def plain(targets: ImageTargets, sizes, strides) -> list[tuple[int, list[float]]]:
    """Place by place, object by object."""
    said = []
    bounds = [0, *(8 * stride for stride in strides[:-1]), float("inf")]
    for level, ((rows, columns), stride) in enumerate(zip(sizes, strides, strict=True)):
        for row in range(rows):
            for column in range(columns):
                x, y = column * stride + stride // 2, row * stride + stride // 2
                best, own = None, (-1, [])
                for number, (left, top, right, bottom) in enumerate(targets.boxes.tolist()):
                    reach = [x - left, y - top, right - x, bottom - y]
                    off = max(abs(x - (left + right) / 2), abs(y - (top + bottom) / 2))
                    area = (right - left) * (bottom - top)
                    if min(reach) <= 0 or off >= 1.5 * stride:
                        continue
                    if not bounds[level] <= max(reach) <= bounds[level + 1]:
                        continue
                    if best is None or area < best:
                        best, own = area, (number, reach)
                said.append(own)
    return said


def box(edge: int) -> st.SearchStrategy[tuple[int, int, int, int]]:
    side = st.tuples(st.integers(0, edge - 1), st.integers(1, edge)).map(
        lambda pair: (pair[0], min(edge, pair[0] + pair[1]))
    )
    return st.tuples(side, side).map(lambda two: (two[0][0], two[1][0], two[0][1], two[1][1]))


@settings(max_examples=50, deadline=None)
@given(boxes=st.lists(box(50), max_size=6))
def test_assignment_is_the_papers_rule_place_by_place(boxes) -> None:
    targets = image_targets(objects_of(boxes, 50, 50), 4)
    strides, sizes = (4, 8, 16), [(13, 13), (7, 7), (4, 4)]
    found = place_targets(targets, sizes, strides)
    expected = plain(targets, sizes, strides)
    assert found.objects.tolist() == [number for number, _ in expected]
    for place, (number, reach) in enumerate(expected):
        if number >= 0:
            assert found.distances[place].tolist() == reach


def test_sizes_of_interest_are_the_papers() -> None:
    assert [high for _, high in sizes_of_interest((8, 16, 32, 64, 128))] == [
        *(64, 128, 256, 512, float("inf"))
    ]
    assert sizes_of_interest((4,)) == [(0, float("inf"))]


def test_a_large_object_is_told_on_a_coarse_level() -> None:
    targets = image_targets(objects_of([(0, 0, 300, 280), (10, 10, 22, 22)], 304, 304), 4)
    sizes = [(38, 38), (19, 19), (10, 10)]
    found = place_targets(targets, sizes, (8, 16, 32)).objects.split([38 * 38, 19 * 19, 100])
    assert [sorted(set(level.tolist())) for level in found] == [[-1, 1], [-1], [-1, 0]]


def test_places_of_ignored_objects_are_left_out_unless_another_is_there() -> None:
    crowd_and_one = objects_of([(0, 0, 32, 64), (8, 8, 20, 20)], ignored={0})
    targets = image_targets(crowd_and_one, 4)
    assert targets.boxes.tolist() == [[8, 8, 20, 20]]
    found = place_targets(targets, [(16, 16)], (4,))
    objects, ignored = found.objects.view(16, 16), found.ignored.view(16, 16)
    assert bool((objects[2:5, 2:5] == 0).all())
    assert not ignored[2:5, 2:5].any()
    assert bool(ignored[6:, :8].all())
    assert not ignored[:, 8:].any()


def test_the_smaller_object_lies_on_top_whatever_the_order() -> None:
    for order in ([0, 1], [1, 0]):
        boxes = [(0, 0, 40, 40), (10, 10, 14, 14)]
        objects = objects_of([boxes[n] for n in order], classes=[[3, 5][n] for n in order])
        semantic = image_targets(objects, 4).semantic
        assert semantic[12, 12] == 6
        assert semantic[5, 5] == 4
        assert semantic[50, 50] == 0


def test_beyond_the_image_nothing_is_learnt() -> None:
    at = semantic_at(torch.zeros(9, 6, dtype=torch.long), (3, 2), 4)
    assert at.tolist() == [[0, -1], [0, -1], [-1, -1]]
    found = place_targets(image_targets(objects_of([], 9, 6), 4), [(3, 2)], (4,))
    assert found.ignored.tolist() == [False, True, False, True, True, True]
    assert found.objects.tolist() == [-1] * 6


@pytest.mark.parametrize(("height", "width"), [(6, 3), (3, 12), (24, 24)])
def test_masks_are_read_at_the_middles_of_cells(height, width) -> None:
    mask = np.zeros((height, width), bool)
    mask[: height // 3] = True
    cells = on_cells(mask, 6)
    assert cells[:2].all()
    assert not cells[2:].any()


def test_a_mirrored_mask_is_taken_as_it_looks() -> None:
    mask = np.array([[True, False], [True, True]])
    turned = Objects(
        4, 4, np.zeros(1, np.int64), np.array([[1, 1, 3, 3]]), [mask[:, ::-1]], np.zeros(1, bool)
    )
    targets = image_targets(turned, 2)
    assert targets.masks[0].tolist() == [[0, 1], [1, 1]]
    assert targets.semantic[1:3, 1:3].tolist() == [[0, 1], [1, 1]]


def test_centerness_is_the_formula() -> None:
    found = centerness(torch.tensor([[4.0, 4, 4, 4], [1, 2, 4, 8], [0, 1, 1, 1]]))
    assert found.tolist() == pytest.approx([1, (1 / 4 * 2 / 8) ** 0.5, 0])
