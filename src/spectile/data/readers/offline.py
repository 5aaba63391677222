"""Local files don't make GDAL ask the network: only addresses that the user typed are asked.

A VRT, a description of a web service or a sidecar may name any address, and GDAL would ask it
without a word. Drivers of services are left out where GDAL isn't initialised yet, and while a local
file is open for reading, nothing of GDAL's reaches a server.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio

from spectile.errors import InputError

SERVICES = (
    "HTTP WMS WMTS WCS WFS OAPIF OGCAPI CSW EEDA EEDAI PLMOSAIC PLSCENES DAAS NGW Carto AmigoCloud "
    "Elasticsearch STACIT STACTA GDALG"
)
"""Drivers that ask servers by themselves; an address of a file needs none of them."""
# GDAL looks at this once, when its drivers are registered.
os.environ.setdefault("GDAL_SKIP", SERVICES.replace(" ", ","))

OFFLINE = {
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".nothing",
    # What is asked past GDAL's file systems: drivers that were registered before, schemas.
    "GDAL_HTTP_PROXY": "http://127.0.0.1:9",
    "GDAL_HTTP_CONNECTTIMEOUT": "2",
    "GDAL_HTTP_MAX_RETRY": "0",
    "GML_DOWNLOAD_SCHEMA": "NO",
    "GML_DOWNLOAD_WFS_SCHEMA": "NO",
}
"""GDAL's options under which no file makes it ask anybody."""

_ADDRESS = re.compile(
    r"(?:/vsi(?:curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)\w*[/?]|(?:https?|ftp|s3|gs)://)"
    r"[^\s\"'<>|]*",
    re.IGNORECASE,
)
_VIRTUAL = re.compile(
    r"<(?:VRTDataset|OGRVRTDataSource|GDAL_WMS|GDAL_WMTS|WCS_GDAL|OGRWFSDataSource|"
    r"GDALTileIndexDataset|MRF_META)\b|\"gdal_streamed_alg\"|\"stac_version\"",
)
_NO_SOURCE = re.compile(
    r"<!--.*?-->|<Metadata\b.*?</Metadata>|<SRS\b.*?</SRS>|"
    r"\b(?:xmlns[:\w]*|[\w:]*schemaLocation)\s*=\s*(?:\"[^\"]*\"|'[^']*')",
    re.DOTALL | re.IGNORECASE,
)
_HEAD = 1 << 22
"""Bytes of a recipe that are looked through: those of a mosaic of thousands of files."""


def is_address(source: str) -> bool:
    """Whether a name leads over the network, which whoever typed it knows."""
    return _ADDRESS.search(source) is not None


def reading_options(source: str) -> dict[str, str]:
    """GDAL's options for reading `source`: nobody is asked, unless it is an address."""
    return {} if is_address(source) else OFFLINE


@contextmanager
def asking_nobody(source: str) -> Iterator[None]:
    """Read `source` through rasterio: without the network, unless it is an address."""
    with rasterio.Env(**reading_options(source)):
        yield


@contextmanager
def vectors_asking_nobody(source: str) -> Iterator[None]:
    """The same for pyogrio, whose GDAL is another one."""
    import pyogrio

    options = reading_options(source)
    before = {name: pyogrio.get_gdal_config_option(name) for name in options}
    pyogrio.set_gdal_config_options(options)
    try:
        with warnings.catch_warnings():
            # GDAL's own words on odd geometries; what can't be read is raised.
            warnings.filterwarnings("ignore", category=RuntimeWarning, module="pyogrio")
            yield
    finally:
        pyogrio.set_gdal_config_options(before)


def check_local(source: str, path: str | os.PathLike[str]) -> None:
    """Raise InputError for a local file that is a recipe of what lies at an address.

    `source` is what messages call it. What else names one, in metadata for example, is no fault:
    it isn't asked.
    """
    if is_address(source) or not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        start = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
        if not start.startswith((b"<", b"{")):
            return
        file.seek(0)
        text = file.read(_HEAD).decode("utf-8", "replace")
    if _VIRTUAL.search(text) is None:
        return
    found = _ADDRESS.search(_NO_SOURCE.sub(" ", text))
    if found is not None:
        raise InputError(
            f"{source} takes its data from {found[0][:120]}, and a file doesn't make Spectile ask "
            "the network: fetch the data and name the copy, or give the address itself."
        )
