"""Scores on the terminal, never without their overlap."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spectile.cli.certainty import figure_with_bounds, print_certainty
from spectile.scoring.metrics import LABELS, SUMMARY
from spectile.scoring.stress import stress_line

if TYPE_CHECKING:
    from spectile.data.scene import Scene
    from spectile.mapping.alignment import AnyModel
    from spectile.model.model import Model
    from spectile.reports.comparison_report import Comparison


def print_doubts(model: Model, scene: Scene, *, quiet: bool) -> None:
    """What of a scene's file isn't used, and whether its values can be right; before mapping."""
    from spectile.mapping.likeness import doubts_about

    if not quiet:
        for note in scene.notes:
            print(f"spectile: {scene.source}: {note}.", file=sys.stderr)
    doubt = None if model.task == "classify" else doubts_about(model, scene)
    if doubt is not None:
        print(f"spectile: {doubt}", file=sys.stderr, flush=True)


def print_aligned(model: AnyModel, scene: Scene, *, quiet: bool) -> AnyModel:
    """`model` brought to the light of `scene`; says on what condition."""
    from spectile.mapping.alignment import HOLDS, aligned

    brought = aligned(model, scene)
    if not quiet:
        print(f"Aligned: {HOLDS}.")
    return brought


def print_scores(
    metrics: Mapping[str, Any], notes: Sequence[str] = (), scores: Sequence[str] = SUMMARY
) -> None:
    """One line of scores, how far to trust them, how sure they are, and the notes of the report."""
    split = metrics["split"]
    counts = [key for key in split if key.startswith("test_")]
    # Pixels of images come by the image; of whole images nobody asks what they have in common.
    counted = "test_images" if "test_images" in counts else counts[0]
    left_out = "mean_iou" if counts == ["test_images"] else ""
    named = {key: LABELS.get(key, key.replace("_", " ")) for key in scores if key != left_out}
    units = counted.replace("_", " ")
    print(f"{metrics['network']}, {split['kind']} split, {split[counted]} {units}:")
    print("  " + ", ".join(f"{name} {_figure(metrics, key)}" for key, name in named.items()))
    print(f"  {split['verdict']}")
    print_certainty(metrics)
    if said := stress_line(metrics):
        print(f"  {said}")
    print_notes((*(split.get("notes") or ()), *notes))


def print_baseline(metrics: Mapping[str, Any]) -> None:
    """How a run stands beside the best classifier of single spectra, if it has any."""
    from spectile.reports.baselines import baseline_sentence
    from spectile.reports.page import leaks

    # A package's own task may have a split of another kind.
    sentence = "baselines" in metrics and baseline_sentence(metrics, leaks=leaks(metrics))
    if sentence:
        print(f"  {sentence}")


def print_comparison(comparison: Comparison) -> None:
    """Scores and verdict of each run, then the differences from the first."""
    from spectile.reports.comparison_report import difference_in_words
    from spectile.reports.page import KAPPA

    for run in comparison.runs:
        scores = (
            f"{LABELS[score]} {run.score(score)}{'%' * (score != KAPPA)}"
            for score in comparison.scores
        )
        print(f"{run.name} ({run.metrics['network']}):")
        print("  " + ", ".join(scores))
        print(f"  {run.metrics['split']['verdict']}")
    for name, found in comparison.differences.items():
        print(f"{name} against {comparison.runs[0].name}:")
        for score, difference in found.items():
            print(f"  {LABELS[score]} {difference_in_words(difference, score)}")
    print_notes(list(comparison.reasons.values()))


def print_notes(notes: Sequence[str]) -> None:
    """A line for each."""
    for note in notes:
        print(f"  note: {note}")


def _figure(metrics: Mapping[str, Any], key: str) -> str:
    if "mean" not in metrics:
        return figure_with_bounds(metrics, key)
    return f"{metrics['mean'][key]:.4f} ± {metrics['std'][key]:.4f}"
