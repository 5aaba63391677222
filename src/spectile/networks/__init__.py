"""Whole networks out of blocks, by name: see :func:`create`."""

from spectile.networks.classifiers.feature_stages import Backbone, FeatureStage
from spectile.networks.classifiers.mobilenet_v1 import MobileNetV1
from spectile.networks.classifiers.mobilenet_v2 import MobileNetV2
from spectile.networks.classifiers.mobilenet_v3 import MobileNetV3
from spectile.networks.classifiers.res2net import Res2Net
from spectile.networks.classifiers.resnet import ResNet
from spectile.networks.classifiers.sknet import SKNet
from spectile.networks.costs import Costs, costs
from spectile.networks.insertion import attention_places, insert_attention
from spectile.networks.instances.blendmask import BlendMask
from spectile.networks.instances.detections import Detections, FindsInstances
from spectile.networks.registry import Entry, create, describe, names, register
from spectile.networks.segmenters.deeplab_v3_plus import DeepLabV3Plus
from spectile.networks.spectral_branch import WithSpectralBranch
from spectile.networks.weights.adapt_bands import adapt_bands
from spectile.networks.weights.convert import convert
from spectile.networks.window_network import build_window_network, window_options
from spectile.networks.windows.hybridsn import HybridSN
from spectile.networks.windows.region_training import TrainsOnRegions

__all__ = [
    "Backbone",
    "BlendMask",
    "Costs",
    "DeepLabV3Plus",
    "Detections",
    "Entry",
    "FeatureStage",
    "FindsInstances",
    "HybridSN",
    "MobileNetV1",
    "MobileNetV2",
    "MobileNetV3",
    "Res2Net",
    "ResNet",
    "SKNet",
    "TrainsOnRegions",
    "WithSpectralBranch",
    "adapt_bands",
    "attention_places",
    "build_window_network",
    "convert",
    "costs",
    "create",
    "describe",
    "insert_attention",
    "names",
    "register",
    "window_options",
]
