"""The page on blocks says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from spectile.blocks import ATTENTION

PAGE = Path(__file__).parents[2] / "docs" / "blocks.md"


def test_the_code_runs_in_order():
    torch.manual_seed(0)
    text = PAGE.read_text()
    namespace: dict[str, object] = {"__name__": "blocks_page"}
    for match in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        line = text[: match.start(1)].count("\n")
        exec(compile("\n" * line + match[1], str(PAGE), "exec"), namespace)
    assert "Backbone" in namespace


def test_the_table_has_every_block_and_counts_right():
    rows = re.findall(r"^\| `([\w-]+)` \|.*\| ([\d,]+) \| ([\d,]+) \|$", PAGE.read_text(), re.M)
    counts = {
        name: tuple(sum(p.numel() for p in build(channels).parameters()) for channels in (64, 256))
        for name, build in ATTENTION.items()
    }
    written = {name: tuple(int(n.replace(",", "")) for n in numbers) for name, *numbers in rows}
    assert written == counts


def test_every_block_has_a_section():
    assert set(re.findall(r"^### .*: `([\w-]+)`$", PAGE.read_text(), re.M)) == set(ATTENTION)
