"""BlendMask: objects, each with a box, a class and a mask blended from bases of the whole image.

Chen, Sun, Tian, Shen, Huang and Yan, "BlendMask: Top-Down Meets Bottom-Up for Instance
Segmentation", CVPR 2020, arXiv:2001.00309, section 3; detection is FCOS (Tian et al., ICCV 2019).

Deviations: attention is computed at the places of objects alone, which gives the same numbers for a
fraction of the work; the decoder of the bases, like the head, is normalised in groups; the finest
level is a choice, for objects of a few pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spectile.blocks.blender import blend, weighted_sum
from spectile.blocks.conv_norm_act import ConvNormAct
from spectile.blocks.fcos_head import FCOSHead, LevelFindings, last, places
from spectile.blocks.feature_pyramid import FeaturePyramid
from spectile.blocks.group_norm import group_normalised
from spectile.blocks.non_maximum_suppression import area, non_maximum_suppression
from spectile.blocks.roi_align import roi_align
from spectile.errors import InputError
from spectile.networks.arguments import check_sizes
from spectile.networks.backbones import backbone_options, without_classifier
from spectile.networks.classifiers.feature_stages import Backbone
from spectile.networks.classifying import Classifying
from spectile.networks.instances.bottom import DeepLabBases, Prototypes
from spectile.networks.instances.detections import Detections
from spectile.networks.registry import create, register

Assembly = Literal["blend", "sum"]
Bottom = Literal["deeplab", "prototypes"]
CANDIDATES = 10
"""How many places are looked at for each object that may be found: 1000 for 100, as in FCOS."""
SEMANTIC_WIDTH = 128
FINEST = (4, 8)
PAPERS_FINEST = 8


class ImageFindings(NamedTuple):
    """What the network says of images before objects are chosen."""

    levels: tuple[LevelFindings, ...]
    """The finest first."""
    bases: Tensor
    """(N, bases, h, w), of half the stride of the finest level."""
    finest: Tensor
    """The pyramid's finest level, which training tells background and classes from."""


