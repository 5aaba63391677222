"""Forward and training step of networks for images, and a selective kernel's memory, against timm.

    python benchmarks/networks_vs_timm.py [--out results.json] [--stub stub.py] [--rounds 15]

timm is no dependency of this project, nor is segmentation-models-pytorch; where one can't be
imported, a sentence says so and nothing is measured against it. On a CPU they need torchvision,
whose wheels are built for CUDA: --stub (or the variable TORCHVISION_STUB) names a Python file to
run first that declares torchvision's operators.

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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from spectile import networks
from spectile.blocks.selective_kernel import SelectiveKernel


@dataclass(frozen=True)
class Pair:
    """A network of ours and one of another project's with the same weights."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    size: int = 224
    classes: int = 1000
    batch: int = 4
    alike: bool = True
    """Whether our network takes the other's weights; else it has its own, of the same shapes."""


PAIRS = {
    "seresnet50": Pair("se-resnet-50"),
    "skresnext50_32x4d": Pair("sknet-50"),
    "mobilenetv3_large_100": Pair("mobilenet-v3-large"),
    "mobilenetv2_100": Pair("mobilenet-v2"),
    "res2net50_26w_4s": Pair("res2net-50"),
    "resnet18, stem for small images": Pair("resnet-18", {"stem": "cifar"}, 32, 10, 64),
    "smp.DeepLabV3Plus(resnet50)": Pair(
        "deeplab-v3-plus", {"backbone": "resnet-50", "separable": True}, 256, 21, alike=False
    ),
}
"""By what timm calls it, or segmentation-models-pytorch, whose second separable convolution of the
head works on the small map, and ours on the large one."""
BATCH = 4
WARM_UP = 2


def forward(network: nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        network(x)


def training_step(network: nn.Module, x: Tensor) -> None:
    network.zero_grad(set_to_none=True)
    logits = network(x)
    classes = torch.arange(len(x)) % logits.shape[1]
    F.cross_entropy(
        logits, classes.view(-1, *[1] * (logits.ndim - 2)).expand(len(x), *logits.shape[2:])
    ).backward()


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


def their_network(name: str, classes: int) -> nn.Module:
    """As timm or segmentation-models-pytorch builds it, with random weights."""
    if name.startswith("smp."):
        import segmentation_models_pytorch as smp

        return smp.DeepLabV3Plus("resnet50", encoder_weights=None, classes=classes)
    import timm

    network = timm.create_model(name.split(",")[0], pretrained=False, num_classes=classes)
    if "small images" in name:
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        network.maxpool = nn.Identity()
    return network


def compare(timm_name: str, pair: Pair, rounds: int) -> list[dict[str, Any]]:
    torch.manual_seed(0)
    name, theirs = pair.name, their_network(timm_name, pair.classes)
    ours = networks.create(
        name, bands=3, classes=pair.classes, **pair.options, **without_dropout(name)
    )
    if pair.alike:
        ours.load_state_dict(networks.convert(theirs.state_dict(), source="timm", network=name))
    x = torch.randn(pair.batch, 3, pair.size, pair.size)
    results = []
    for step, training in ((forward, False), (training_step, True)):
        both = [ours.train(training), theirs.train(training)]
        seconds = take_turns([partial(step, network, x) for network in both], rounds)
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
    results = []
    for name in arguments.networks:
        try:
            results += compare(name, PAIRS[name], arguments.rounds)
        except ImportError as error:
            print(f"{name} isn't measured: {error}.", file=sys.stderr)
    memory = [selective_kernel_memory(channels, size) for channels, size in ((128, 56), (512, 14))]
    report = {
        "torch": torch.__version__,
        "timm": timm.__version__,
        "threads": torch.get_num_threads(),
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
