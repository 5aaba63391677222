"""The formats of polygons, lines and points, each of which says what it can open and opens it.

A format is a file in the folder `feature_formats/` with an instance of a :class:`FeatureFormat`,
or such an instance in a package of one's own, named in its pyproject.toml::

    [project.entry-points."spectile.features"]
    myformat = "my_package.myformat:FORMAT"

What it opens serves as labels and as masks of scenes: classes, legend and drawing are the same for
all. They are asked as formats of scenes are, and GDAL last.
"""

from __future__ import annotations

from dataclasses import dataclass

from spectile.data.formats import BaseFormat, Registry
from spectile.data.labels.vector_layers import FeatureLayer


@dataclass(frozen=True)
class FeatureRequest:
    """Features to open."""

    name: str
    """The path of the file, or GDAL's way into an archive."""
    layer: str | None
    """The layer that is meant; None for the only one."""
    source: str
    """What messages call it."""


class FeatureFormat(BaseFormat[FeatureRequest, FeatureLayer]):
    """A format of features; from a GeoDataFrame :func:`layer_of_frame` makes the layer."""


FEATURES: Registry[FeatureFormat] = Registry(
    "spectile.features",
    "spectile.data.labels.feature_formats",
    FeatureFormat,  # type: ignore[type-abstract]
    FeatureLayer,
)


def open_layer(name: str, layer: str | None, source: str) -> FeatureLayer:
    """The layer called `layer`, or the only one, of the file that GDAL knows as `name`.

    Raises InputError for several layers to choose from, for a table without geometries, and for
    a file that can't be read.
    """
    request = FeatureRequest(name, layer, source)
    # GDAL's takes any file.
    found = next(one for one in FEATURES.formats() if FEATURES.can_open(one, request))
    opened: FeatureLayer = FEATURES.open(found, request)
    return opened


def feature_suffixes() -> tuple[str, ...]:
    """What files of features end in."""
    return tuple(suffix for one in FEATURES.formats() for suffix in one.suffixes)
