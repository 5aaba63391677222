"""Whether the numbers of palette masks say the classes, or the colours that they are shown in.

Numbers do, as a rule. But programs that make PNGs smaller turn colour masks into palette masks,
each with a palette of its own, whose numbers are but places in it: 0, 1, 2 ... without a gap, each
in another colour, and the same colour under another number in the next mask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spectile.data.labels.masks.census import MaskCensus
from spectile.data.labels.masks.mask_classes import BLACK, MaskClasses, color_name
from spectile.errors import InputError

NUMBERS_COUNT = (
    "The masks' palettes show the value {value} in different colours: the numbers say the classes, "
    "the colours don't."
)


def colors_count(masks: Sequence[MaskCensus]) -> tuple[bool, tuple[str, ...]]:
    """Whether colours say the classes of `masks` that no legend explains, and a note on it.

    Raises InputError where both may be meant.
    """
    of_palettes = [mask for mask in masks if mask.shown]
    if any(mask.colored and not mask.grey for mask in masks):
        return True, ()
    several = _shown_differently(of_palettes)
    if several is None:
        return False, ()
    value, one, other = several
    if not all(map(_are_places, of_palettes)):
        return False, (NUMBERS_COUNT.format(value=value),)
    if _moved(of_palettes):
        return True, ()
    raise InputError(
        f"{one.path} shows the value {value} in {color_name(one.shown[value])} and {other.path} "
        f"in {color_name(other.shown[value])}, so classes may be meant by numbers or by colours: "
        "save the masks without palette or as RGB, or name values, or colours, by --legend."
    )


def colors_count_for(meaning: MaskClasses, masks: Sequence[MaskCensus]) -> bool:
    """Whether colours say the classes of palette masks for a legend that has both.

    Raises InputError where palette and legend contradict each other.
    """
    of_palettes = [mask for mask in masks if mask.shown]
    if not of_palettes:
        return False
    contradiction = _contradiction(meaning, of_palettes)
    known = all(value in meaning.by_value for mask in of_palettes for value in mask.counts)
    if known and contradiction is None:
        return False
    colors = {color for mask in of_palettes for color in mask.shown.values()}
    named = colors <= {BLACK, *meaning.by_color} and not colors.isdisjoint(meaning.by_color)
    if named and all(map(_differ, of_palettes)) and (not known or _moved(of_palettes)):
        return True
    if known and contradiction is not None:
        mask, value, color = contradiction
        place = meaning.by_color[color]
        named_as = f"the class '{meaning.legend.names[place - 1]}'" if place else "unlabelled"
        raise InputError(
            f"{mask.path} shows the value {value} in {color_name(color)}, which {meaning.source} "
            f"gives to {named_as}: correct the legend's colours or leave them out, or save the "
            "masks without palette if their numbers count, as RGB if their colours do."
        )
    return False


def _shown_differently(
    masks: Sequence[MaskCensus],
) -> tuple[int, MaskCensus, MaskCensus] | None:
    """A value that two masks show in different colours, and the masks."""
    first: dict[int, MaskCensus] = {}
    for mask in masks:
        for value, color in mask.shown.items():
            other = first.setdefault(value, mask)
            if other.shown[value] != color:
                return value, other, mask
    return None


def _differ(mask: MaskCensus) -> bool:
    """Whether a mask shows no two of its values alike."""
    return len(set(mask.shown.values())) == len(mask.shown)


def _are_places(mask: MaskCensus) -> bool:
    """Whether a mask's values may be but places in its palette."""
    return _differ(mask) and sorted(mask.shown) == list(range(len(mask.shown)))


def _moved(masks: Sequence[MaskCensus]) -> bool:
    """Whether two masks have one colour under different values."""
    first: dict[int, int] = {}
    pairs = ((color, value) for mask in masks for value, color in mask.shown.items())
    return any(first.setdefault(color, value) != value for color, value in pairs)


def _contradiction(
    meaning: MaskClasses, masks: Sequence[MaskCensus]
) -> tuple[MaskCensus, int, int] | None:
    """A mask, its value and the colour of it that the legend gives to another class.

    Black, and a colour that a palette uses twice, say nothing.
    """
    for mask in masks:
        shown: Mapping[int, int] = mask.shown
        colors = list(shown.values())
        for value, color in shown.items():
            if color == BLACK or colors.count(color) > 1 or color not in meaning.by_color:
                continue
            if meaning.by_color[color] != meaning.by_value.get(value):
                return mask, value, color
    return None
