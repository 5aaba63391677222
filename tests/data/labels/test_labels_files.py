"""Label files of every kind that GDAL reads, archives, folders, and tables of geometries."""

from __future__ import annotations

import json
import zipfile

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely.geometry import box

from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError

GRID = from_origin(500_000, 5_800_000, 10, 10)
EXPECTED = np.zeros((6, 8), int)
EXPECTED[:3, :4], EXPECTED[3:, 4:] = 1, 2
AREAS = [box(500_000, 5_799_970, 500_040, 5_800_000), box(500_040, 5_799_940, 500_080, 5_799_970)]


def scene():
    return scene_from_array(
        np.zeros((1, 6, 8), np.float32), crs="EPSG:32633", transform=GRID, source="scene.tif"
    )


def frame():
    return gpd.GeoDataFrame({"crop": [1, 2]}, geometry=AREAS, crs="EPSG:32633")


def check(path, **options):
    labels = open_labels(path, like=scene(), **options)
    np.testing.assert_array_equal(np.array([0, *labels.legend.values])[labels.classes], EXPECTED)


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("f.gdb", "OpenFileGDB"),
        ("f.tab", "MapInfo File"),
        ("f.mif", "MapInfo File"),
        ("f.sqlite", "SQLite"),
        ("f.geojsonl", "GeoJSONSeq"),
        ("f.geojsons", "GeoJSONSeq"),
        ("f.fgb", "FlatGeobuf"),
        ("f.kml", "KML"),
        ("f.gml", "GML"),
        ("strange.name", "GPKG"),
        ("no_suffix", "GeoJSON"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_vector_formats(tmp_path, name, driver):
    one = frame()
    if driver == "KML":
        one = one.rename(columns={"crop": "Name"})
        one["Name"] = one["Name"].astype(str)
    one.to_file(tmp_path / name, driver=driver)
    check(tmp_path / name, column="Name" if driver == "KML" else "crop")


@pytest.mark.parametrize(
    "inside", ["f.shp", "folder/f.shp", "f.geojson", "f.gpkg", "f.gdb", "l.tif"]
)
def test_archives(tmp_path, inside):
    folder = tmp_path / "made"
    (folder / inside).parent.mkdir(parents=True)
    if inside == "l.tif":
        profile = {"driver": "GTiff", "height": 6, "width": 8, "count": 1, "dtype": "uint8"}
        with rasterio.open(folder / inside, "w", crs=32633, transform=GRID, **profile) as file:
            file.write(EXPECTED.astype(np.uint8), 1)
    else:
        frame().to_file(folder / inside)
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("__MACOSX/f.shp", b"")
        archive.writestr("readme.txt", "fields")
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    check(tmp_path / "f.zip", column=None if inside == "l.tif" else "crop")


def test_archives_that_need_a_choice_or_hold_nothing(tmp_path):
    for name in ("a", "b"):
        frame().to_file(tmp_path / f"{name}.shp")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for file in sorted(tmp_path.glob("[ab].*")):
            archive.write(file, file.name)
    with pytest.raises(InputError, match=r"two\.zip holds a\.shp, b\.shp: choose one as .*:a\.shp"):
        open_labels(tmp_path / "two.zip", like=scene())
    check(f"{tmp_path / 'two.zip'}:b.shp", column="crop")
    with zipfile.ZipFile(tmp_path / "none.zip", "w") as archive:
        archive.writestr("readme.pdf", "no labels")
    with pytest.raises(InputError, match=r"none\.zip holds readme\.pdf and neither features nor"):
        open_labels(tmp_path / "none.zip", like=scene())
    (tmp_path / "no.zip").write_bytes(b"PK no")
    with pytest.raises(InputError, match=r"no\.zip can't be read as a zip archive"):
        open_labels(tmp_path / "no.zip", like=scene())


@pytest.mark.parametrize(
    "header",
    [
        "POINT_X,POINT_Y,class",
        "Point X (m),Point Y (m),class",
        "X_COORD,Y_COORD,class",
        "UTM_E,UTM_N,class",
        "Easting,Northing,Class",
        "x,y,map x,map y,class",
    ],
)
def test_columns_of_coordinates(tmp_path, header):
    more = "1,1," if "map" in header else ""
    text = f"{header}\n{more}500005,5799995,1\n{more}500045,5799965,2\n"
    (tmp_path / "p.csv").write_text(text)
    labels = open_labels(tmp_path / "p.csv", like=scene())
    assert (labels.classes[0, 0], labels.classes[3, 4]) == (1, 2)
    assert labels.counts.tolist() == [1, 1]


@pytest.mark.parametrize("column", ["WKT", "geometry", "the_geom", ".geo"])
@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt"])
def test_tables_of_geometries(tmp_path, column, suffix):
    texts = [area.wkt for area in AREAS]
    if column == ".geo":  # as Google Earth Engine exports tables
        degrees = frame().to_crs("EPSG:4326").geometry
        texts = [json.dumps(area.__geo_interface__) for area in degrees]
    cells = [text.replace('"', '""') for text in texts]
    rows = "".join(f'"{cell}"\t{k}\n' for k, cell in enumerate(cells, start=1))
    (tmp_path / f"f.{suffix}").write_text(f"{column}\tclass\n{rows}")
    check(tmp_path / f"f.{suffix}")


def test_a_polygon_of_many_corners_is_a_long_cell(tmp_path):
    wkt = AREAS[0].segmentize(1e-2).wkt
    assert len(wkt) > 200_000
    (tmp_path / "f.csv").write_text(f'wkt,class\n"{wkt}",1\n"{AREAS[1].wkt}",2\n')
    check(tmp_path / "f.csv")


def test_geometries_that_name_their_system_and_some_that_are_none(tmp_path):
    degrees = [area.wkt for area in frame().to_crs("EPSG:4326").geometry]
    rows = "".join(f'"SRID=4326;{text}",{k}\n' for k, text in enumerate(degrees, start=1))
    (tmp_path / "f.csv").write_text(f"wkt,class\n{rows}")
    check(tmp_path / "f.csv")
    (tmp_path / "bad.csv").write_text('wkt,class\n"POINT (500005 5799995)",1\n"POINT 1",2\n')
    with pytest.raises(InputError, match=r"bad\.csv has 'POINT 1' as a geometry in line 3"):
        open_labels(tmp_path / "bad.csv", like=scene())


def test_refusals_say_what_to_do(tmp_path):
    frame().to_file(tmp_path / "f.shp")
    (tmp_path / "folder").mkdir()
    frame().to_file(tmp_path / "folder" / "f.gpkg")
    for path, said in (
        ("f.dbf", r"f\.dbf is a part of .*f\.shp: give that file's name"),
        ("folder", r"folder is a folder: .* such as .*f\.gpkg"),
        ("missing.gdb", "isn't there"),
    ):
        with pytest.raises(InputError, match=said):
            open_labels(tmp_path / path, like=scene())
    (tmp_path / "notes.doc").write_text("no labels\n")
    with pytest.raises(InputError) as caught:
        open_labels(tmp_path / "notes.doc", like=scene(), column="crop")
    assert "leave --column out" not in str(caught.value)
    (tmp_path / "p.csv").write_text("x,y,class\n15.0,52.1,1\n")
    with pytest.raises(InputError, match="look like degrees, so call their columns lon and lat"):
        open_labels(tmp_path / "p.csv", like=scene())


def test_geoparquet_is_read_or_its_package_named(tmp_path):
    pytest.importorskip("pyarrow", reason="without it the sentence below is what users get")
    frame().to_parquet(tmp_path / "f.parquet")
    check(tmp_path / "f.parquet", column="crop")


def test_geoparquet_without_its_package(tmp_path, monkeypatch):
    def missing(*_):
        raise ImportError

    monkeypatch.setattr(gpd, "read_parquet", missing)
    (tmp_path / "f.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="needs the package pyarrow"):
        open_labels(tmp_path / "f.parquet", like=scene())
