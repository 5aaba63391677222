"""What scores on changed scenes say in words: how much of a change a model stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Effect = Literal["stood", "weakened", "halved"]

SCORES = "overall_accuracy", "average_accuracy"
"""What the sentence goes by: the worse of the two. A model that calls all pixels the largest class
keeps much of its overall accuracy, and one that loses a rare class nearly all of it."""
STOOD = 0.02
"""A change is stood that costs at most so much of either score: two points."""
FALLEN = 0.5
"""Below so much of either unchanged score, a model has fallen to half."""

ROUNDING = 1e-9

COUNTED = {0.1: "a tenth", 0.5: "half"}
TIMES = {1: "as strong as its own", 2: "twice its own", 4: "four times its own"}


def effect(unchanged: Mapping[str, float], change: Mapping[str, Any]) -> Effect:
    """Whether a change is stood, weakens the model or halves one of its scores."""
    pairs = [(unchanged[name], float(change[name])) for name in SCORES]
    if any(now < FALLEN * before for before, now in pairs):
        return "halved"
    weak = any(now < before - STOOD - ROUNDING for before, now in pairs)
    return "weakened" if weak else "stood"


def sentence(unchanged: Mapping[str, float], changes: Sequence[Mapping[str, Any]]) -> str:
    """What is stood, by kind of change, and where the score falls, the worse sign deciding.

    `changes` are as in metrics.json: name, size and scores of each. A strength is stood where all
    lesser ones are as well.
    """
    stood, weakened, halved = [], [], []
    for name in dict.fromkeys(str(change["name"]) for change in changes):
        best: list[float] = []
        worse: dict[Effect, list[float]] = {}
        for level in _by_strength(name, changes):
            found = {float(change["size"]): effect(unchanged, change) for change in level}
            if not worse and set(found.values()) == {"stood"}:
                best = list(found)
            for how in set(found.values()) - {"stood"} - worse.keys():
                worse[how] = [size for size in found if found[size] == how]
            if "halved" in worse:
                break
        stood += [in_words(name, best)] if best else []
        weakened += [in_words(name, worse["weakened"])] if "weakened" in worse else []
        halved += [in_words(name, worse["halved"])] if "halved" in worse else []
    parts = [
        f"{verb} {_listed(what)}"
        for verb, what in (
            ("stands", stood),
            ("weakens at", weakened),
            ("falls to half at", halved),
        )
        if what
    ]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def in_words(name: str, sizes: Sequence[float]) -> str:
    """A change of these sizes, of one strength and different signs: "10% more or less light"."""
    size = sizes[0]
    if name == "light":
        ways = {"more" if size > 1 else "less" for size in sizes}
        return f"{_percent(abs(size - 1))} {' or '.join(sorted(ways, reverse=True))} light"
    if name in ("tilt", "bow"):
        return f"a {name} of {_percent(abs(size))}"
    if name == "noise":
        return f"noise {TIMES.get(int(size), f'{size:g} times its own')}"
    if name == "shift":
        share = COUNTED.get(abs(size), f"{abs(size):g}")
        return f"a shift of {share} {'a' if share == 'half' else 'of a'} band"
    return f"one band in {round(1 / size)} lost"


def stress_line(metrics: Mapping[str, Any]) -> str | None:
    """The sentence for a terminal, None where changed scenes weren't asked for."""
    found = metrics.get("stress")
    if not found:
        return None
    return f"When the scene changes: {found['sentence']}"


def _by_strength(name: str, changes: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The changes of a kind, those of one strength together, from the weakest on."""
    strengths: dict[float, list[Mapping[str, Any]]] = {}
    for change in changes:
        if change["name"] == name:
            away = abs(change["size"] - 1) if name == "light" else abs(change["size"])
            strengths.setdefault(round(away, 6), []).append(change)
    return [strengths[strength] for strength in sorted(strengths)]


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _listed(items: Sequence[str]) -> str:
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last
