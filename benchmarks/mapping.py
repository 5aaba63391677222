"""Mapping against the other ways to do it, in turns in one process; prints tables in Markdown.

    python benchmarks/mapping.py [--out results.json] [--pairs 3] [--quick]

HybridSN with and without squeeze-and-excitation on a scene of Indian Pines' size, from components
in memory to logits: dense, against patch by patch at the fastest of several batch sizes, and
against the loops of two well-known projects; in bf16 against float32 where the processor has units
for it. Then a scene of 1024 x 1024 pixels and 200 bands from its file to the finished GeoTIFF, and
two Dask workers against one. The slowest ways run on a strip, and their time is extrapolated: it is
the same for every window. Last, how far the dense way is from its floor: the multiply-adds of its
plan (borders left out) at the rate of the fastest product that the machine has, see rates.py.

--quick runs everything on a small scene, once, to see whether it runs.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rasterio.windows import Window

from contest import Contest, take_turns, timed
from mapping_loops import map_like_deephyperx, map_like_the_notebook
from mapping_scene import WINDOW, model_for, write_scene
from rates import fastest
from spectile import networks
from spectile.compat.torch import multiplies_bf16
from spectile.data.readers.open import open_scene
from spectile.mapping import densify, map_scene
from spectile.mapping.cluster import Cluster
from spectile.mapping.dense import DenseNetwork
from spectile.mapping.patches import PatchByPatch
from spectile.mapping.scene_map import MapSummary

BANDS, CLASSES = 30, 16
BATCHES = (16, 32, 64, 128, 256)
NETWORKS = ("hybridsn-se", "hybridsn")
TURNS = 12
"""How often layers are timed."""


@dataclass(frozen=True)
class Sizes:
    """How large the works are, in pixels."""

    scene: tuple[int, int]
    strip: int
    """Rows that the slowest loop runs on."""
    file: int
    """Edge of the scene on disk."""
    file_strip: int


FULL = Sizes(scene=(145, 145), strip=10, file=1024, file_strip=4)
QUICK = Sizes(scene=(5, 145), strip=1, file=128, file_strip=2)


def in_memory(name: str, sizes: Sizes, pairs: int) -> tuple[list[Contest], dict[str, Any]]:
    """Dense against the three other ways, and how far from its floor and from their numbers."""
    torch.manual_seed(0)
    network = networks.create(name, bands=BANDS, classes=CLASSES).eval().requires_grad_(False)
    window, (height, width) = (WINDOW, WINDOW), sizes.scene
    scene = torch.randn(1, BANDS, height + WINDOW - 1, width + WINDOW - 1)
    dense = densify(network, window)
    batch = best_batch(network, scene)
    patches = PatchByPatch(network, window, batch)
    image = np.ascontiguousarray(scene[0].permute(1, 2, 0).numpy())
    strip = image[: sizes.strip + WINDOW - 1].astype(np.float64)
    work = f"{name}, {height} x {width}"
    plain, ours, logits = take_turns(
        *(work, lambda: dense(scene), f"patch by patch, batches of {batch}"),
        lambda: patches(scene),
        pairs=pairs,
    )
    deephyperx, _, scores = take_turns(
        *(work, lambda: dense(scene), "DeepHyperX's loop"),
        lambda: map_like_deephyperx(network, image, WINDOW, CLASSES),
        pairs=pairs,
    )
    notebook, _, classes = take_turns(
        *(work, lambda: dense(scene), "the HybridSN notebook's loop"),
        lambda: map_like_the_notebook(network, strip, WINDOW),
        pairs=pairs,
        share=sizes.strip / height,
    )
    found = ours[0].argmax(0).numpy()
    different = (
        found != logits[0].argmax(0).numpy(),
        found != scores.argmax(axis=2),
        found[: sizes.strip] + 1 != classes,
    )
    bounds = floor(dense, height * width, statistics.median(plain.ours))
    return [plain, deephyperx, notebook], {
        "network": name,
        "patch_batch": batch,
        "largest_logit_difference": float((ours - logits).abs().max()),
        "different_pixels": sum(int(pixels.sum()) for pixels in different),
        **bounds,
        "stages": stages(dense, scene, bounds["rate"]),
    }


def floor(dense: DenseNetwork, pixels: int, seconds: float) -> dict[str, float]:
    """The least time for the multiply-adds of the plan, at the rate of the fastest product."""
    rate = fastest(torch.float32)
    least = dense.plan.after * pixels / rate
    return {
        "multiply_adds_patch_by_patch": dense.plan.before,
        "multiply_adds": dense.plan.after,
        "rate": rate,
        "floor_seconds": least,
        "seconds": seconds,
        "times_the_floor": seconds / least,
    }


def in_bf16(name: str, sizes: Sizes, pairs: int) -> Contest:
    """Dense in bf16 against dense in float32."""
    torch.manual_seed(0)
    network = networks.create(name, bands=BANDS, classes=CLASSES).eval().requires_grad_(False)
    height, width = sizes.scene
    scene = torch.randn(1, BANDS, height + WINDOW - 1, width + WINDOW - 1)
    dense = densify(network, (WINDOW, WINDOW))
    short, short_scene = copy.deepcopy(dense).bfloat16(), scene.bfloat16()
    contest, _, _ = take_turns(
        *(f"{name} in bf16, {height} x {width}", lambda: short(short_scene)),
        *("in float32", lambda: dense(scene)),
        pairs=pairs,
    )
    return contest


def stages(dense: DenseNetwork, scene: torch.Tensor, rate: float) -> list[dict[str, Any]]:
    """Layer by layer the median seconds of some runs, and the floor of those that multiply."""
    seconds: dict[str, list[float]] = {layer: [] for layer in dict.fromkeys(dense.layers)}
    begun: list[float] = []
    spent: dict[str, float] = {}

    def begin(*_: object) -> None:
        begun.append(time.perf_counter())

    def end(layer: str) -> Callable[..., None]:
        def add(*_: object) -> None:
            spent[layer] = spent.get(layer, 0.0) + time.perf_counter() - begun.pop()

        return add

    hooks = [kernel.register_forward_pre_hook(begin) for kernel in dense.kernels]
    hooks += [
        kernel.register_forward_hook(end(layer))
        for kernel, layer in zip(dense.kernels, dense.layers, strict=True)
    ]
    for _ in range(TURNS):
        spent.clear()
        dense(scene)
        for layer, time_ in spent.items():
            seconds[layer].append(time_)
    for hook in hooks:
        hook.remove()
    work = {row.layer: row.after for row in dense.plan.rows}
    pixels = (scene.shape[2] - WINDOW + 1) * (scene.shape[3] - WINDOW + 1)
    return [
        {
            "layer": layer,
            "seconds": statistics.median(times),
            "floor_seconds": work.get(layer, 0) * pixels / rate,
        }
        for layer, times in seconds.items()
    ]


def best_batch(network: torch.nn.Module, scene: torch.Tensor) -> int:
    """The fastest batch size for mapping patch by patch, on a strip of the scene."""
    strip = scene[:, :, : WINDOW + 3]
    ways = {batch: PatchByPatch(network, (WINDOW, WINDOW), batch) for batch in BATCHES}
    return min(ways, key=lambda batch: timed(lambda: ways[batch](strip))[0])


def from_file(folder: Path, sizes: Sizes, pairs: int) -> list[Contest]:
    """From a file to the finished map: dense against patch by patch, two workers against one."""
    path, out = folder / "scene.img", folder / "map.tif"
    write_scene(path, sizes.file)
    scene = open_scene(path)
    model = model_for(scene)
    rows = Window(0, sizes.file // 2, sizes.file, sizes.file_strip)
    components, _ = model.for_scene(scene).read(scene, rows, WINDOW // 2)
    strip = torch.from_numpy(components[None])
    network = model.network.eval().requires_grad_(False)
    batch = best_batch(network, strip)
    patches = PatchByPatch(network, (WINDOW, WINDOW), batch)
    work = f"hybridsn-se, {sizes.file} x {sizes.file} x 200 int16, file to GeoTIFF"

    def with_workers(count: int) -> Callable[[], MapSummary]:
        return lambda: map_scene(model, scene, out, overwrite=True, cluster=Cluster(workers=count))

    plain, summary, _ = take_turns(
        *(work, lambda: map_scene(model, scene, out, overwrite=True)),
        f"patch by patch, batches of {batch}, without reading and writing",
        lambda: patches(strip),
        pairs=pairs,
        share=sizes.file_strip / sizes.file,
    )
    if summary.method != "dense":
        raise SystemExit(f"this is no benchmark of dense mapping: {summary.reason}")
    workers, _, _ = take_turns(
        *(f"{work}, two Dask workers of one thread, their start included", with_workers(2)),
        *("one such worker", with_workers(1)),
        pairs=pairs,
    )
    return [plain, workers]


def show(result: dict[str, Any]) -> None:
    """Print what there is to say of the networks."""
    print(
        "\n| network | multiply-adds a pixel, patch by patch | dense | the machine's, a second "
        "| floor | dense | times the floor | largest logit difference | pixels that differ |"
        "\n|---|---|---|---|---|---|---|---|---|"
    )
    for n in result["networks"]:
        print(
            f"| {n['network']} | {n['multiply_adds_patch_by_patch']:,} | {n['multiply_adds']:,} "
            f"| {n['rate'] / 1e9:.3g} G | {n['floor_seconds']:.3g} s | {n['seconds']:.3g} s "
            f"| {n['times_the_floor']:.2f} | {n['largest_logit_difference']:.0e} "
            f"| {n['different_pixels']} |"
        )

    for n in result["networks"]:
        print(f"\n| {n['network']}: layer | time | floor |\n|---|---|---|")
        for stage in n["stages"]:
            least = f"{1e3 * stage['floor_seconds']:.1f} ms" if stage["floor_seconds"] else ""
            layer = stage["layer"] or "between layers"
            print(f"| {layer} | {1e3 * stage['seconds']:.1f} ms | {least} |")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    sizes, pairs = (QUICK, 1) if arguments.quick else (FULL, arguments.pairs)
    print("| work | against | ratio (of each pair) |\n|---|---|---|", flush=True)
    contests: list[Contest] = []
    remarks = []
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS:
            held, remark = in_memory(name, sizes, pairs)
            contests += held
            if multiplies_bf16():
                contests.append(in_bf16(name, sizes, pairs))
            remarks.append(remark)
        contests += from_file(Path(folder), sizes, pairs)
    result = {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "contests": [asdict(c) | {"ratios": c.ratios} for c in contests],
        "networks": remarks,
    }
    show(result)
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
