"""Code that the user names in a file or a package: found, or told in one sentence why not."""

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spectile import named_code
from spectile.errors import InputError
from spectile.named_code import file_of, fingerprint, is_named_code, load_named, placed


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def written(folder: Path, text: str, name: str = "losses.py") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text)
    return file


def test_a_name_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(
        tmp_path, "class Losses:\n    class Sharp:\n        rate = 3\ndef own(): return 2"
    )
    assert load_named(f"{file}:own")() == 2  # type: ignore[operator]
    assert load_named(f"{file}:own") is load_named(f"{file}:own")
    monkeypatch.chdir(tmp_path)
    assert load_named("losses.py:own") is load_named(f"{file}:own")
    assert load_named("./losses.py:Losses.Sharp").rate == 3  # type: ignore[attr-defined]


def test_a_name_in_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_named("spectile.errors:InputError") is InputError
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "own = 5", "a_module_of_mine.py")
    assert load_named("a_module_of_mine:own") == 5
    written(tmp_path, "InputError = 5", "pickle.py")
    assert load_named("pickle:dumps") is pickle.dumps


def test_it_stands_in_for_no_installed_module(tmp_path: Path) -> None:
    file = written(tmp_path, "import numpy\nown = numpy.zeros", "torch.py")
    before = sys.modules.get("torch")
    assert load_named(f"{file}:own") is not None
    assert sys.modules.get("torch") is before


def test_it_imports_what_lies_beside_it(tmp_path: Path) -> None:
    for number in (1, 2):
        folder = tmp_path / str(number)
        written(folder, f"own = {number}", "helper_of_mine.py")
        written(folder, "import helper_of_mine")
        assert load_named(f"{folder}/losses.py:helper_of_mine.own") == number
    # Folders with helpers of one name don't share them.
    assert load_named(f"{tmp_path}/1/losses.py:helper_of_mine.own") == 1


def test_its_functions_may_import_when_they_run(tmp_path: Path) -> None:
    file = written(tmp_path, "def own():\n    from late_one_of_mine import n\n    return n")
    written(tmp_path, "n = 7", "late_one_of_mine.py")
    assert load_named(f"{file}:own")() == 7  # type: ignore[operator]


def test_a_changed_file_is_loaded_again(tmp_path: Path) -> None:
    file = written(tmp_path, "from beside import n\nown = 10 * n")
    written(tmp_path, "n = 1", "beside.py")
    first = fingerprint(f"{file}:own")
    assert load_named(f"{file}:own") == 10
    written(tmp_path, "from beside import n\nown = 20 * n")
    assert load_named(f"{file}:own") == 20
    assert fingerprint(f"{file}:own") != first is not None
    assert fingerprint("package.module:own") is None
    assert not list(tmp_path.glob("__pycache__/losses*"))


def test_another_process_finds_it_by_what_pickle_keeps(tmp_path: Path) -> None:
    written(tmp_path, "class Beside: pass", "beside.py")
    file = written(tmp_path, "from beside import Beside\nclass Own:\n    at = Beside()")
    (tmp_path / "pickled").write_bytes(pickle.dumps(load_named(f"{file}:Own")))
    code = (
        "import spectile.named_code, pickle, pathlib\n"
        f"print(pickle.loads(pathlib.Path({str(tmp_path / 'pickled')!r}).read_bytes()).at)"
    )
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.startswith("<beside.Beside object")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("reconstruction", r"'reconstruction' names no code: write it as path/to/file.py:Name or"),
        ("{}/losses.py", r"names no code"),
        ("{}/losses.py:", r"names no code"),
        (":own", r"names no code"),
        ("{}/nothing.py:own", r"the file .*nothing.py is not there: give the path"),
        ("{}:own", r"the file .* is a folder"),
        ("{}/losses.py:reconstuction", r"has no reconstuction: did you mean reconstruction\?$"),
        ("{}/losses.py:zzz", r"has no zzz: name one of reconstruction\.$"),
        ("{}/empty.py:zzz", r"has no zzz: define it there"),
        ("{}/broken.py:own", r"broken.py can't be imported \(line 2: ValueError: one\): mend it"),
        ("{}/syntax.py:own", r"syntax.py can't be imported \(line 3: SyntaxError: "),
        ("{}/exits.py:own", r"exits.py can't be imported \(line 2: SystemExit: 2\)"),
        ("{}/deep.py:own", r"deep.py can't be imported \(.*broken.py, line 2: ValueError: one\)"),
        ("no_such_package.nets:own", r"there is no module no_such_package: install its package"),
        ("spectile.no_such_part:own", r"there is no module spectile.no_such_part: install"),
        ("spectile.errors:InputEror", r"spectile.errors has no InputEror: did you mean InputError"),
    ],
)
def test_what_is_not_to_be_had_is_one_sentence(text: str, sentence: str, tmp_path: Path) -> None:
    written(tmp_path, "import math\ndef reconstruction(): ...")
    written(tmp_path, "", "empty.py")
    written(tmp_path, "import math\nraise ValueError('one\\ntwo')", "broken.py")
    written(tmp_path, "\n\nthis is (no Python", "syntax.py")
    written(tmp_path, "import sys\nsys.exit(2)", "exits.py")
    written(tmp_path, "import broken", "deep.py")
    with pytest.raises(InputError, match=sentence) as caught:
        load_named(text.format(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_file_is_kept_where_it_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert placed("losses.py:own") == f"{tmp_path}/losses.py:own"
    assert placed("../losses.py:own", tmp_path / "a") == f"{tmp_path}/losses.py:own"
    assert placed("/a/losses.py:own", tmp_path) == "/a/losses.py:own"
    assert placed("package.module:own") == "package.module:own"
    assert placed("cross-entropy") == "cross-entropy"
    assert file_of("package.module:own") is None
    assert file_of("a/losses.py:own") == Path("a/losses.py")
    assert not is_named_code("hybridsn-se")
    assert is_named_code("C:\\nets\\mine.py:SSRN")


def test_a_broken_file_can_be_mended(tmp_path: Path) -> None:
    file = written(tmp_path, "raise ValueError('one')")
    with pytest.raises(InputError, match="can't be imported"):
        load_named(f"{file}:own")
    written(tmp_path, "own = 1")
    assert load_named(f"{file}:own") == 1
    assert named_code.PREFIX + "losses" in "".join(sys.modules)
