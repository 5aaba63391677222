"""`spectile datasets`."""

from __future__ import annotations


def datasets() -> None:
    """List the known scenes that train takes by name."""
    from spectile.data.datasets.known import KNOWN

    for known in KNOWN:
        bands, rows, columns = known.size
        print(f"{known.name:<18} {known.title}")
        print(f"{'':<18} {rows} x {columns} pixels, {bands} bands, {len(known.classes)} classes")
        print(f"{'':<18} licence: {known.licence}; credit: {known.credit}")
