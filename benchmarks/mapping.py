"""Dense mapping against patch by patch, in one process, on a scene of Indian Pines' size.

    python benchmarks/mapping.py [--out results.json]

The patch path runs at the fastest of several batch sizes, found first on a strip of the scene; then
both paths map the whole scene, dense ones before and after, and every logit is compared.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from spectile import networks
from spectile.mapping.dense import densify
from spectile.mapping.patches import PatchByPatch

SIZE, BANDS, WINDOW, CLASSES = 145, 30, 25, 16
BATCHES = (16, 32, 64, 128, 256)


def timed(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def compare(name: str) -> dict[str, object]:
    torch.manual_seed(0)
    network = networks.create(name, bands=BANDS, classes=CLASSES).eval()
    window = (WINDOW, WINDOW)
    scene = torch.randn(1, BANDS, SIZE + WINDOW - 1, SIZE + WINDOW - 1)
    dense = densify(network, window)
    strip = scene[:, :, : WINDOW + 3]
    tried = {b: timed(lambda b=b: PatchByPatch(network, window, b)(strip))[0] for b in BATCHES}
    best = min(tried, key=tried.__getitem__)
    times = [timed(lambda: dense(scene))[0] for _ in range(4)]
    patch_seconds, reference = timed(lambda: PatchByPatch(network, window, best)(scene))
    for _ in range(3):
        seconds, logits = timed(lambda: dense(scene))
        times.append(seconds)
    dense_seconds = statistics.median(times[1:])  # the first one warms up
    return {
        "network": name,
        "threads": torch.get_num_threads(),
        "patch_batch": best,
        "patch_seconds_a_batch_size": tried,
        "patch_seconds": patch_seconds,
        "dense_seconds": dense_seconds,
        "dense_seconds_all": times,
        "ratio": patch_seconds / dense_seconds,
        "largest_logit_difference": float((logits - reference).abs().max()),
        "different_pixels": int((logits.argmax(1) != reference.argmax(1)).sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    with torch.inference_mode():
        results = [compare(name) for name in ("hybridsn-se", "hybridsn")]
    for result in results:
        print(json.dumps(result, indent=1))
    if out:
        out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
