"""DeepLabv3+: a backbone at a small output stride, atrous spatial pyramid pooling and a decoder.

Chen, Zhu, Papandreou, Schroff and Adam, "Encoder-Decoder with Atrous Separable Convolution for
Semantic Image Segmentation", ECCV 2018, section 3.1. The deep map is the backbone's last, the fine
one its last of stride 4.

Deviations: the dilated convolutions are ordinary ones unless `separable`; the backbone is any of
the catalogue's; there is an output stride of 32 too.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.aspp import AtrousSpatialPyramidPooling, atrous_rates
from spectile.blocks.deeplab_decoder import DeepLabDecoder
from spectile.errors import InputError
from spectile.networks.arguments import Attention, attention_builder
from spectile.networks.backbones import backbone_options, without_classifier
from spectile.networks.classifiers.feature_stages import Backbone
from spectile.networks.classifying import Classifying
from spectile.networks.registry import create, register

FINE_STRIDE = 4
WIDTH = 256


class DeepLabV3Plus(nn.Module):
    """Classify every pixel: (N, bands, H, W) of any size to logits (N, classes, H, W).

    `backbone` gives the maps; its last stride says which dilations to use, see
    :func:`~spectile.blocks.aspp.atrous_rates`. It is taken over: what only its own logits need is
    taken out. `separable` makes the head's 3x3 convolutions depthwise-separable. `attention` acts
    on the 256 channels between the pyramid and the decoder. `convolutions` is how many 3x3 the
    decoder has, `dropout` acts behind the pyramid, `align_corners` is how maps are enlarged.

    Raises InputError for classes below 1 and for a backbone without a map of stride 4 or with a
    last stride other than 8, 16 or 32.
    """

    def __init__(
        self,
        backbone: Backbone,
        classes: int,
        *,
        separable: bool = False,
        attention: Attention = None,
        convolutions: int = 2,
        dropout: float = 0.1,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        build = attention_builder(attention)
        self.fine = fine_stage(backbone)
        self.align_corners = align_corners
        self.backbone = without_classifier(backbone)
        deep = backbone.stages[-1]
        try:
            self.pyramid = AtrousSpatialPyramidPooling(
                deep.channels,
                WIDTH,
                atrous_rates(deep.stride),
                separable=separable,
                dropout=dropout,
            )
            self.attention = build(WIDTH) if build else nn.Identity()
            self.decoder = DeepLabDecoder(
                backbone.stages[self.fine].channels,
                WIDTH,
                classes,
                width=WIDTH,
                convolutions=convolutions,
                separable=separable,
                align_corners=align_corners,
            )
        except ValueError as error:
            raise InputError(f"deeplab-v3-plus: {error}") from error

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the backbone's blocks again for gradients instead of keeping their maps."""
        cast(Classifying, self.backbone).set_grad_checkpointing(enable)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.backbone.features(x)
        deep = self.attention(self.pyramid(maps[-1]))
        logits: Tensor = self.decoder(maps[self.fine], deep)
        return F.interpolate(
            logits, size=(x.size(2), x.size(3)), mode="bilinear", align_corners=self.align_corners
        )


def fine_stage(backbone: Backbone) -> int:
    """Which of the backbone's maps is the last of stride 4; raises InputError if none is."""
    fine = [n for n, stage in enumerate(backbone.stages) if stage.stride == FINE_STRIDE]
    if not fine:
        strides = ", ".join(str(stage.stride) for stage in backbone.stages)
        raise InputError(
            f"deeplab-v3-plus needs a map of stride {FINE_STRIDE} from its backbone, which has "
            f"{strides}: choose another one."
        )
    return fine[-1]


@register(
    "deeplab-v3-plus",
    takes="pixels",
    summary="classifies every pixel, on a network of images as backbone",
    paper="Chen et al. 2018, arXiv:1802.02611",
)
def deeplab_v3_plus(
    bands: int,
    classes: int,
    *,
    backbone: str = "resnet-50",
    backbone_attention: str | None = None,
    backbone_width: float | None = None,
    output_stride: int = 16,
    separable: bool = False,
    attention: Attention = None,
    convolutions: int = 2,
    dropout: float = 0.1,
    align_corners: bool = True,
) -> DeepLabV3Plus:
    """DeepLabv3+ on a backbone of the catalogue, for (N, bands, H, W); see :class:`DeepLabV3Plus`.

    `backbone_attention` names the attention block of the backbone's own blocks, `backbone_width` is
    the width multiplier of a MobileNet; None leaves what the backbone has by itself.

    Raises InputError for an unknown backbone or one that isn't one, for an option that it doesn't
    have, and for an output stride other than 8, 16 or 32.
    """
    network = create(
        backbone,
        bands=bands,
        classes=1,
        output_stride=output_stride,
        **backbone_options(backbone, backbone_attention, backbone_width),
    )
    return DeepLabV3Plus(
        cast(Backbone, network),
        classes,
        separable=separable,
        attention=attention,
        convolutions=convolutions,
        dropout=dropout,
        align_corners=align_corners,
    )
