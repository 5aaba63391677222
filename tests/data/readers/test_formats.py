"""A format of another package, found by its entry point, is opened wherever our own are."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from spectile import open_labels, open_scene
from spectile.cli import main
from spectile.data.images import open_image_set, open_pair_set
from spectile.data.images.folders import images_below
from spectile.data.labels.features import FEATURES
from spectile.data.labels.masks.mask_file import read_mask
from spectile.data.mask import open_mask
from spectile.data.readers.pictures import read_image
from spectile.data.readers.registry import FORMATS, GROUP, Format, Request
from spectile.errors import InputError

PLAIN = '''
"""Numbers as text: a line "plain", a line of bands, rows and columns, and then the pixels."""

import numpy as np

from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.registry import Format


class Plain(Format):
    name = "Plain"
    suffixes = (".plain",)

    def can_open(self, request):
        with request.path.open("rb") as file:
            return file.read(6) == b"plain\\n"

    def open(self, request):
        lines = request.path.read_text().split("\\n", 2)
        shape = [int(number) for number in lines[1].split()]
        pixels = np.array(lines[2].split(), np.int64).astype(np.uint8)
        return scene_from_array(pixels.reshape(shape), source=request.source)


FORMAT = Plain()
'''


FEATURES_OF_TEXT = '''
"""A line for each class: its name, and WKT in the scene's own coordinates."""

from spectile.data.labels.features import FeatureFormat
from spectile.data.labels.vector_layers import layer_of_frame


class Outlines(FeatureFormat):
    name = "Outlines"
    suffixes = (".outlines",)

    def can_open(self, request):
        return request.name.endswith(self.suffixes)

    def open(self, request):
        import geopandas, shapely

        with open(request.name) as file:
            rows = [line.split(" ", 1) for line in file]
        names, shapes = zip(*rows)
        shapes = [shapely.from_wkt(shape) for shape in shapes]
        frame = geopandas.GeoDataFrame({"class": names}, geometry=shapes, crs="EPSG:32633")
        return layer_of_frame(frame, request.source)


