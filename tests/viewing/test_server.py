from __future__ import annotations

import asyncio
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from bokeh.client import pull_session
from tornado.ioloop import IOLoop

from spectile.data.readers.in_memory import scene_from_array
from spectile.errors import InputError
from spectile.viewing.material import Material
from spectile.viewing.page.document import Exhibit, build
from spectile.viewing.server import Viewer

HOSTILE = "<script>alert(1)</script>.tif"


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    """One that other machines may reach, in a thread of its own."""
    scene = scene_from_array(np.zeros((3, 8, 8)), source=HOSTILE)
    found: list[tuple[Viewer, IOLoop]] = []
    ready = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(asyncio.new_event_loop())
        made = Viewer(
            lambda document: build(document, Exhibit(Material(HOSTILE, scene))), host="127.0.0.1"
        )
        made.start()
        found.append((made, IOLoop.current()))
        ready.set()
        IOLoop.current().start()
        made.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(30)
    yield found[0][0]
    found[0][1].add_callback(found[0][1].stop)
    thread.join(30)


def test_other_machines_need_the_token(viewer: Viewer) -> None:
    bare, _, query = viewer.address.partition("?")
    assert query == f"token={viewer.token}"
    for address in (bare, f"{bare}?token=guessed"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address)
    with urllib.request.urlopen(viewer.address) as answer:
        page = answer.read().decode()
        cookie = answer.headers["Set-Cookie"]
    assert viewer.token in cookie
    assert "HttpOnly" in cookie
    again = urllib.request.Request(bare, headers={"Cookie": cookie.partition(";")[0]})
    with urllib.request.urlopen(again) as answer:
        assert answer.status == 200
    # All that it needs comes from here.
    assert "Content-Security-Policy" in page
    assert not re.findall(r"""(?:src|href)=["']https?:""", page)
    assert "<script>alert" not in page


def test_the_token_opens_the_pages_connection(viewer: Viewer) -> None:
    """Over which all that a page shows comes."""
    bare = viewer.address.partition("?")[0]
    with pull_session(url=bare, arguments={"token": viewer.token}) as session:
        assert len(session.document.roots) == 1
    with pytest.raises(OSError, match="Disconnected with error code"), pull_session(url=bare):
        pass


def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is in use"):
            Viewer(lambda document: None, port=port)
    with pytest.raises(InputError, match="host an address of this machine"):
        Viewer(lambda document: None, host="198.51.100.7", port=port)
