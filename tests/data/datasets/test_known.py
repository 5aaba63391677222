import hashlib
import http.server
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import scipy.io

from spectile.data.datasets import known
from spectile.data.datasets.known import (
    KNOWN,
    KnownScene,
    RemoteFile,
    fetch,
    indian_pines,
    open_known,
)
from spectile.errors import InputError


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder and the address at which it is served."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "site"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: Quiet(*args, directory=folder)
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def scene(site, monkeypatch):
    """A known scene on the local site."""
    folder, address = site
    scipy.io.savemat(folder / "field.mat", {"field": np.ones((4, 5, 3)), "noise": np.ones((4, 5))})
    scipy.io.savemat(folder / "field_gt.mat", {"truth": np.eye(4, 5, dtype=np.uint8) * 2})
    files = tuple(
        RemoteFile(
            name=name,
            variable=variable,
            sha256=hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            addresses=(f"{address}/{name}",),
        )
        for name, variable in (("field.mat", "field"), ("field_gt.mat", "truth"))
    )
    entry = KnownScene("field", "A field", (3, 4, 5), ("Oats", "Corn"), "CC0", "us", files)
    monkeypatch.setattr(known, "KNOWN", (entry,))
    return entry


def give_addresses(monkeypatch, entry, *addresses):
    files = (replace(entry.files[0], addresses=addresses), entry.files[1])
    monkeypatch.setattr(known, "KNOWN", (replace(entry, files=files),))


def test_a_download_opens_with_its_class_names(scene, tmp_path):
    image, labels = open_known("field", tmp_path / "cache")
    assert (image.bands, image.height, image.width) == (3, 4, 5)
    assert labels.legend.names == ("Corn",)
    assert labels.legend.values == (2,)
    assert labels.counts.tolist() == [4]


def test_what_is_there_isnt_downloaded_again(scene, site, tmp_path):
    first = fetch("field", tmp_path / "cache")
    for file in site[0].iterdir():
        file.unlink()
    assert fetch("field", tmp_path / "cache") == first


def test_a_damaged_file_in_the_cache_is_replaced(scene, tmp_path):
    image, _ = fetch("field", tmp_path / "cache")
    path = tmp_path / "cache" / "field" / "field.mat"
    assert image == f"{path}:field"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    fetch("field", tmp_path / "cache")
    assert path.read_bytes() == whole


def test_another_file_than_the_published_one_leaves_nothing_behind(scene, site, tmp_path):
    (site[0] / "field.mat").write_bytes(b"<html>moved</html>")
    with pytest.raises(InputError, match=r"field\.mat .*SHA-256 differs"):
        fetch("field", tmp_path / "cache")
    assert list((tmp_path / "cache" / "field").iterdir()) == []


def test_a_server_that_is_gone(scene, monkeypatch, tmp_path):
    give_addresses(monkeypatch, scene, "http://127.0.0.1:9/field.mat")
    with pytest.raises(InputError, match=r"field\.mat can't be downloaded") as caught:
        fetch("field", tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache" / "field").iterdir()) == []


def test_a_file_that_is_gone(scene, site, tmp_path):
    (site[0] / "field_gt.mat").unlink()
    with pytest.raises(InputError, match=r"field_gt\.mat .*status 404"):
        fetch("field", tmp_path / "cache")


def test_the_second_address_is_taken_when_the_first_fails(scene, site, monkeypatch, tmp_path):
    (site[0] / "other.mat").write_bytes(b"<html>come in with a browser</html>")
    good = scene.files[0].addresses[0]
    give_addresses(monkeypatch, scene, f"{site[1]}/gone.mat", f"{site[1]}/other.mat", good)
    fetch("field", tmp_path / "cache")
    assert (tmp_path / "cache" / "field" / "field.mat").exists()


def test_a_cache_that_cant_be_written(scene, tmp_path):
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(InputError, match=r"cache.* can't be written"):
        fetch("field", tmp_path / "cache")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match="indian-pines, pavia-university, salinas"):
        open_known("indian_pines")


def test_entries_are_whole():
    assert len({entry.name for entry in KNOWN}) == len(KNOWN)
    for entry in KNOWN:
        assert len(set(entry.classes)) == len(entry.classes)
        assert entry.licence
        assert entry.credit
        for file in entry.files or ():
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.addresses
            assert all(address.startswith("https://") for address in file.addresses)


def test_indian_pines_needs_no_network():
    pytest.importorskip("tensorly")
    scene, labels = open_known("indian-pines")
    assert (scene.bands, scene.height, scene.width) == (200, 145, 145)
    assert scene.dtype == np.uint16
    pixels = scene.read()
    assert (pixels.min(), pixels.max()) == (955, 9604)
    published = [46, 1428, 830, 237, 483, 730, 28, 478, 20, 972, 2455, 593, 205, 1265, 386, 93]
    assert labels.counts.tolist() == published
    assert labels.legend.names[11] == "Soybean-clean"
    with pytest.raises(InputError, match="needs no download"):
        fetch("indian-pines")


def test_the_bands_of_indian_pines_stand_at_their_wavelengths():
    pytest.importorskip("tensorly")
    scene, _ = indian_pines()
    centres = scene.wavelengths
    assert centres is not None
    # Of AVIRIS's four spectrometers each begins a little below the end of the one before.
    assert np.flatnonzero(np.diff(centres) < 0).tolist() == [30, 93]
    assert (np.sort(np.abs(np.diff(centres)))[-2:] > 50).all()  # the removed water vapour bands
    spectrum = scene.read().mean(axis=(1, 2))
    around = np.flatnonzero((centres > 1990) & (centres < 2035))
    lowest = centres[around][np.argsort(spectrum[around])[:2]]
    np.testing.assert_allclose(np.sort(lowest), [2003.2, 2013.2], atol=0.1)  # carbon dioxide


def test_indian_pines_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorly.datasets", None)
    with pytest.raises(InputError, match=r"spectile\[demo\]"):
        indian_pines()
