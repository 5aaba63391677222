"""Files of code that a recipe names: a resumed run needs those that it was started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spectile.errors import InputError
from spectile.named_code import file_of, fingerprint
from spectile.tasks.config import fields_of, told
from spectile.tasks.files import CODE
from spectile.tasks.tables import table_in, write_table


def write_code(folder: Path, recipe: Any) -> None:
    """Write the SHA-256 of each file in which the recipe names code, if it names any."""
    if rows := _rows(recipe):
        write_table(folder / CODE, ("code", "sha256"), rows)


def check_code(folder: Path, recipe: Any) -> None:
    """Raise InputError for a file of code that was changed since :func:`write_code` saw it."""
    before = dict((table_in(folder / CODE) or [])[1:])
    for code, digest in _rows(recipe):
        if before.get(code, digest) != digest:
            raise InputError(
                f"{file_of(code)} was changed since the run in {folder} was started: bring it "
                "back, or start anew with --overwrite."
            )


def _rows(recipe: Any) -> list[tuple[str, str]]:
    fields = fields_of(type(recipe))
    codes = [getattr(recipe, name) for name, field in fields.items() if told(field).get("code")]
    return [(code, digest) for code in codes if (digest := fingerprint(code))]
