"""The fits of docs/attention.md: less than ten minutes of a core each, then `inspect`.

    python benchmarks/attention.py CIFAR OUT [se | sk | hybridsn ...]

CIFAR is a folder with train/CLASS/ and test/CLASS/ of 1000 and 200 images each, OUT gets a run and
an inspection for each. The figures there are of fits that were stopped after as many epochs of
longer courses (5 and 9), so learning rates were higher at the end. SKNet's own networks are far too
slow for a core and ten minutes, so what is trained is its block in the shape of the paper's network
for CIFAR (section 4.3: three stages), a sixteenth as wide.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from torch import Tensor, nn

import spectile
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.selective_kernel import SelectiveKernel
from spectile.networks.classifiers.dilation import BlockStep
from spectile.networks.classifiers.residual_network import Place
from spectile.networks.classifiers.sknet import EXPANSION, selective_bottleneck
from spectile.networks.classifying import Classifying, last_linear
from spectile.networks.registry import register


@register("sknet-small", takes="images", summary="three stages of two selective blocks", paper="")
class SmallSKNet(Classifying):
    """Classify images: (N, bands, H, W) to logits (N, classes)."""

    def __init__(self, bands: int, classes: int, *, planes: int = 16, blocks: int = 2) -> None:
        super().__init__()
        kernel = partial(SelectiveKernel, floor=16)
        self.stem = ConvNormAct(bands, 2 * planes, 3, stride=2)
        self.layers = nn.ModuleList()
        channels, reached = 2 * planes, 2
        for stage in range(3):
            layer = nn.Sequential()
            for index in range(blocks):
                stride = 2 if stage and not index else 1
                reached *= stride
                step = BlockStep(stride, 1, 1, reached)
                place = Place(channels, planes << stage, step, index == 0, 0.0)
                layer.append(selective_bottleneck(kernel, None, place))
                channels = EXPANSION * (planes << stage)
            self.layers.append(layer)
        self.bands, self.classes, self.num_features = bands, classes, channels
        self.classifier = last_linear(channels, classes)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.forward_features(x).mean((2, 3)))
        return logits


def train(kind: str, cifar: Path, out: Path) -> Path:
    """One fit, as bounded as docs/attention.md says; gives what the model is inspected on."""
    if kind == "hybridsn":
        spectile.train("indian-pines", network="hybridsn-se", out=out, quiet=True, threads=1)
        return out
    network, epochs = {"se": ("se-resnet-18", 2), "sk": ("sknet-small", 7)}[kind]
    spectile.train_images(
        cifar,
        recipe="cifar",
        network=network,
        options={"stem": "imagenet"} if kind == "se" else {},
        epochs=epochs,
        batch=64,
        schedule="cosine",
        flip=True,
        shift=2,
        out=out,
        quiet=True,
        threads=1,
    )
    return cifar / "test"


if __name__ == "__main__":
    folder, results, *kinds = sys.argv[1:]
    for kind in kinds or ("hybridsn", "se", "sk"):
        run = Path(results, kind)
        data = train(kind, Path(folder), run)
        model = spectile.load(run / "model.safetensors")
        model.inspect(data, f"{run}-look", samples=50 if kind == "hybridsn" else 100)
