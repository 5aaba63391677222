"""The catalogue: networks by the names that commands and model files use."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from spectile.blocks import SqueezeExcitation
from spectile.errors import InputError
from spectile.networks.arguments import check_numbers
from spectile.networks.classifiers.mobilenet_v1 import MobileNetV1
from spectile.networks.classifiers.mobilenet_v2 import MobileNetV2
from spectile.networks.classifiers.mobilenet_v3 import MobileNetV3
from spectile.networks.classifiers.res2net import Res2Net
from spectile.networks.classifiers.resnet import ResNet, se_resnet
from spectile.networks.classifiers.sknet import SKNet
from spectile.networks.segmenters.deeplab_v3_plus import deeplab_v3_plus
from spectile.networks.windows.hybridsn import HybridSN


@dataclass(frozen=True)
class Entry:
    """What the catalogue knows of a network."""

    name: str
    summary: str
    paper: str
    build: Callable[..., nn.Module]

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """What :func:`create` takes besides bands and classes: types and defaults by name."""
        fixed = self.build.keywords if isinstance(self.build, partial) else {}
        parameters = inspect.signature(self.build).parameters
        return {
            key: parameter
            for key, parameter in parameters.items()
            if key not in ("bands", "classes", *fixed)
        }


RESNET = "He et al. 2016, arXiv:1512.03385"
SE = "Hu et al. 2018, arXiv:1709.01507"
SK = "Li et al. 2019, arXiv:1903.06586"
V3 = "Howard et al. 2019, arXiv:1905.02244"

CATALOGUE = (
    Entry(
        "hybridsn",
        "3-D then 2-D convolutions over a window",
        "Roy et al. 2020, doi:10.1109/LGRS.2019.2918719",
        HybridSN,
    ),
    Entry(
        "hybridsn-se",
        "HybridSN with squeeze-and-excitation after the 2-D convolution",
        "Roy et al. 2020; Hu et al. 2018, arXiv:1709.01507",
        partial(HybridSN, attention=SqueezeExcitation),
    ),
    Entry(
        "hybridsn-2d",
        "HybridSN of 2-D convolutions alone, for comparison",
        "ablation of Roy et al. 2020",
        partial(HybridSN, convolutions="2-d"),
    ),
    Entry(
        "hybridsn-3d",
        "HybridSN of 3-D convolutions alone, for comparison",
        "ablation of Roy et al. 2020",
        partial(HybridSN, convolutions="3-d"),
    ),
    Entry("resnet-18", "8 residual blocks of two convolutions", RESNET, partial(ResNet, depth=18)),
    Entry("resnet-34", "16 residual blocks of two convolutions", RESNET, partial(ResNet, depth=34)),
    Entry("resnet-50", "16 residual bottlenecks", RESNET, partial(ResNet, depth=50)),
    Entry("resnet-101", "33 residual bottlenecks", RESNET, partial(ResNet, depth=101)),
    Entry("resnet-152", "50 residual bottlenecks", RESNET, partial(ResNet, depth=152)),
    Entry("se-resnet-18", "ResNet-18 with gated channels", SE, partial(se_resnet, depth=18)),
    Entry("se-resnet-34", "ResNet-34 with gated channels", SE, partial(se_resnet, depth=34)),
    Entry("se-resnet-50", "ResNet-50 with gated channels", SE, partial(se_resnet, depth=50)),
    Entry("se-resnet-101", "ResNet-101 with gated channels", SE, partial(se_resnet, depth=101)),
    Entry("se-resnet-152", "ResNet-152 with gated channels", SE, partial(se_resnet, depth=152)),
    Entry("sknet-26", "8 bottlenecks that select kernel sizes", SK, partial(SKNet, depth=26)),
    Entry("sknet-50", "16 bottlenecks that select kernel sizes", SK, partial(SKNet, depth=50)),
    Entry("sknet-101", "33 bottlenecks that select kernel sizes", SK, partial(SKNet, depth=101)),
    Entry(
        "res2net-50",
        "ResNet-50 with kernels of several reaches in a block",
        "Gao et al. 2021, arXiv:1904.01169",
        Res2Net,
    ),
    Entry(
        "mobilenet-v1",
        "depthwise-separable convolutions",
        "Howard et al. 2017, arXiv:1704.04861",
        MobileNetV1,
    ),
    Entry(
        "mobilenet-v2",
        "inverted residuals with linear bottlenecks",
        "Sandler et al. 2018, arXiv:1801.04381",
        MobileNetV2,
    ),
    Entry(
        "mobilenet-v3-large",
        "inverted residuals with gated channels and h-swish",
        V3,
        partial(MobileNetV3, size="large"),
    ),
    Entry(
        "mobilenet-v3-small",
        "the same with fewer blocks and channels",
        V3,
        partial(MobileNetV3, size="small"),
    ),
    Entry(
        "deeplab-v3-plus",
        "classifies every pixel, on a backbone of this catalogue",
        "Chen et al. 2018, arXiv:1802.02611",
        deeplab_v3_plus,
    ),
)


def names() -> tuple[str, ...]:
    """The names that :func:`create` takes."""
    return tuple(entry.name for entry in CATALOGUE)


def describe(name: str) -> Entry:
    """What the catalogue knows of `name`; raises InputError for an unknown one."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    nearest = difflib.get_close_matches(name, names(), n=1, cutoff=0.4)
    hint = f"did you mean {nearest[0]}?" if nearest else "choose one of " + ", ".join(names()) + "."
    raise InputError(f"There is no network called {name!r}: {hint}")


def create(name: str, *, bands: int, classes: int, **options: object) -> nn.Module:
    """Build a network with fresh weights: (N, bands, H, W) to logits (N, classes).

    `options` are the keyword arguments of the network, such as `window` of HybridSN; one that the
    network doesn't have raises InputError.
    """
    entry = describe(name)
    for option in options:
        if option not in entry.options:
            choices = ", ".join(entry.options)
            raise InputError(f"{name} has no option {option!r}: it knows {choices}.")
    check_numbers(name, options)
    try:
        return entry.build(bands=bands, classes=classes, **options)
    except InputError:
        raise
    # Of a block, of an operation, or of PyTorch that cannot count so far.
    except (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise InputError(f"{name} can't be built: {str(error).splitlines()[0]}") from error
