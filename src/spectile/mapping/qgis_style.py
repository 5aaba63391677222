"""The style that QGIS 3 finds beside a class map (.qml): its classes' colours and names."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from spectile.mapping.xml_text import xml_text
from spectile.scenes.legend import Legend

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"


def qml(legend: Legend) -> str:
    """A "Paletted/Unique values" style for band 1 with one entry a category.

    0, the map's nodata, has none and stays transparent.
    """
    root = Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = SubElement(root, "pipe")
    renderer = SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    SubElement(renderer, "rasterTransparency")
    palette = SubElement(renderer, "colorPalette")
    for category in legend.categories:
        red, green, blue = category.color
        SubElement(
            palette,
            "paletteEntry",
            value=str(category.value),
            label=xml_text(category.name),
            color=f"#{red:02x}{green:02x}{blue:02x}",
            alpha="255",
        )
    indent(root)
    return f"{DOCTYPE}\n{tostring(root, encoding='unicode')}\n"
