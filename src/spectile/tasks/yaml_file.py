"""YAML that people may have edited: what it can't be, or shouldn't, is said in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from spectile.errors import InputError

LARGEST = 1 << 20
"""Bytes: a configuration has two thousand."""
DEEPEST = 20
"""Mappings and lists inside of each other; a configuration has three."""


class _Loader(yaml.SafeLoader):
    """Plain values alone: no aliases, whose expansion has no end, and no key twice."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, f"an alias, *{event.anchor}", mark)
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.composer.ComposerError(None, None, "lists inside of lists without end", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key.value, str):
                problem = "a key that is no word"
            elif key.value in seen:
                problem = f"{key.value} twice"
            else:
                seen.add(key.value)
                continue
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path, *, wanted: str = "the config.yaml of a run") -> Any:
    """The plain values in a YAML file, which is to hold what is `wanted`.

    Raises InputError with the line of what is wrong.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise InputError(f"{path} is larger than any configuration: give {wanted}.")
        # Surrogates stand for bytes of file names that are no text.
        return yaml.load(content.decode("utf-8-sig"), _Loader)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{path} can't be read ({reason}): give {wanted}.") from (error)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} can't be read as a configuration ({_what(error)}): mend it, or give {wanted}."
        ) from error


def _what(error: BaseException) -> str:
    """What is wrong, and in which line."""
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or str(error) or type(error).__name__
    text = " ".join(str(text).split())[:160].rstrip(".")
    return text if mark is None else f"{text}, in line {mark.line + 1}"
