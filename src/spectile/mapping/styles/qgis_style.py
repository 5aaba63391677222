"""The style that QGIS 3 finds beside a class map (.qml): its classes' colours and names."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, indent, tostring

from spectile.data.labels.legend import Legend
from spectile.mapping.styles.xml_text import xml_text

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"


def qml(legend: Legend) -> str:
    """A "Paletted/Unique values" style for band 1 with one entry a category.

    0, the map's nodata, has none and stays transparent.
    """
    return _style(
        (
            str(category.value),
            xml_text(category.name),
            "#{:02x}{:02x}{:02x}".format(*category.color),
        )
        for category in legend.categories
    )


def is_plain_style(text: str) -> bool:
    """Whether a style is one of :func:`qml`, which nobody has changed since."""
    try:
        entries = fromstring(text).iter("paletteEntry")
    except (ParseError, ValueError):
        return False
    keys = ("value", "label", "color")
    return text == _style(tuple(entry.get(key, "") for key in keys) for entry in entries)


def _style(entries: Iterable[tuple[str, ...]]) -> str:
    root = Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = SubElement(root, "pipe")
    renderer = SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    SubElement(renderer, "rasterTransparency")
    palette = SubElement(renderer, "colorPalette")
    for value, label, color in entries:
        SubElement(palette, "paletteEntry", value=value, label=label, color=color, alpha="255")
    indent(root)
    return f"{DOCTYPE}\n{tostring(root, encoding='unicode')}\n"