FORMAT = Outlines()
'''


def install(
    site: Path, package: str, code: str, named: str = "FORMAT", *, group: str = GROUP
) -> None:
    """A package as pip leaves it, with an entry point."""
    (site / f"{package}.py").write_text(code)
    info = site / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{package} = {package}:{named}\n")


def write_plain(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = " ".join(map(str, pixels.ravel()))
    path.write_text(f"plain\n{' '.join(map(str, pixels.shape))}\n{numbers}\n")
    return path


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that Python finds; nothing is remembered of it afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.syspath_prepend(folder)
    for registry in (FORMATS, FEATURES):
        registry.forget()
    yield folder
    for registry in (FORMATS, FEATURES):
        registry.forget()
    for module in [name for name in set(sys.modules) - before if (folder / f"{name}.py").exists()]:
        del sys.modules[module]


@pytest.fixture
def plain(site: Path) -> None:
    install(site, "plainformat", PLAIN)


def cube(bands: int, edge: int = 8) -> np.ndarray:
    return np.random.default_rng(bands).integers(1, 250, (bands, edge, edge), np.uint8)


@pytest.mark.usefixtures("plain")
def test_it_is_opened_as_a_scene_and_as_labels_and_mask_of_it(tmp_path: Path) -> None:
    pixels, classes = cube(5), np.zeros((1, 8, 8), np.uint8)
    classes[0, :3], classes[0, 5:] = 2, 7
    scene = open_scene(write_plain(tmp_path / "scene.plain", pixels))
    np.testing.assert_array_equal(scene.read(), pixels)
    assert scene.files == (str(tmp_path / "scene.plain"),)
    path = write_plain(tmp_path / "labels.plain", classes)
    labels = open_labels(path, like=scene)
    assert labels.legend.values == (2, 7)
    assert labels.counts.tolist() == [24, 24]
    mask = open_mask(path, like=scene)
    np.testing.assert_array_equal(mask.read(Window(0, 0, 8, 8)), classes[0] > 0)


@pytest.mark.usefixtures("plain")
def test_a_folder_holds_images_and_masks_of_it(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for number in range(4):
            write_plain(tmp_path / "classes" / name / f"{number}.plain", cube(3) + np.uint8(number))
    images = open_image_set(tmp_path / "classes")
    assert len(images.images) == 8
    np.testing.assert_array_equal(images.images.read(1), cube(3) + np.uint8(1))
    mask = np.array([[[0, 1], [2, 1]]], np.uint8).repeat(4, 1).repeat(4, 2)
    for number in range(4):
        write_plain(tmp_path / "images" / f"{number}.plain", cube(3) + np.uint8(number))
        write_plain(tmp_path / "masks" / f"{number}.plain", mask)
    pairs = open_pair_set(tmp_path / "images", tmp_path / "masks")
    np.testing.assert_array_equal(pairs.masks.read(0), mask[0] + 1)
    np.testing.assert_array_equal(read_mask(tmp_path / "masks" / "0.plain").numbers, mask[0])


@pytest.mark.usefixtures("plain")
def test_info_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_plain(tmp_path / "scene.plain", cube(5))
    monkeypatch.setattr(sys, "argv", ["spectile", "info", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "bands                5" in capsys.readouterr().out


@pytest.mark.usefixtures("plain")
def test_it_is_among_the_bands_of_a_folder_and_named_where_images_lack(tmp_path: Path) -> None:
    write_plain(tmp_path / "folder" / "only.plain", cube(4))
    assert open_scene(tmp_path / "folder").bands == 4
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"PNG, JPEG, TIFF, \.npy or Plain"):
        read_image(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"or \.npz file, or Plain"):
        open_scene(tmp_path / "a.png")


def test_without_it_its_files_are_no_images(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "scene.plain", cube(5))
    assert images_below(tmp_path).skipped == 1
    with pytest.raises(InputError, match="text: give a GeoTIFF"):
        open_scene(path)


def test_a_format_of_features_serves_as_labels_and_as_mask(site: Path, tmp_path: Path) -> None:
    install(site, "outlineformat", FEATURES_OF_TEXT, group="spectile.features")
    place = {"crs": "EPSG:32633", "transform": from_origin(500000, 5800000, 10, 10)}
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        **{"driver": "GTiff", "height": 8, "width": 8, "count": 4, "dtype": "uint8", **place},
    ) as file:
        file.write(cube(4))
    scene = open_scene(tmp_path / "scene.tif")
    path = tmp_path / "fields.outlines"
    west, north = "500000 5800000, 500040 5800000", "500040 5799920, 500000 5799920"
    path.write_text(
        f"corn POLYGON (({west}, {north}, 500000 5800000))\nwood POINT (500075 5799925)\n"
    )
    labels = open_labels(path, like=scene)
    assert dict(zip(labels.legend.names, labels.counts.tolist(), strict=True)) == {
        "corn": 32,
        "wood": 1,
    }
    wanted = open_mask(path, like=scene).read(Window(0, 0, 8, 8))
    np.testing.assert_array_equal(wanted, labels.classes > 0)


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("code", "named", "fault"),
    [
        ("import nothing_of_the_kind", "FORMAT", "No module named"),
        ("FORMAT = 3", "FORMAT", "is no Format"),
        ("FORMAT = 3", "OTHER", "no attribute"),
        (PLAIN.replace('name = "Plain"', ""), "FORMAT", "needs a name"),
        (PLAIN.replace("request.path.open", "request.open"), "FORMAT", "no attribute 'open'"),
    ],
)
def test_a_broken_one_costs_one_warning(
    site: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    code: str,
    named: str,
    fault: str,
) -> None:
    install(site, "broken", code, named)
    np.save(tmp_path / "scene.npy", cube(3))
    for _ in range(2):
        assert open_scene(tmp_path / "scene.npy", bands_last=False).bands == 3
    (told,) = warned(caplog)
    assert "broken" in told
    assert fault in told
    assert "left out" in told


def test_one_that_fails_to_open_a_file_is_named(site: Path, tmp_path: Path) -> None:
    install(site, "hasty", PLAIN.replace("int(number)", "number.nothing"))
    path = write_plain(tmp_path / "scene.plain", cube(3))
    with pytest.raises(InputError, match="by the format Plain of the package hasty"):
        open_scene(path)


def test_one_that_gives_no_scene_is_named(site: Path, tmp_path: Path) -> None:
    install(site, "odd", PLAIN.replace("return scene_from_array", "return str"))
    path = write_plain(tmp_path / "scene.plain", cube(3))
    with pytest.raises(InputError, match="of the package odd"):
        open_scene(path)


def test_formats_are_asked_by_content_then_by_name_and_gdal_last() -> None:
    turns = [one.turn for one in FORMATS.formats()]
    assert turns == sorted(turns)
    assert FORMATS.formats()[-1].name == "GDAL"
    assert len({type(one) for one in FORMATS.formats()}) == len(FORMATS.formats()) == 8


def test_one_of_a_package_may_read_what_ours_can(site: Path, tmp_path: Path) -> None:
    other = PLAIN.replace('(6) == b"plain\\n"', '(6) == b"\\x93NUMPY"').replace(
        "request.path.read_text()", '"plain\\n1 1 2\\n3 4"'
    )
    install(site, "own", other)
    np.save(tmp_path / "scene.npy", cube(3))
    assert open_scene(tmp_path / "scene.npy").width == 2


def test_a_format_is_two_methods() -> None:
    class Nothing(Format):
        name = "Nothing"
        suffixes = ()

        def can_open(self, request: Request) -> bool:
            return False

    with pytest.raises(TypeError, match="open"):
        Nothing()  # type: ignore[abstract]
