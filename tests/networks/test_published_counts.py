"""Parameters and multiply-adds are those that the papers and the reference programs state."""

from __future__ import annotations

from typing import Any

import pytest

from spectile.networks.costs import costs

PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("hybridsn", {"bands": 30, "classes": 16}, 5_122_176),
    ("hybridsn-se", {"bands": 30, "classes": 16}, 5_122_756),
    ("hybridsn-2d", {"bands": 30, "classes": 16}, 5_173_840),  # by hand: see test_hybridsn.py
    ("hybridsn-3d", {"bands": 30, "classes": 16}, 4_793_796),
    ("resnet-18", {}, 11_689_512),
    ("resnet-34", {}, 21_797_672),
    ("resnet-50", {}, 25_557_032),
    ("resnet-101", {}, 44_549_160),
    ("resnet-152", {}, 60_192_808),
    ("se-resnet-18", {}, 11_778_592),
    ("se-resnet-18", {"least_width": 8}, 11_779_624),
    ("se-resnet-50", {}, 28_088_024),
    ("sknet-50", {}, 27_479_784),
    ("res2net-50", {}, 25_699_120),
    ("mobilenet-v1", {}, 4_231_976),
    ("mobilenet-v2", {}, 3_504_872),
    ("mobilenet-v3-large", {}, 5_483_032),
    ("mobilenet-v3-small", {}, 2_542_856),
    ("mobilenet-v3-large", {"width": 0.75}, 3_993_528),
    ("mobilenet-v3-large", {"width": 0.75, "scaling": "torchvision"}, 3_377_576),
    ("vgg-16", {}, 138_357_544),
    ("googlenet", {}, 6_998_552),
]

# Millions, as published; MobileNet V1's widths and resolutions are its paper's tables 6 and 7.
MULTIPLY_ADDS: list[tuple[str, dict[str, Any], float]] = [
    ("resnet-50", {}, 4_089),
    ("se-resnet-50", {}, 4_090),
    ("sknet-50", {}, 4_470),
    ("mobilenet-v1", {}, 569),
    ("mobilenet-v1", {"width": 0.75}, 325),
    ("mobilenet-v1", {"width": 0.5}, 149),
    ("mobilenet-v1", {"width": 0.25}, 41),
    ("mobilenet-v1", {"size": 192}, 418),
    ("mobilenet-v1", {"size": 160}, 290),
    ("mobilenet-v1", {"size": 128}, 186),
    ("mobilenet-v1", {"width": 0.5, "size": 160}, 76),
    ("mobilenet-v2", {}, 300),
    ("mobilenet-v3-large", {}, 217),
    ("mobilenet-v3-small", {}, 56),
    ("hybridsn", {"bands": 30, "classes": 16}, 247),
    ("vgg-16", {}, 15_500),
    ("googlenet", {}, 1_580),
]


def label(value: object) -> str | None:
    return " ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else None


@pytest.mark.parametrize(("name", "options", "parameters"), PARAMETERS, ids=label)
def test_parameters(name, options, parameters):
    assert costs(name, **options).parameters == parameters


@pytest.mark.parametrize(("name", "options", "millions"), MULTIPLY_ADDS, ids=label)
def test_multiply_adds(name, options, millions):
    assert costs(name, **options).multiply_adds / 1e6 == pytest.approx(millions, rel=0.015)
