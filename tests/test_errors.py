"""Errors speak of options on the command line, and of arguments in Python."""

from importlib.metadata import version

import pytest

import spectile
from spectile.errors import InputError


@pytest.mark.parametrize(
    ("on_command_line", "in_python"),
    [
        ("add --ignore 0 if it means none.", "add ignore=0 if it means none."),
        ("by --legend; or add --skip-bad.", "by legend; or add skip_bad=True."),
        ("correct --weights-from timm", "correct weights_from timm"),
        ("a--b.tif is damaged", "a--b.tif is damaged"),
    ],
)
def test_options_and_arguments(on_command_line: str, in_python: str) -> None:
    error = InputError(on_command_line)
    assert str(error) == in_python
    assert error.on_command_line == on_command_line


def test_public_names_are_listed_and_there() -> None:
    names = set(dir(spectile))
    assert {"open_scene", "load", "Model", "networks", "InputError", "__version__"} <= names
    assert not {"os", "importlib", "Any"} & names
    for name in names:
        assert getattr(spectile, name) is not None
    assert spectile.__version__ == version("spectile")
