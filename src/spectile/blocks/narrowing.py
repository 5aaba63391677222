"""How far a block may narrow its channels: the check that all blocks with a reduction share."""

from __future__ import annotations


def narrowed(channels: int, reduction: int, block: str) -> int:
    """The width channels // reduction; raises ValueError, naming `block`, if none is left."""
    if channels < 1:
        raise ValueError(f"{block} needs at least one channel, not {channels}.")
    if not 1 <= reduction <= channels:
        raise ValueError(
            f"{block} can't reduce {channels} channels by {reduction}: "
            f"choose a reduction between 1 and {channels}."
        )
    return channels // reduction