class BlendMask(nn.Module):
    """Find objects in images (N, bands, H, W) of any size; :meth:`detect` tells them.

    `backbone` gives the maps and is taken over: what only its own logits need is taken out.
    `strides` are those of the levels, each twice the one before. `channels` are those of pyramid
    and head, `convolutions` those that classes and boxes each have in the head, `shared` those that
    they have in common. `bottom` makes the `bases`; `assembly` is how they become masks of
    `mask_size` cells: blended by attention of `attention_size` cells, or summed up by one number
    each. Of what is found, objects surer than `score_threshold` are kept unless they overlap with a
    surer one of their class by more than `overlap_threshold`, `most` of them in an image.

    Called, it gives :class:`ImageFindings`, from which training takes its loss: `semantic` of the
    finest level, logits (N, 1 + classes, h, w) of background and classes, is for that alone.

    Raises InputError for sizes below 1, and for a backbone without a map of the finest stride.
    """

    def __init__(
        self,
        backbone: Backbone,
        classes: int,
        strides: Sequence[int],
        *,
        channels: int,
        convolutions: int,
        shared: int,
        bottom: Bottom,
        bases: int,
        attention_size: int,
        mask_size: int,
        assembly: Assembly,
        score_threshold: float,
        overlap_threshold: float,
        most: int,
    ) -> None:
        super().__init__()
        check_sizes("blendmask", 1, classes - 1)
        if min(channels, bases, attention_size, mask_size, most) < 1:
            raise InputError(
                "blendmask needs at least one channel, basis, cell and object, not "
                f"{channels}, {bases}, {attention_size}, {mask_size} and {most}."
            )
        self.classes, self.strides, self.bases = classes, tuple(strides), bases
        self.mask_size, self.assembly = mask_size, assembly
        self.attention_size = attention_size if assembly == "blend" else 1
        self.score_threshold, self.overlap_threshold = score_threshold, overlap_threshold
        self.most = most
        self.used = used_stages(backbone, strides[0])
        self.backbone = without_classifier(backbone)
        self.pyramid = FeaturePyramid(
            [backbone.stages[stage].channels for stage in self.used], channels, len(strides)
        )
        self.head = FCOSHead(channels, classes, strides, convolutions=convolutions, shared=shared)
        self.top = last(channels, bases * self.attention_size**2, padding=0)
        self.bottom: nn.Module = (
            DeepLabBases(channels, bases, strides[0])
            if bottom == "deeplab"
            else Prototypes(channels, bases)
        )
        width = min(SEMANTIC_WIDTH, channels)
        # For training alone: what it learns is of use to the levels (section 3.4 of YOLACT).
        self.semantic = nn.Sequential(
            group_normalised(ConvNormAct(channels, width)),
            group_normalised(ConvNormAct(width, width)),
            nn.Conv2d(width, 1 + classes, 1),
        )

    @property
    def bases_stride(self) -> float:
        """Input pixels that one step on the bases spans."""
        return self.strides[0] / 2

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute the backbone's blocks again for gradients instead of keeping their maps."""
        cast(Classifying, self.backbone).set_grad_checkpointing(enable)

    def forward(self, x: Tensor) -> ImageFindings:
        maps = self.backbone.features(x)
        levels = self.pyramid([maps[stage] for stage in self.used])
        return ImageFindings(tuple(self.head(levels)), self.bottom(levels), levels[0])

    def masks(
        self, found: ImageFindings, images: Tensor, at: Tensor, boxes: Tensor, size: int
    ) -> Tensor:
        """Logits of masks (P, size, size) in `boxes` (P, 4) of objects found at places `at` (P,).

        Places are counted through all levels, row by row; `images` (P,) says in which image, in
        ascending order.
        """
        attention = self.attention(found.levels, images, at)
        bases = roi_align(found.bases, boxes, images, size, self.bases_stride)
        return self.assemble(bases, attention)

    def assemble(self, bases: Tensor, attention: Tensor) -> Tensor:
        """Logits (P, R, R) out of bases (P, bases, R, R) and attention (P, bases, M, M)."""
        how = weighted_sum if self.assembly == "sum" else blend
        return how(bases, attention)

    def attention(self, levels: Sequence[LevelFindings], images: Tensor, at: Tensor) -> Tensor:
        """What the top layer says at places `at` (P,) of all levels: (P, bases, M, M)."""
        patches, order, start = [], [], 0
        around = torch.arange(3, device=at.device)
        for level in levels:
            height, width = level.tower.shape[2:]
            inside = ((at >= start) & (at < start + height * width)).nonzero().squeeze(1)
            place = at[inside] - start
            rows = (place // width)[:, None, None] + around[:, None]
            columns = (place % width)[:, None, None] + around
            padded = F.pad(level.tower, (1, 1, 1, 1)).permute(0, 2, 3, 1)
            patches.append(padded[images[inside][:, None, None], rows, columns])
            order.append(inside)
            start += height * width
        cut = torch.cat(patches)[torch.cat(order).argsort()].permute(0, 3, 1, 2)
        numbers: Tensor = self.top(cut)
        return numbers.view(len(at), self.bases, self.attention_size, self.attention_size)

    @torch.no_grad()
    def detect(self, images: Tensor) -> Sequence[Detections]:
        """What it finds in each of `images` (N, bands, H, W), in evaluation mode."""
        if self.training:
            raise InputError("blendmask finds objects in evaluation mode: call eval() first.")
        found = self(images)
        height, width = images.shape[2:]
        return [self.choose(found, image, height, width) for image in range(len(images))]

    def choose(self, found: ImageFindings, image: int, height: int, width: int) -> Detections:
        """The objects of one image of `height` x `width` pixels."""
        at, classes, scores = self.candidates(found.levels, image)
        levels = zip(found.levels, self.strides, strict=True)
        boxes = torch.cat([boxes_of(level.distances[image], stride) for level, stride in levels])
        boxes = torch.minimum(boxes[at].clamp(min=0), boxes.new_tensor([width, height] * 2))
        inside = area(boxes) > 0
        at, classes, scores, boxes = at[inside], classes[inside], scores[inside], boxes[inside]
        kept = non_maximum_suppression(boxes, scores, classes, self.overlap_threshold)
        kept = kept[: self.most]
        one = torch.full_like(kept, image)
        masks = self.masks(found, one, at[kept], boxes[kept], self.mask_size)
        return Detections(boxes[kept], scores[kept], classes[kept], masks.float())

    def candidates(
        self, levels: Sequence[LevelFindings], image: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Places, classes and scores of what may be an object, a place and class each."""
        classes = torch.cat([level.classes[image].flatten(1) for level in levels], 1)
        centerness = torch.cat([level.centerness[image].flatten() for level in levels])
        probabilities = classes.float().sigmoid()
        which, at = (probabilities > self.score_threshold).nonzero(as_tuple=True)
        scores = (probabilities[which, at] * centerness.float().sigmoid()[at]).sqrt()
        best = scores.topk(min(CANDIDATES * self.most, len(scores))).indices
        return at[best], which[best], scores[best]


def boxes_of(distances: Tensor, stride: int) -> Tensor:
    """Distances (4, h, w) from the places of a level to boxes (h * w, 4) in pixels."""
    height, width = distances.shape[1:]
    centres = places(height, width, stride, distances)
    far = distances.flatten(1).T
    return torch.cat([centres - far[:, :2], centres + far[:, 2:]], 1)


def used_stages(backbone: Backbone, finest: int) -> tuple[int, ...]:
    """Which of the backbone's maps a pyramid stands on: the last of stride `finest`, and so on.

    Raises InputError if there is none of that stride.
    """
    last = {stage.stride: place for place, stage in enumerate(backbone.stages)}
    used, stride = [], finest
    while stride in last:
        used.append(last[stride])
        stride *= 2
    if not used:
        strides = ", ".join(map(str, last))
        raise InputError(
            f"blendmask's finest level has stride {finest}, and its backbone maps of {strides}: "
            "choose another finest_stride or backbone."
        )
    return tuple(used)


@register(
    "blendmask",
    takes="instances",
    summary="finds objects with their masks, on a network of images as backbone",
    paper="Chen et al. 2020, arXiv:2001.00309",
    levels=5,
    shared=0,
)
@register(
    "blendmask-rt",
    takes="instances",
    summary="the same in real time: three levels, three shared convolutions",
    paper="Chen et al. 2020, arXiv:2001.00309",
    levels=3,
    shared=3,
)
def blendmask(
    bands: int,
    classes: int,
    *,
    levels: int = 5,
    shared: int = 0,
    backbone: str = "resnet-50",
    backbone_attention: str | None = None,
    backbone_width: float | None = None,
    finest_stride: int = PAPERS_FINEST,
    channels: int = 256,
    bases: int = 4,
    attention_size: int = 14,
    mask_size: int = 56,
    assembly: Assembly = "blend",
    score_threshold: float = 0.05,
    overlap_threshold: float = 0.6,
    most: int = 100,
) -> BlendMask:
    """BlendMask on a backbone of the catalogue, for (N, bands, H, W); see :class:`BlendMask`.

    `finest_stride` is 8 in the paper; 4 is for objects of less than about 30 pixels. The other
    levels follow, and with them the sizes of objects that each is for. `backbone_attention` names
    the attention block of the backbone's own blocks, `backbone_width` is the width multiplier of a
    MobileNet; None leaves what the backbone has by itself.

    Raises InputError for an unknown backbone or one that isn't one, and for an option that it
    doesn't have.
    """
    if finest_stride not in FINEST:
        raise InputError(f"blendmask has no finest_stride of {finest_stride}: choose 4 or 8.")
    if assembly not in ("blend", "sum"):
        raise InputError(f"There is no assembly called {assembly!r}: choose 'blend' or 'sum'.")
    network = create(
        backbone,
        bands=bands,
        classes=1,
        **backbone_options(backbone, backbone_attention, backbone_width),
    )
    return BlendMask(
        cast(Backbone, network),
        classes,
        [finest_stride * 2**level for level in range(levels)],
        channels=channels,
        convolutions=0 if shared else 4,
        shared=shared,
        bottom="prototypes" if shared else "deeplab",
        bases=bases,
        attention_size=attention_size,
        mask_size=mask_size,
        assembly=assembly,
        score_threshold=score_threshold,
        overlap_threshold=overlap_threshold,
        most=most,
    )
