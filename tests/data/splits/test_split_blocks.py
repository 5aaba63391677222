from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from spectile.data.labels.labels import Labels, labels_from_array
from spectile.data.splits import block_split
from spectile.data.splits.overlap import honest_window, within_distance
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION, Split, split_blocks
from spectile.errors import InputError


def fields(shape: tuple[int, int], *rectangles: tuple[int, int, int, int, int]) -> Labels:
    """Labels of rectangles: class, first row, first column, height, width."""
    classes = np.zeros(shape, np.int32)
    for k, row, column, height, width in rectangles:
        classes[row : row + height, column : column + width] = k
    return labels_from_array(classes)


def countryside(edge: int = 70, classes: int = 5, seed: int = 3) -> Labels:
    """Fields of 8 to 18 pixels with lanes between them, three or more of every class."""
    rng = np.random.default_rng(seed)
    numbers = np.zeros((edge, edge), np.int32)
    row, count = 0, 0
    while row < edge - 8:
        height, column = int(rng.integers(8, 19)), 0
        while column < edge - 8:
            width = int(rng.integers(8, 19))
            numbers[row : row + height, column : column + width] = 1 + count % classes
            count, column = count + 1, column + width + 1
        row += height + 1
    return labels_from_array(numbers)


def nearest(split: Split) -> int:
    """Rows or columns between the closest pair of a test pixel and one that guides training."""
    trained = np.argwhere((split.assignment == TRAIN) | (split.assignment == VALIDATION))
    distances, _ = cKDTree(trained).query(np.argwhere(split.assignment == TEST), p=np.inf)
    return int(distances.min())


def split_or_refusal(labels: Labels, **options) -> Split | str:
    try:
        return split_blocks(labels, **options)
    except InputError as error:
        return str(error)


@pytest.fixture
def hurried(monkeypatch):
    """A search that hardly looks: what must hold holds without luck."""
    monkeypatch.setattr(block_split, "LEAST_EFFORT", 1e5)
    monkeypatch.setattr(block_split, "MOST_EFFORT", 5e5)


