"""Numbers in masks that mean "no class": the customary ones, unless they must be a class."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from spectile.errors import InputError

CUSTOMARY = (255, 65535)
"""What most collections give to borders and to what has no class: the last of 8 and of 16 bits."""

MOST_LEVELS = 17
"""Grey levels at even steps that classes may be drawn in."""


def default_void(held: Collection[int]) -> set[int]:
    """Which values mean "no class" where nobody says so, in masks that hold the values `held`."""
    # Masks of one class and its background often are black and white.
    if any(set(held) == {0, white} for white in CUSTOMARY):
        return set()
    return set(CUSTOMARY)


def check_levels(held: Collection[int], ignore: Collection[int] | None) -> None:
    """Raise InputError where the last of evenly spaced grey levels may be a class or void.

    So it is with 0, 128, 255: three classes drawn in black, grey and white, or two and void.
    """
    levels = sorted(held)
    white = levels[-1] if levels else 0
    if white not in CUSTOMARY or white in (ignore or ()) or not 3 <= len(levels) <= MOST_LEVELS:
        return
    step = white / (len(levels) - 1)
    if all(abs(level - place * step) <= 1 for place, level in enumerate(levels)):
        raise InputError(
            f"the masks hold {', '.join(map(str, levels))}, so {white} may be a class drawn in "
            f"white or mean unlabelled: say --ignore {white}, or name the classes by a --legend "
            f"with a row for {white}."
        )


def void_note(held: Mapping[int, int], void: Collection[int], pixels: int) -> tuple[str, ...]:
    """A note on what was left unlabelled by custom; `held` are pixels by value, `pixels` all."""
    return tuple(
        f"{value} means unlabelled in the masks ({held[value]:,} of {pixels:,} pixels): name it "
        "in a legend if it is a class."
        for value in sorted(void)
        if held.get(value)
    )
