"""README and docs: code that stands by itself, every option, every key of metrics.json."""

from __future__ import annotations

import ast
import builtins
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import option_tables
from tests.metrics_schema import SCHEMA, faults
from tests.reports.image_metrics import metrics as image_metrics

from spectile import networks

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS = (ROOT / "docs" / "commands.md").read_text()


def blocks(page: Path, *kinds: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind in kinds]


def commands() -> list[tuple[str, list[str]]]:
    """All `spectile` commands of README and docs, by page."""
    found = []
    for page in PAGES:
        for block in blocks(page, "sh", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.removeprefix("$ ")
                if re.match(r"spectile [a-z]", line):
                    found.append((page.name, shlex.split(line, comments=True)[1:]))
    return found


def leaf(words: list[str]) -> tuple[Any, list[str]]:
    known = option_tables.all_commands()
    length = 2 if words[0] == "train" else 1
    return known[" ".join(("spectile", *words[:length]))], words[length:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_in_code_are_defined(page: Path) -> None:
    """Blocks of a page follow one another, as in a notebook."""
    known = set(dir(builtins))
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.alias):
                known.add((node.asname or node.name).partition(".")[0])
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.arg):
                known.add(node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                known.add(node.id)
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used <= known, f"{page.name}: {used - known} in\n{block}"


def test_code_that_needs_no_file_runs() -> None:
    (block,) = (b for b in blocks(ROOT / "README.md", "python") if "densify(" in b)
    exec(compile(block, "README.md", "exec"), {})


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pages speak of machines larger than the one that tests."""
    monkeypatch.setattr("spectile.ranges.cores", lambda: 64)


@pytest.mark.parametrize(("page", "words"), commands(), ids=str)
def test_commands_are_understood(page: str, words: list[str]) -> None:
    command, arguments = leaf(words)
    command.make_context(words[0], list(arguments))


def test_no_two_blocks_write_the_same_file() -> None:
    written = Counter()
    for _, words in commands():
        command, arguments = leaf(words)
        context = command.make_context(words[0], list(arguments))
        out = context.params.get("out")
        if out is not None and not context.params.get("resume"):
            written[str(out)] += 1
    for page in PAGES:
        for block in blocks(page, "python"):
            written.update(re.findall(r'\.map\([^)]*?, "([^"]+)"', block))
            written.update(re.findall(r'to_raster\("([^"]+)"', block))
    assert [name for name, count in written.items() if count > 1] == []


def test_tables_of_options_are_those_of_the_commands() -> None:
    """Where this fails, `python -m tests.option_tables` writes them again."""
    assert option_tables.with_tables(COMMANDS) == COMMANDS


@pytest.mark.parametrize("name", option_tables.all_commands())
def test_every_command_has_its_section(name: str) -> None:
    section = COMMANDS.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert f"<!-- options of {name} -->" in section


def test_every_option_of_a_network_is_in_the_docs() -> None:
    table = COMMANDS.partition("\n## Options of networks\n")[2]
    options = {option for name in networks.names() for option in networks.describe(name).options}
    assert {option for option in options if f"| `{option}` |" not in table} == set()


def test_the_schema_finds_faults() -> None:
    good = image_metrics(np.array([0, 1, 1]), np.array([0, 1, 0]), names=("a", "b"))
    assert faults(good) == []
    assert faults({**good, "kappa": "high"}) == ["$.kappa: 'high' is no ['number', 'null']"]
    assert faults({**good, "luck": 1}) == ["$.luck is new"]


def test_every_key_of_metrics_is_in_the_docs() -> None:
    inner = (SCHEMA["properties"][part]["properties"] for part in ("split", "applicability"))
    for keys in (SCHEMA["properties"], *inner):
        assert {key for key in keys if f"| `{key}` |" not in COMMANDS} == set()