@st.composite
def rasters(draw: st.DrawFn) -> np.ndarray:
    """Random rectangles of up to five classes over bare ground, often cut by one another."""
    height, width = draw(st.tuples(st.integers(7, 40), st.integers(7, 40)))
    classes = np.zeros((height, width), np.int32)
    for _ in range(draw(st.integers(2, 9))):
        row, column = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        tall, wide = draw(st.integers(1, 14)), draw(st.integers(1, 14))
        classes[row : row + tall, column : column + wide] = draw(st.integers(1, 5))
    return classes


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    classes=rasters(),
    window=st.sampled_from([1, 3, 5, 7]),
    smooth=st.sampled_from([0, 0, 1, 2]),
    guard=st.none() | st.integers(0, 9),
    train=st.floats(0.1, 0.9),
    validation=st.sampled_from([0, 0.1, 0.6]),
    seed=st.integers(0, 99),
)
def test_what_holds_for_every_split(
    hurried, classes, window, smooth, guard, train, validation, seed
):
    labels = labels_from_array(classes) if classes.any() else None
    if labels is None or len(labels.legend) < 2:
        return
    options = {"train": train, "validation": validation, "guard": guard, "seed": seed}
    split = split_or_refusal(labels, window=window, smooth=smooth, **options)
    if isinstance(split, str):
        assert "use a random split" in split
        return
    needed = window - 1 + 2 * smooth
    assert nearest(split) > (needed if guard is None else guard)
    if guard is None:
        assert split.overlap.window_overlap == 0
        trained = np.isin(split.assignment, (TRAIN, VALIDATION))
        seen = within_distance(trained, window // 2)
        decides = within_distance(split.assignment == TEST, honest_window(window, smooth) // 2)
        assert not (seen & decides).any()
    elif guard < needed:
        assert any("is less than" in note for note in split.notes)
    assert not split.assignment[labels.classes == 0].any()
    assert (split.counts.sum(axis=1) == labels.counts).all()
    for code in (TRAIN, VALIDATION, TEST):
        found = np.bincount(labels.classes[split.assignment == code], minlength=6)
        assert found[1 : len(split.names) + 1].tolist() == split.counts[:, code].tolist()
    assert (split.counts[:, TRAIN] > 0).all()
    assert split.counts[:, TEST].any()
    told = " ".join(note for note in split.notes if "not tested" in note)
    assert all(name in told for name in split.untested)
    assert not any(f" {name}," in told or f" {name}." in told for name in split.tested)


@pytest.mark.parametrize("window", [5, 9])
def test_every_class_is_on_both_sides_and_most_pixels_are_kept(window):
    labels = countryside()
    split = split_blocks(labels, window=window)
    counts = split.counts
    assert split.untested == ()
    trained = counts[:, [TRAIN, VALIDATION]].sum(axis=1)
    assert trained.min() >= 20
    assert counts[:, TEST].min() >= 20
    used = counts[:, 1:].sum()
    assert used > {5: 0.85, 9: 0.7}[window] * counts.sum()
    assert 0.4 < trained.sum() / used < 0.6
    assert split.summary()["window_overlap"] == 0
    assert "measures generalisation" in split.overlap.verdict


def test_the_wanted_share_is_trained_on():
    used = split_blocks(countryside(), window=5, train=0.8).counts.sum(axis=0)
    assert 0.7 < (used[TRAIN] + used[VALIDATION]) / used[1:].sum() < 0.9


def test_fields_far_apart_lose_nothing():
    labels = fields(
        (50, 50), (1, 0, 0, 5, 9), (2, 0, 40, 9, 5), (2, 40, 0, 5, 9), (1, 40, 40, 9, 5)
    )
    split = split_blocks(labels, window=9, validation=0)
    assert split.counts[:, [TRAIN, TEST]].tolist() == [[45, 45], [45, 45]]
    assert not any("guard" in note for note in split.notes)


def test_a_class_that_reaches_well_across_the_guard_is_on_both_sides():
    # Rows 20 to 22 of the small field lie more than 8 from rows 31 to 33: almost half are kept.
    labels = fields((60, 60), (1, 0, 0, 12, 60), (1, 49, 0, 11, 60), (2, 20, 30, 14, 2))
    split = split_blocks(labels, window=9, validation=0)
    assert (split.counts[:, [TRAIN, TEST]] > 0).all()
    assert any(note.startswith("Few training pixels") for note in split.notes)
    assert any(note.startswith("Few test pixels") for note in split.notes)


def test_a_class_that_fits_into_the_guard_is_trained_on_and_named_with_the_reason():
    labels = fields((60, 60), (1, 0, 0, 20, 60), (1, 40, 0, 20, 60), (2, 26, 30, 8, 8))
    split = split_blocks(labels, window=9, validation=0)
    assert split.counts[1].tolist() == [0, 64, 0, 0]
    assert split.untested == (split.names[1],)
    assert any(
        "a guard of 8 pixels would leave" in note and split.names[1] in note for note in split.notes
    )
    assert split.summary()["untested_classes"] == [split.names[1]]


def test_a_class_of_one_pixel_is_kept_in_training_and_named():
    labels = fields((40, 40), (1, 0, 0, 15, 40), (2, 25, 0, 15, 40), (3, 32, 20, 1, 1))
    split = split_blocks(labels, window=5)
    assert split.counts[2].tolist() == [0, 1, 0, 0]
    assert split.untested == (split.names[2],)
    assert any("single labelled pixel" in note for note in split.notes)


def test_classes_of_the_legend_without_pixels_are_no_matter():
    labels = countryside()
    without = Labels(np.where(labels.classes == 3, 0, labels.classes), labels.legend)
    split = split_blocks(without, window=5)
    assert split.counts[2].tolist() == [0, 0, 0, 0]
    assert split.untested == ()


def test_a_seed_gives_its_split_again_and_another_seed_another(hurried):
    labels = countryside()
    first, again, other = (split_blocks(labels, window=5, seed=seed) for seed in (7, 7, 8))
    assert (first.assignment == again.assignment).all()
    assert (first.block, first.offset) == (again.block, again.offset)
    assert (first.assignment != other.assignment).any()


def test_a_loosened_guard_keeps_more_and_says_what_it_lets_through():
    labels = countryside()
    strict, loose = split_blocks(labels, window=9), split_blocks(labels, window=9, guard=3)
    assert nearest(loose) == 4
    assert loose.counts[:, 0].sum() < strict.counts[:, 0].sum()
    assert 0 < loose.overlap.window_overlap < 1
    assert any("guard of 3 pixels is less than the 8" in note for note in loose.notes)
    assert not any("is less than" in note for note in strict.notes)
    assert (loose.guard, strict.guard) == (3, 8)


def test_a_wider_guard_than_the_windows_need_is_kept():
    assert nearest(split_blocks(countryside(), window=5, guard=11)) >= 12


def test_validation_comes_in_patches_of_the_training_side():
    split = split_blocks(countryside(), window=9, validation=0.2)
    share = split.counts[:, VALIDATION] / split.counts[:, [TRAIN, VALIDATION]].sum(axis=1)
    assert np.allclose(share, 0.2, atol=0.02)
    # Scattered pixels would have one neighbour in five among the validation pixels.
    beside = split.assignment[:, 1:][split.assignment[:, :-1] == VALIDATION]
    assert np.mean(beside[(beside == TRAIN) | (beside == VALIDATION)] == VALIDATION) > 0.7


def test_blocks_of_a_given_edge(hurried):
    split = split_blocks(countryside(), window=5, block=17)
    assert split.block == 17
    assert split.offset is not None
    assert all(0 <= start < 17 for start in split.offset)
    assert split.summary()["block"] == 17


def test_the_grid_is_told_on_the_scene_not_on_the_labelled_part(hurried):
    labels = countryside()
    moved = Labels(np.pad(labels.classes, ((1000, 0), (500, 0))), labels.legend)
    here, there = (split_blocks(one, window=5, block=16) for one in (labels, moved))
    assert (there.assignment[1000:, 500:] == here.assignment).all()
    assert here.offset is not None
    assert there.offset == ((here.offset[0] + 1000) % 16, (here.offset[1] + 500) % 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 6}, "choose an odd number"),
        ({"window": 61}, "window of 61 pixels is larger than the scene of 60 x 60"),
        ({"window": 5, "train": 1.5}, "training share of 1.5"),
        ({"window": 5, "guard": -1}, "guard of -1 pixels"),
        ({"window": 5, "block": 4}, "blocks of 4 pixels would vanish in a guard of 4: .* 5 pixels"),
        ({"window": 5, "guard": 60}, "no class has two pixels more than 60 .* random split"),
        ({"window": 31}, "no class has two pixels more than 30 .* smaller window"),
    ],
)
def test_settings_that_leave_nothing_to_test(options, message):
    labels = fields((60, 60), (1, 20, 20, 10, 20), (2, 32, 20, 10, 20))
    with pytest.raises(InputError, match=message):
        split_blocks(labels, **options)


def test_classes_that_leave_no_room_for_a_test_pixel():
    # The single pixel of class 3 must be trained on, and all else lies within its guard.
    labels = fields((11, 11), (1, 0, 0, 5, 11), (2, 6, 0, 5, 11), (3, 5, 5, 1, 1))
    with pytest.raises(InputError, match=r"no test pixel is left beyond a guard of 6 pixels"):
        split_blocks(labels, window=7)
