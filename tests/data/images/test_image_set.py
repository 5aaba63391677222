"""Class folders and tables: what is found, how it is split, and what is said of bad input."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.data.images.pictures import write_picture

from spectile.data.images import ImageOverlap, load_images, measure_image_overlap, open_image_set
from spectile.data.splits.splits import NONE, TEST, TRAIN, VALIDATION
from spectile.errors import InputError


def make_folders(folder: Path, names: tuple[str, ...] = ("cat", "dog"), count: int = 10) -> Path:
    for place, name in enumerate(names):
        for index in range(count):
            write_picture(folder / name / f"{index}.png", seed=100 * place + index)
    return folder


def test_folders_are_classes(tmp_path: Path) -> None:
    make_folders(tmp_path, ("10", "2", "oak tree"))
    write_picture(tmp_path / "2" / "deeper" / "still" / "x.JPG", seed=999)
    images = open_image_set(tmp_path)
    assert images.legend.names == ("2", "10", "oak tree")
    assert images.legend.values == (1, 2, 3)
    assert len(images) == 31
    assert np.bincount(images.classes).tolist() == [11, 10, 10]
    for index in range(31):
        assert f"/{images.legend.names[images.classes[index]]}/" in images.images.name(index)
    assert images.kind == "random"
    assert images.seed == 0
    assert images.counts[:, [TRAIN, VALIDATION, TEST]].tolist() == [[7, 1, 3], [7, 1, 2], [7, 1, 2]]
    assert sorted(np.concatenate([images.select(s) for s in (1, 2, 3)])) == list(range(31))


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    make_folders(tmp_path)
    for name in (".DS_Store", "cat/.0.png", ".git/x.png", "__MACOSX/cat/0.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")
    (tmp_path / "cat/notes.txt").write_text("x")
    (tmp_path / "cat/Thumbs.db").write_text("x")
    write_picture(tmp_path / "stray.png", seed=1)
    images = open_image_set(tmp_path)
    assert len(images) == 20
    assert any(note.startswith("2 files that are no images") for note in images.notes)
    assert any(note.startswith("1 image lies in") for note in images.notes)


@pytest.mark.parametrize("word", ["val", "valid", "Validation"])
def test_given_sides(tmp_path: Path, word: str) -> None:
    for seed, side in enumerate(("train", word, "test")):
        write_picture(tmp_path / side / "cat" / "a.png", seed=10 * seed)
        write_picture(tmp_path / side / "dog" / "b.png", seed=10 * seed + 1)
    images = open_image_set(tmp_path)
    assert (images.kind, images.seed) == ("given", None)
    for index, side in enumerate(images.sides):
        folder = {TRAIN: "train", VALIDATION: word, TEST: "test"}[int(side)]
        assert images.images.name(index).startswith(str(tmp_path / folder))


def test_sides_that_lack_are_drawn_from_training(tmp_path: Path) -> None:
    make_folders(tmp_path / "train")
    make_folders(tmp_path / "test", count=3)
    images = open_image_set(tmp_path, validation=0.2, seed=5)
    assert (images.kind, images.seed) == ("given", 5)
    assert images.counts[:, [TRAIN, VALIDATION, TEST]].tolist() == [[8, 2, 3]] * 2
    shutil.move(tmp_path / "test", tmp_path / "val")
    images = open_image_set(tmp_path, train=0.7)
    assert images.kind == "random"
    assert images.counts[:, [TRAIN, VALIDATION, TEST]].tolist() == [[7, 3, 3]] * 2


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    make_folders(tmp_path, ("plane", "train", "test tube"))
    assert open_image_set(tmp_path).legend.names == ("plane", "test tube", "train")


def test_pictures_of_trains_in_folders_of_their_own(tmp_path: Path) -> None:
    make_folders(tmp_path, ("plane", "train/steam", "train/diesel", "ship"))
    assert open_image_set(tmp_path).legend.names == ("plane", "ship", "train")


def test_folders_beside_the_split_are_named(tmp_path: Path) -> None:
    make_folders(tmp_path / "train")
    make_folders(tmp_path / "test")
    write_picture(tmp_path / "unlabelled" / "x.png", seed=1)
    images = open_image_set(tmp_path)
    assert len(images) == 40
    assert any("unlabelled" in note for note in images.notes)


def test_copies_are_noted_and_kept_together(tmp_path: Path) -> None:
    make_folders(tmp_path)
    for copy in range(4):
        shutil.copy(tmp_path / "cat" / "3.png", tmp_path / "cat" / f"copy {copy}.png")
    shutil.copy(tmp_path / "cat" / "5.png", tmp_path / "dog" / "5 too.png")
    for seed in range(5):
        images = open_image_set(tmp_path, seed=seed)
        names = [Path(images.images.name(index)).name for index in range(len(images))]
        sides = {int(s) for s, n in zip(images.sides, names, strict=True) if "copy" in n}
        sides.add(int(images.sides[names.index("3.png")]))
        assert len(sides) == 1
    assert any(note.startswith("5 images are copies") for note in images.notes)
    assert any("5 too.png" in note and "another class" in note for note in images.notes)


def test_table(tmp_path: Path) -> None:
    for index in range(6):
        write_picture(tmp_path / "deep" / "folder" / f"{index}.png", seed=index)
    rows = "".join(f"deep/folder/{i}.png;{'ab'[i % 2]};{i}\n" for i in range(6))
    (tmp_path / "list.csv").write_text(f"File;Class;other\n{rows}")
    images = open_image_set(tmp_path / "list.csv")
    assert images.legend.names == ("a", "b")
    assert images.classes.tolist() == [0, 1] * 3
    assert images.images.read(4).shape == (3, 4, 5)
    split = ["train", "train", "Training", "val", "test", "test"]
    rows = "".join(f"deep/folder/{i}.png,{'ab'[i % 2]},{split[i]}\n" for i in range(6))
    (tmp_path / "list.csv").write_text(f"path,label,split\n{rows}")
    images = open_image_set(tmp_path / "list.csv")
    assert images.sides.tolist() == [1, 1, 1, 2, 3, 3]
    assert images.kind == "given"


def test_a_legend_sets_order_and_values(tmp_path: Path) -> None:
    make_folders(tmp_path / "images")
    (tmp_path / "legend.csv").write_text("value,name,color\n7,cat,#112233\n3,dog,\n")
    images = open_image_set(tmp_path / "images", legend=tmp_path / "legend.csv")
    assert images.legend.names == ("dog", "cat")
    assert images.legend.values == (3, 7)
    assert "/dog/" in images.images.name(int(np.flatnonzero(images.classes == 0)[0]))
    for line, said in (("4,cow,\n", "no image"), ("", None)):
        (tmp_path / "legend.csv").write_text(f"value,name,color\n7,cat,\n3,dog,\n{line}")
        if said:
            with pytest.raises(InputError, match="cow"):
                open_image_set(tmp_path / "images", legend=tmp_path / "legend.csv")
    (tmp_path / "legend.csv").write_text("value,name\n7,cat\n3,cow\n")
    with pytest.raises(InputError, match=r"'dog', which .*legend.csv lacks"):
        open_image_set(tmp_path / "images", legend=tmp_path / "legend.csv")


def test_a_link_to_a_folder_above_is_no_endless_way(tmp_path: Path) -> None:
    make_folders(tmp_path)
    (tmp_path / "cat" / "up").symlink_to(tmp_path / "cat")
    assert len(open_image_set(tmp_path)) == 20


def nothing(folder: Path) -> Path:
    return folder


def absent(folder: Path) -> Path:
    return folder / "absent"


def no_class_folders(folder: Path) -> Path:
    return write_picture(folder / "a.png", 1).parent


def flat_sides(folder: Path) -> Path:
    write_picture(folder / "train" / "a.png", 1)
    write_picture(folder / "test" / "b.png", 2)
    return folder


def empty_class(folder: Path) -> Path:
    make_folders(folder)
    (folder / "cow").mkdir()
    (folder / "cow" / "notes.txt").write_text("moo")
    return folder


def one_class(folder: Path) -> Path:
    return make_folders(folder, ("cat",))


def one_image(folder: Path) -> Path:
    return make_folders(folder, ("cat",), 1)


def single_images(folder: Path) -> Path:
    return make_folders(folder, ("cat", "dog"), 1)


def untrained_class(folder: Path) -> Path:
    make_folders(folder / "train")
    make_folders(folder / "test", ("cat", "cow"))
    return folder


def two_vals(folder: Path) -> Path:
    for side in ("train", "val", "valid"):
        make_folders(folder / side)
    return folder


def a_picture(folder: Path) -> Path:
    return write_picture(folder / "a.png", 1)


def table(text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        make_folders(folder)
        (folder / "list.csv").write_text(text)
        return folder / "list.csv"

    return write


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (nothing, "no folders of images"),
        (absent, "isn't there"),
        (no_class_folders, "no folder for each class"),
        (flat_sides, "no folder for each class"),
        (empty_class, "class folder .*cow holds no image"),
        (one_class, "10 images of one class, 'cat'"),
        (one_image, "1 image of one class, 'cat'"),
        (single_images, "single image"),
        (untrained_class, "class cow"),
        (two_vals, "val and valid"),
        (a_picture, "single file"),
        (table("a,b\n1,2\n"), "needs one named path"),
        (table("path,b\ncat/0.png,2\n"), "needs one named label"),
        (table("path,label\n"), "lists no image"),
        (table("path,label\ncat/0.png,\n"), "no label in line 2"),
        (
            table("path,label\ncat/0.png,a\ncat/x.png,b\n,c\n"),
            "2 of the 3 files .* line 3: 'cat/x.png'",
        ),
        (table("path,label,split\ncat/0.png,a,trian\n"), "'trian' as a split in line 2"),
        (table("path,label,split\ncat/0.png,a,test\n"), "only test images"),
        (table("path,label,split\ncat/0.png,a,train\ncat/1.png,b,test\n"), "class 'b' in line 3"),
    ],
)
def test_bad_input(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        open_image_set(make(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shares", [{"train": 0}, {"train": 1.0}, {"validation": 1.0}])
def test_shares_that_leave_a_side_empty(tmp_path: Path, shares: dict[str, float]) -> None:
    with pytest.raises(InputError, match="share"):
        open_image_set(make_folders(tmp_path), **shares)


def test_a_class_with_one_image_is_trained_on_and_named(tmp_path: Path) -> None:
    make_folders(tmp_path)
    write_picture(tmp_path / "cow" / "0.png", seed=77)
    images = open_image_set(tmp_path)
    summary = images.summary(ImageOverlap(4, 0))
    assert images.counts[1].tolist() == [0, 1, 0, 0]  # cat, cow, dog
    assert summary["untested_classes"] == ["cow"]
    assert "Trained on but not tested: cow." in summary["notes"]


def test_damaged_images_leave_their_side(tmp_path: Path) -> None:
    make_folders(tmp_path)
    images = open_image_set(tmp_path)
    first = int(images.select(TRAIN)[0])
    left = images.without([first])
    assert left.sides[first] == NONE
    assert (np.delete(left.sides, first) == np.delete(images.sides, first)).all()
    assert images.images.name(first) in left.notes[-1]
    assert images.without([]) is images
    cats = [i for i in images.select(TRAIN).tolist() if images.classes[i] == 0]
    with pytest.raises(InputError, match="'cat' is left to train on"):
        images.without(cats)
    with pytest.raises(InputError, match="left to test on"):
        images.without(images.select(TEST).tolist())


def test_summary_tells_of_test_images_that_were_trained_on(tmp_path: Path) -> None:
    make_folders(tmp_path / "train")
    make_folders(tmp_path / "test", count=2)  # the same pictures
    images = open_image_set(tmp_path, validation=0.1)
    train, validation, test = (
        load_images(images.images, images.select(side), memory=1).hashes for side in (1, 2, 3)
    )
    summary = images.summary(measure_image_overlap(train + validation, test))
    assert summary["overlap"] == 1.0
    assert summary["verdict"].startswith("4 of 4 test images (100%) are also training images")
    assert summary["train_images"] + summary["validation_images"] == 20
    assert summary["tested_classes"] == ["cat", "dog"]
    assert measure_image_overlap(train, []).overlap == 0


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (0, "No test image occurs among the training images."),
        (9, "(under 1%) are also training images: this score is slightly flattered"),
        (200, "part memory"),
        (600, "measures memory"),
    ],
)
def test_verdicts(seen: int, said: str) -> None:
    assert said in ImageOverlap(1000, seen).verdict
