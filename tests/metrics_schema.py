"""metrics.json held against the schema that comes with the package."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

SCHEMA = json.loads((files("spectile.scoring") / "metrics.schema.json").read_text())


def faults(value: Any, schema: dict[str, Any] = SCHEMA, place: str = "$") -> list[str]:
    """What of `value` doesn't fit, and keys that nothing describes."""
    if "$ref" in schema:
        schema = SCHEMA
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{place}: {value}"]
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": int | float,
        "null": type(None),
    }
    allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if not any(isinstance(value, kinds[kind]) for kind in allowed):
        return [f"{place}: {value!r} is no {allowed}"]
    found: list[str] = []
    if isinstance(value, dict):
        found += [
            f"{place}.{key} is missing" for key in schema.get("required", ()) if key not in value
        ]
        ways = [way["required"] for way in schema.get("anyOf", ())]
        if ways and not any(set(way) <= value.keys() for way in ways):
            found.append(f"{place} has none of {ways}")
        for key, entry in value.items():
            part = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            found += faults(entry, part, f"{place}.{key}") if part else [f"{place}.{key} is new"]
    if isinstance(value, list):
        for at, entry in enumerate(value):
            found += faults(entry, schema["items"], f"{place}[{at}]")
    return found
