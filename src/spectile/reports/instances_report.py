"""The report of a network of instances: what it finds, misses, invents and finds twice."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from spectile.data.instances.objects import Objects
from spectile.reports import figures, wording
from spectile.reports.page import Terms, scored, write_page
from spectile.reports.record import Record

TERMS = Terms(
    unit="object",
    given="taken for",
    scores=(
        ("mask_ap", "mask AP"),
        ("mask_ap50", "mask AP50"),
        ("mask_ap75", "mask AP75"),
        ("box_ap", "box AP"),
    ),
    columns=(("mask_ap", "Mask AP"), ("mask_ap50", "Mask AP50"), ("box_ap", "Box AP")),
    bar="mask_ap",
)
COLORS: Mapping[str, figures.Color] = {
    "found": (0, 158, 115),
    "invented": (213, 94, 0),
    "found twice": (204, 121, 167),
    "missed": (255, 214, 10),
}
"""Of Okabe and Ito, told apart by all eyes; on dark and on bright pictures."""
LONGEST_SIDE = 560
"""Pictures are enlarged up to so many pixels, for outlines a pixel wide."""
WIDTH = 2
"""Of an outline, in pixels of the picture."""


@dataclass(frozen=True)
class SearchedImage:
    """An image of the test side and what the network finds in it."""

    name: str
    picture: NDArray[np.uint8]
    """As :func:`spectile.reports.sample_picture.sample_picture` gives it, shape (h, w, 3)."""
    truth: Objects
    found: Objects
    verdicts: Sequence[tuple[int, str]]
    """Places in `found` of what is sure enough to count, and what each is: one of `COLORS`, or
    empty where it is neither right nor wrong."""
    missed: Sequence[int]
    """Places in `truth` of what wasn't found."""


@dataclass(frozen=True, kw_only=True)
class InstancesRecord(Record):
    """A run as its report shows it."""

    samples: Sequence[SearchedImage]
    """Some images of the test side, in the order in which they are shown."""
    worst: Sequence[SearchedImage]
    """Those with most mistakes, the worst first."""


def write_instances_report(
    path: str | os.PathLike[str], record: InstancesRecord, *, heading: str
) -> None:
    """Write `record` as one HTML file that needs nothing beside itself.

    Raises InputError where the file can't be written; then none is left behind.
    """
    write_page(
        path,
        "instances.html.jinja",
        heading=heading,
        record=record,
        scored=scored(record.metrics, record.history, record.legend, record.extra_notes, TERMS),
        samples=[_row(image) for image in record.samples],
        worst=[_row(image) for image in record.worst],
        outline_key=list(COLORS.items()),
        count_facts=_counts(record.metrics["counts"]),
        size_facts=[
            (f"mask AP, {size}", "none there" if score is None else f"{wording.percent(score)}%")
            for size, score in record.metrics["mask_ap_by_size"].items()
        ],
    )


def _counts(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    area = counts["area_bias"]
    return [
        ("objects that are there", wording.count(counts["truth"])),
        ("objects found", wording.count(counts["found"])),
        ("found and there", wording.count(counts["right"])),
        ("missed", wording.count(counts["missed"])),
        ("invented", wording.count(counts["invented"])),
        ("found twice", wording.count(counts["found_twice"])),
        ("off by, an image", f"{counts['mean_error']:.2f}"),
        ("too many or few, an image", f"{counts['mean_bias']:+.2f}"),
        ("area of those found and there", "–" if area is None else f"{100 * area:+.1f}%"),
    ]


@dataclass(frozen=True)
class _Row:
    name: str
    score: str
    pictures: Sequence[tuple[str, figures.Picture]]
    """Picture, truth and what was found, each with what it is."""


def _row(image: SearchedImage) -> _Row:
    times = max(1, LONGEST_SIDE // max(image.picture.shape[:2]))
    large = image.picture.repeat(times, axis=0).repeat(times, axis=1)
    truth, found = large.copy(), large.copy()
    for place in range(len(image.truth)):
        if not image.truth.ignored[place]:
            _outline(truth, image.truth, place, times, (255, 255, 255))
    for place, verdict in image.verdicts:
        if verdict:
            _outline(found, image.found, place, times, COLORS[verdict])
    for place in image.missed:
        _outline(found, image.truth, place, times, COLORS["missed"])
    counts = Counter(verdict for _, verdict in image.verdicts)
    counts["missed"] = len(image.missed)
    shown = {"image": large, "truth": truth, "found": found}
    return _Row(
        name=wording.file_name(image.name),
        score=", ".join(f"{counts[name]:,} {name}" for name in COLORS if counts[name])
        or "nothing there, nothing found",
        pictures=[
            (name, figures.photo(each, longest=LONGEST_SIDE)) for name, each in shown.items()
        ],
    )


def _outline(
    picture: NDArray[np.uint8], objects: Objects, place: int, times: int, color: figures.Color
) -> None:
    """Draw the border of an object into a picture that is enlarged so many times."""
    left, top, right, bottom = objects.boxes[place] * times
    mask = objects.masks[place].repeat(times, axis=0).repeat(times, axis=1)
    inner = binary_erosion(mask, iterations=WIDTH)
    picture[top:bottom, left:right][mask & ~inner] = color
