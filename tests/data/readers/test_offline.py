"""Local files that name an address make nobody ask it; a local server counts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio

from spectile.data.images import read_image
from spectile.data.labels.labels import open_labels
from spectile.data.readers.in_memory import scene_from_array
from spectile.data.readers.offline import is_address
from spectile.data.readers.open import open_scene
from spectile.errors import InputError

LIKE = scene_from_array(
    np.ones((3, 20, 20)), crs="EPSG:32633", transform=rasterio.Affine(1, 0, 0, 0, -1, 20)
)


class Server(HTTPServer):
    asked = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # past any proxy
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def vrt(source: str) -> str:
    return (
        '<VRTDataset rasterXSize="20" rasterYSize="20"><VRTRasterBand dataType="Int16" band="1">'
        f"<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>"
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )


RECIPES = {
    "curl": vrt("/vsicurl/{}/s.tif"),
    "options": vrt("/vsicurl?url={}/s.tif"),
    "zip": vrt("/vsizip//vsicurl/{}/s.zip/s.tif"),
    "http": vrt("{}/s.tif"),
    "wms": "<GDAL_WMS><Service name='TMS'><ServerUrl>{}/z</ServerUrl></Service></GDAL_WMS>",
    "wcs": "<WCS_GDAL><ServiceURL>{}/wcs?</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>",
    "wfs": "<OGRWFSDataSource><URL>{}/wfs?</URL></OGRWFSDataSource>",
    "ogr": '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{}/a.geojson</SrcDataSource>'
    "</OGRVRTLayer></OGRVRTDataSource>",
}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kind", ["scene", "labels"])
def test_recipes(kind: str, name: str, tmp_path: Path, server: Server) -> None:
    address = f"http://127.0.0.1:{server.server_port}"
    path = tmp_path / ("scene.vrt" if kind == "scene" else "labels.gml")
    path.write_text(RECIPES[name].replace("{}", address))
    with pytest.raises(InputError, match=address):
        open_scene(path) if kind == "scene" else open_labels(path, like=LIKE)
    assert server.asked == 0


def test_recipes_of_recipes_and_sidecars(tmp_path: Path, server: Server) -> None:
    address = f"http://127.0.0.1:{server.server_port}"
    (tmp_path / "inner.vrt").write_text(vrt(f"/vsicurl/{address}/s.tif"))
    (tmp_path / "outer.vrt").write_text(vrt(str(tmp_path / "inner.vrt")))
    with pytest.raises(InputError):
        open_scene(tmp_path / "outer.vrt").read()
    image = tmp_path / "image.tif"
    profile = {"count": 1, "height": 9, "width": 9, "dtype": "int16", "transform": LIKE.transform}
    with rasterio.open(image, "w", driver="GTiff", **profile) as f:
        f.write(np.ones((1, 9, 9), np.int16))
    (tmp_path / "image.tif.aux.xml").write_text(
        '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">'
        f"/vsicurl/{address}/s.ovr</MDI></Metadata></PAMDataset>"
    )
    assert open_scene(image).read().sum() == read_image(image).sum() == 81
    (tmp_path / "image.vrt").write_text(  # where it comes from is told, not asked
        vrt(str(image)).replace(
            "<VRTRasterBand", f"<Metadata><MDI key='from'>{address}</MDI></Metadata><VRTRasterBand"
        )
    )
    assert open_scene(tmp_path / "image.vrt").read().sum() > 0
    assert server.asked == 0


def test_what_is_an_address() -> None:
    for name in (
        "https://a.org/b.tif",
        "/vsicurl/http://a/b",
        "/vsizip//vsis3/a/b.zip/c",
        "s3://a",
    ):
        assert is_address(name)
    for name in ("a.tif", "/vsizip/a.zip/b.tif", 'NETCDF:"a.nc":b', "https.tif"):
        assert not is_address(name)
