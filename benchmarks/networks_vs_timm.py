"""Forward and training step of four networks, and a selective kernel's memory, against timm.

    python benchmarks/networks_vs_timm.py [--out results.json] [--stub stub.py] [--rounds 15]

timm is no dependency of this project; where it can't be imported, one sentence says so and nothing
is measured. On a CPU it needs torchvision, whose wheels are built for CUDA: --stub (or the variable
TORCHVISION_STUB) names a Python file to run first that declares torchvision's operators.

Both sides have the same weights. They take turns, one step each a round, and the order changes
every round, so that what else runs on the machine hits both alike. A ratio is the median over the
rounds of ours divided by timm's; below 1 we are faster.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import runpy
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from spectile import networks
from spectile.blocks.selective_kernel import SelectiveKernel

PAIRS = {
    "seresnet50": "se-resnet-50",
    "skresnext50_32x4d": "sknet-50",
    "mobilenetv3_large_100": "mobilenet-v3-large",
    "mobilenetv2_100": "mobilenet-v2",
}
BATCH, SIZE, CLASSES = 4, 224, 1000
WARM_UP = 2


def forward(network: nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        network(x)


def training_step(network: nn.Module, x: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    F.cross_entropy(network(x), torch.arange(len(x))).backward()


def take_turns(run: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Seconds of each of `run` in each round; the one that goes first changes."""
    seconds: list[list[float]] = [[] for _ in run]
    for turn in range(WARM_UP + rounds):
        order = range(len(run)) if turn % 2 else reversed(range(len(run)))
        for index in order:
            start = time.perf_counter()
            run[index]()
            if turn >= WARM_UP:
                seconds[index].append(time.perf_counter() - start)
    return seconds


def compare(timm_name: str, name: str, rounds: int) -> list[dict[str, Any]]:
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model(timm_name, pretrained=False)
    ours = networks.create(name, bands=3, classes=CLASSES, **without_dropout(name))
    ours.load_state_dict(networks.convert(theirs.state_dict(), source="timm", network=name))
    x = torch.randn(BATCH, 3, SIZE, SIZE)
    results = []
    for step, training in ((forward, False), (training_step, True)):
        pair = [ours.train(training), theirs.train(training)]
        seconds = take_turns([partial(step, network, x) for network in pair], rounds)
        results.append(
            {
                "network": name,
                "timm": timm_name,
                "step": step.__name__,
                "seconds": statistics.median(seconds[0]),
                "timm_seconds": statistics.median(seconds[1]),
                "ratio": statistics.median(a / b for a, b in zip(*seconds, strict=True)),
                "quartiles": statistics.quantiles(a / b for a, b in zip(*seconds, strict=True)),
            }
        )
        print(json.dumps(results[-1]), flush=True)
    return results


def without_dropout(name: str) -> dict[str, float]:
    """No dropout, as in timm unless it is asked for."""
    return {"dropout": 0.0} if "dropout" in networks.describe(name).options else {}


def peak_training_bytes(block: nn.Module, x: Tensor) -> int:
    """The most that a forward and a backward pass hold at once, input and weights left out."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        block(x).sum().backward()
    events = profiler.profiler.kineto_results.events()
    memory = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return max(itertools.accumulate(size for _, size in memory))


def selective_kernel_memory(channels: int, size: int) -> dict[str, Any]:
    from timm.layers import SelectiveKernel as TimmSelectiveKernel

    x = torch.randn(BATCH, channels, size, size, requires_grad=True)
    options = {"groups": 32, "split_input": False, "rd_ratio": 1 / 16, "rd_divisor": 32}
    blocks = (SelectiveKernel(channels), TimmSelectiveKernel(channels, **options))
    ours, theirs = (peak_training_bytes(block, x) for block in blocks)
    return {
        "block": "selective kernel",
        "channels": channels,
        "size": size,
        "peak_bytes": ours,
        "timm_peak_bytes": theirs,
        "ratio": ours / theirs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--stub", default=os.environ.get("TORCHVISION_STUB"))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--networks", nargs="*", default=list(PAIRS), choices=list(PAIRS))
    parser.add_argument("--quick", action="store_true", help="three rounds of one network")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.networks = 3, ["mobilenetv3_large_100"]
    stub = runpy.run_path(arguments.stub) if arguments.stub else None  # kept alive
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        print(f"Nothing measured: timm can't be imported here ({error}).", file=sys.stderr)
        return
    results = [
        r for name in arguments.networks for r in compare(name, PAIRS[name], arguments.rounds)
    ]
    memory = [selective_kernel_memory(channels, size) for channels, size in ((128, 56), (512, 14))]
    report = {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "threads": torch.get_num_threads(),
        "batch": BATCH,
        "size": SIZE,
        "rounds": arguments.rounds,
        "speed": results,
        "memory": memory,
    }
    del stub
    text = json.dumps(report, indent=2)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
