"""How a report says things: percentages, durations, and what a score may be taken for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

NOTHING = "–"


def percent(share: float | None, decimals: int = 1) -> str:
    """A fraction as a percentage; never rounded up to 100 or down to 0."""
    if share is None or not math.isfinite(share):
        return NOTHING
    step = 10.0**-decimals
    if 0 < share * 100 < step / 2:
        return f"<{step:.{decimals}f}"
    if 100 - step / 2 <= share * 100 < 100:
        return f">{100 - step:.{decimals}f}"
    return f"{share * 100:.{decimals}f}"


def fixed(number: float | None, decimals: int = 3) -> str:
    """A number with a fixed count of decimals and a real minus sign."""
    if number is None or not math.isfinite(number):
        return NOTHING
    return f"{number:.{decimals}f}".replace("-", "−")


def signed(share: float) -> str:
    """A difference of shares in points, with its sign: "+0.8"."""
    return f"{share * 100:+.1f}".replace("-", "−")


def capitalized(text: str) -> str:
    """With a capital at its start, and all else as it is."""
    return text[:1].upper() + text[1:]


def count(number: int | None) -> str:
    """A count with thin spaces between thousands."""
    return NOTHING if number is None else f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def notes_on_loss(
    history: Sequence[Mapping[str, Any]], guessing: float | None = None
) -> tuple[str, ...]:
    """A sentence for a fit that went wrong, by the rows of history.csv.

    `guessing` is the loss of a network that gives each class the same probability, for losses
    that can be compared with it.
    """
    losses = [row["train_loss"] for row in history if row.get("train_loss") is not None]
    if not losses:
        return ()
    last, least = losses[-1], min(losses)
    if len(losses) > 1 and last > min(losses[0], 2 * least + 0.1):
        start = "at first" if last > losses[0] else "in between"
        before = losses[0] if last > losses[0] else least
        return (
            f"The training loss rose: {last:.4g} at the end, {before:.4g} {start}. "
            "The fit diverged: lower the learning rate.",
        )
    reached = history[-1].get("validation_loss") or last
    if guessing is not None and reached > guessing:
        return (
            f"The loss at the end is {reached:.4g}, and guessing alone has {guessing:.4g}: the fit "
            "learnt nothing, so lower the learning rate or fit for more epochs.",
        )
    return ()


def notes_on_applicability(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """A sentence on how much of a scene is unlike its training pixels, and what that costs."""
    found = metrics.get("applicability")
    if found is None or found["outside_share"] is None:
        return ()
    tested = "no test pixel is"
    if found["outside_share_test"]:
        tested = (
            f"{percent(found['outside_share_test'])}% of the test pixels are, and "
            f"{percent(found['accuracy_outside'])}% of these are mapped right"
        )
        if found["accuracy_inside"] is not None:
            tested += f", {percent(found['accuracy_inside'])}% of the others"
    share = percent(found["outside_share"])
    return (f"{share}% of the scene is unlike anything trained on; {tested}.",)


def duration(seconds: float | None) -> str:
    """Seconds in the units in which people say them."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if 0 < seconds < 0.05:
        return "<0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, text), in their order."""
    rows: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping):
            rows += flatten(value, f"{prefix}{key}.")
        else:
            rows.append((f"{prefix}{key}", _setting(value)))
    return rows


def _setting(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_setting(entry) for entry in value) or NOTHING
    return str(value)


def leaks(split: Mapping[str, Any]) -> bool:
    """Whether the network has seen of the test side while it trained; not known counts as yes.

    For scenes that is whether test pixels depend on pixels of training windows, for images whether
    any of them is on both sides.
    """
    overlap = "window_overlap" if "window_overlap" in split else "overlap"
    return bool(split[overlap] != 0)


def split_in_words(split: Mapping[str, Any]) -> str:
    """The kind of split and its geometry, for the line below a title."""
    words = ["split in order of names" if split["kind"] == "order" else f"{split['kind']} split"]
    if split.get("block") is not None:
        words.append(f"blocks of {split['block']} px")
    if split.get("guard") is not None:
        words.append(f"guard {split['guard']} px")
    if split.get("seed") is not None:
        words.append(f"seed {split['seed']}")
    return ", ".join(words)


def advice(runs: Sequence[tuple[str, float, bool]]) -> str:
    """What to make of several scores: (title, overall accuracy, whether it leaks) of each."""
    trusted, doubted = (
        [f"{percent(accuracy)}% ({title})" for title, accuracy, leaks in runs if leaks is wanted]
        for wanted in (False, True)
    )
    parts = []
    if trusted:
        parts.append(
            f"For unseen ground in a scene like this, go by {_listing(trusted)}: "
            "no test pixel's class depends on a pixel of a training window."
        )
    if doubted:
        parts.append(
            f"Take {_listing(doubted)} only for comparison with figures obtained the same way: "
            "classes of test pixels depend on pixels of training windows."
        )
    return " ".join(parts)


def _listing(items: Sequence[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def file_name(name: str) -> str:
    """An image's name as captions have it: of a path the file and the folder that holds it."""
    path = PurePath(name)
    return "/".join(path.parts[-2:]) if path.is_absolute() else name
