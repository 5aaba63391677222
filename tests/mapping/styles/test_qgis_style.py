"""The QGIS style, read as QGIS reads it: an XML document with a paletted renderer."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from spectile.data.labels.legend import Category, Legend
from spectile.mapping.styles.qgis_style import qml


def entries(style):
    renderer = ElementTree.fromstring(style).find("pipe/rasterrenderer")
    assert (renderer.get("type"), renderer.get("band")) == ("paletted", "1")
    return [
        (int(entry.get("value")), entry.get("label"), entry.get("color"), entry.get("alpha"))
        for entry in renderer.iterfind("colorPalette/paletteEntry")
    ]


def test_each_class_has_its_value_name_and_color_and_nodata_none():
    legend = Legend((Category(14, "Woods", (0, 158, 115)), Category(300, "Moor", (255, 0, 10))))
    assert entries(qml(legend)) == [
        (14, "Woods", "#009e73", "255"),
        (300, "Moor", "#ff000a", "255"),
    ]


def test_the_document_is_one_that_qgis_accepts():
    style = qml(Legend((Category(1, "Woods", (0, 158, 115)),)))
    assert style.startswith("<!DOCTYPE qgis ")
    root = ElementTree.fromstring(style)
    assert root.tag == "qgis"
    assert root.get("version").startswith("3.")


@settings(max_examples=100)
@given(st.text(min_size=1))
def test_any_name_makes_a_valid_document(name):
    style = qml(Legend((Category(1, name, (1, 2, 3)),)))
    (entry,) = entries(style.encode().decode())
    if name.isprintable():
        assert entry[1] == name
