"""Settings that have a meaning beside some words of another one alone, as momentum beside sgd."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from spectile.errors import InputError


@dataclass(frozen=True)
class Misplaced:
    """A setting that says something, and another that keeps it from meaning anything."""

    name: str
    partner: str
    words: tuple[str, ...]
    """Of the partner, with which it would have a meaning."""


def misplaced(kind: Any, values: Mapping[str, Any]) -> list[Misplaced]:
    """What of a recipe of that `kind` has no meaning beside the rest; what isn't in it is left out.

    A setting declares what it depends on: see ``goes_with`` of :func:`spectile.fields.about`.
    """
    fields = kind.__pydantic_fields__
    left_out = {name: one.get_default(call_default_factory=True) for name, one in fields.items()}
    found = []
    for name, field in fields.items():
        facts = field.json_schema_extra
        partner, words = (facts.get("goes_with") if isinstance(facts, dict) else None) or ("", ())
        said = values.get(name, left_out[name]) != left_out[name]
        if said and partner and values.get(partner, left_out[partner]) not in words:
            found.append(Misplaced(name, partner, tuple(words)))
    return found


def refuse_misplaced(recipe: Any) -> None:
    """Raise InputError for a setting of a recipe that has no meaning beside the others."""
    for one in misplaced(type(recipe), asdict(recipe)):
        option, partner = (f"--{name.replace('_', '-')}" for name in (one.name, one.partner))
        raise InputError(
            f"{option} goes with {partner} {' or '.join(one.words)}, not with "
            f"{getattr(recipe, one.partner)}: leave {option} out, or choose that."
        )
