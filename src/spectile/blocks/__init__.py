"""Parts to build networks with: one published idea a file. Imports torch alone."""

from spectile.blocks.activations import HardSwish, ReLU6
from spectile.blocks.aspp import AtrousSpatialPyramidPooling, atrous_rates
from spectile.blocks.attention import ATTENTION, attention, attention_block
from spectile.blocks.batch_norm import BatchNorm
from spectile.blocks.blender import blend
from spectile.blocks.cbam import CBAM
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.coordinate_attention import CoordinateAttention
from spectile.blocks.deeplab_decoder import DeepLabDecoder
from spectile.blocks.depthwise_separable import DepthwiseSeparable
from spectile.blocks.double_attention import DoubleAttention
from spectile.blocks.efficient_channel_attention import EfficientChannelAttention
from spectile.blocks.expectation_maximisation import ExpectationMaximisation
from spectile.blocks.fcos_head import FCOSHead
from spectile.blocks.feature_pyramid import FeaturePyramid
from spectile.blocks.group_norm import group_norm, group_normalised
from spectile.blocks.inverted_residual import InvertedResidual
from spectile.blocks.non_local import NonLocal
from spectile.blocks.non_maximum_suppression import non_maximum_suppression
from spectile.blocks.res2 import Res2
from spectile.blocks.residual import BasicBlock, Bottleneck
from spectile.blocks.roi_align import roi_align
from spectile.blocks.scse import SpatialChannelExcitation
from spectile.blocks.selective_kernel import SelectiveKernel
from spectile.blocks.squeeze_excitation import SqueezeExcitation
from spectile.blocks.stochastic_depth import StochasticDepth
from spectile.blocks.strip_pooling import MixedPooling, StripPooling

__all__ = [
    "ATTENTION",
    "CBAM",
    "AtrousSpatialPyramidPooling",
    "BasicBlock",
    "BatchNorm",
    "Bottleneck",
    "ConvNormAct",
    "CoordinateAttention",
    "DeepLabDecoder",
    "DepthwiseSeparable",
    "DoubleAttention",
    "EfficientChannelAttention",
    "ExpectationMaximisation",
    "FCOSHead",
    "FeaturePyramid",
    "HardSwish",
    "InvertedResidual",
    "MixedPooling",
    "NonLocal",
    "ReLU6",
    "Res2",
    "SelectiveKernel",
    "SpatialChannelExcitation",
    "SqueezeExcitation",
    "StochasticDepth",
    "StripPooling",
    "atrous_rates",
    "attention",
    "attention_block",
    "blend",
    "group_norm",
    "group_normalised",
    "non_maximum_suppression",
    "roi_align",
]
