"""CIFAR-10's own formats, written as its authors did, and pickles that want more."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectile.data.images import open_image_set
from spectile.data.splits.splits import TEST, TRAIN, VALIDATION
from spectile.errors import InputError

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
EACH = 20


def batch(seed: int) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (EACH, 3072)).astype(np.uint8), [i % 10 for i in range(EACH)]


def write_binary(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for seed, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        data, labels = batch(seed)
        records = np.concatenate([np.array(labels, np.uint8)[:, None], data], axis=1)
        records.tofile(folder / f"{name}.bin")
    (folder / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    return folder


def write_python(folder: Path, protocol: int = 2) -> Path:
    folder.mkdir(parents=True)
    for seed, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        data, labels = batch(seed)
        content = {b"data": data, b"labels": labels, b"filenames": [b"x.png"] * EACH}
        (folder / name).write_bytes(pickle.dumps(content, protocol=protocol))
    names = {b"label_names": [name.encode() for name in NAMES]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, protocol=protocol))
    return folder


@pytest.mark.parametrize("protocol", [None, 0, 2, 4, 5])
def test_both_formats_hold_the_same(tmp_path: Path, protocol: int | None) -> None:
    inner = tmp_path / ("cifar-10-batches-bin" if protocol is None else "cifar-10-batches-py")
    write_binary(inner) if protocol is None else write_python(inner, protocol)
    for folder in (inner, tmp_path):
        images = open_image_set(folder, seed=1)
        assert images.legend.names == tuple(NAMES)
        assert len(images) == 6 * EACH
        assert images.kind == "given"
        assert images.seed == 1
        assert images.select(TEST).tolist() == list(range(5 * EACH, 6 * EACH))
        assert len(images.select(TRAIN)) == 90
        assert len(images.select(VALIDATION)) == 10
        assert images.classes.tolist() == [i % 10 for i in range(EACH)] * 6
        data, _ = batch(1)
        suffix = ".bin" if protocol is None else ""
        assert images.images.name(EACH + 2) == f"data_batch_2{suffix} #3"
        np.testing.assert_array_equal(images.images.read(EACH + 2), data[2].reshape(3, 32, 32))


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    """As in the published archive: byte strings for keys, and numpy.core for NumPy's place."""
    folder = write_python(tmp_path / "cifar")
    path = folder / "data_batch_1"
    content = path.read_bytes().replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    path.write_bytes(content)
    data, _ = batch(0)
    np.testing.assert_array_equal(open_image_set(folder).images.read(0), data[0].reshape(3, 32, 32))


class Attack:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_runs_nothing(tmp_path: Path, protocol: int) -> None:
    import os

    folder = write_python(tmp_path / "cifar")
    trace = tmp_path / "trace"
    for attack in (
        Attack(os.system, f"touch {trace}"),
        Attack(eval, f"open({str(trace)!r}, 'w')"),
        Attack(np.save, str(trace), np.zeros(3)),
        Attack(getattr, [], "append"),
    ):
        (folder / "data_batch_1").write_bytes(pickle.dumps(attack, protocol=protocol))
        with pytest.raises(InputError, match=r"data_batch_1 .* don't use it"):
            open_image_set(folder)
        assert not list(tmp_path.glob("trace*"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        pickle.dumps([1, 2]),
        pickle.dumps({b"data": np.zeros((2, 3), np.uint8), b"labels": [0, 1]}),
        pickle.dumps({b"data": np.zeros((2, 3072), np.float32), b"labels": [0, 1]}),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": ["a", "b"]}),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}),
        pickle.dumps({b"data": np.zeros((0, 3072), np.uint8), b"labels": []}),
        pickle.dumps({b"data": 5, b"labels": 6}),
    ],
)
def test_other_pickles_are_named(tmp_path: Path, content: bytes) -> None:
    folder = write_python(tmp_path / "cifar")
    (folder / "data_batch_3").write_bytes(content)
    with pytest.raises(InputError, match="data_batch_3"):
        open_image_set(folder)


def test_damaged_binary_batches_are_named(tmp_path: Path) -> None:
    folder = write_binary(tmp_path / "cifar")
    path = folder / "data_batch_4.bin"
    whole = path.read_bytes()
    for content in (whole[:-1], b"", b"\x0a" + whole[1:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"data_batch_4\.bin"):
            open_image_set(folder)


def test_missing_batches(tmp_path: Path) -> None:
    folder = write_binary(tmp_path / "cifar")
    (folder / "test_batch.bin").unlink()
    (folder / "data_batch_5.bin").unlink()
    images = open_image_set(folder)
    assert images.kind == "random"
    assert len(images.select(TEST)) == 16
    assert "data_batch_5.bin, test_batch.bin" in images.notes[0]
