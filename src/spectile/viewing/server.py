"""The viewer as a server on this machine, and what keeps others out of it."""

from __future__ import annotations

import errno
import logging
import secrets
import signal
import webbrowser
from collections.abc import Callable
from typing import Any

from bokeh.application import Application
from bokeh.application.handlers import FunctionHandler
from bokeh.document import Document
from bokeh.server.auth_provider import AuthProvider, NullAuth
from bokeh.server.server import Server
from bokeh.server.util import bind_sockets
from bokeh.settings import settings
from tornado.web import HTTPError, RequestHandler
from tornado.websocket import WebSocketHandler

from spectile.errors import InputError

LOOPBACK = "127.0.0.1"
_COOKIE = "spectile-viewer"


class Viewer:
    """A page that is served until :meth:`run` ends."""

    def __init__(
        self, fill: Callable[[Document], Any], *, host: str | None = None, port: int = 0
    ) -> None:
        """`fill` fills the document of each browser that comes; port 0 takes a free one.

        Without `host` no other machine reaches it; with one, who has the address with its token.
        Raises InputError where the port or the host can't be had.
        """
        self.token = None if host is None else secrets.token_urlsafe(24)
        self._host = host or LOOPBACK
        # What a user's BOKEH_RESOURCES says would fetch scripts from elsewhere.
        settings.resources = "server"
        # Its warnings are for those who run servers, not for who looks at a scene.
        logging.getLogger("bokeh").setLevel(logging.ERROR)
        try:
            if port == 0:  # known beforehand, for pages from it alone may talk to it
                port = _free_port(self._host)
            names = [LOOPBACK, "localhost"]
            origins = ["*"] if host is not None else [f"{name}:{port}" for name in names]
            self._server = Server(
                {"/": Application(FunctionHandler(fill))},
                address=self._host,
                port=port,
                allow_websocket_origin=origins,
                auth_provider=NullAuth() if self.token is None else _Token(self.token),
            )
        except OSError as error:
            raise _refusal(error, self._host, port) from error
        self.port = int(self._server.port)

    @property
    def address(self) -> str:
        """What to give a browser."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        asked = "" if self.token is None else f"?token={self.token}"
        return f"http://{host}:{self.port}/{asked}"

    def start(self) -> None:
        """Answer from now on, as long as Tornado's loop runs."""
        self._server.start()

    def run(self, *, browser: bool = False) -> None:
        """Serve until Ctrl-C, or until the system asks to stop."""
        self.start()
        loop = self._server.io_loop
        for number in (signal.SIGINT, signal.SIGTERM):
            # Not by an exception: the loop would print it and go on.
            signal.signal(number, lambda *_: loop.add_callback_from_signal(loop.stop))
        if browser:
            loop.add_callback(webbrowser.open, self.address)
        loop.start()
        self.close()

    def close(self) -> None:
        """End what browsers have open, and let go of the port."""
        self._server.unlisten()
        self._server.stop(wait=False)


def _free_port(host: str) -> int:
    sockets, port = bind_sockets(host, 0)
    for one in sockets:
        one.close()
    return int(port)


class _Token(AuthProvider):  # type: ignore[misc]
    """Lets in who has the token in the address, or the cookie that is given for it."""

    def __init__(self, token: str) -> None:
        self._token = token
        super().__init__()

    @property
    def get_user(self) -> Callable[[Any], str | None]:
        def user(handler: Any) -> str | None:
            given = handler.get_argument("token", "")
            if secrets.compare_digest(given.encode(), self._token.encode()):
                if not isinstance(handler, WebSocketHandler):  # which sets none
                    handler.set_cookie(_COOKIE, self._token, httponly=True, samesite="Strict")
                return "user"
            kept = handler.get_cookie(_COOKIE, "")
            if secrets.compare_digest(kept.encode(), self._token.encode()):
                return "user"
            if isinstance(handler, WebSocketHandler):  # which can't be sent elsewhere
                raise HTTPError(403)
            return None

        return user

    @property
    def login_url(self) -> str:
        return "/who"

    @property
    def login_handler(self) -> type[RequestHandler]:
        return _Refusal


class _Refusal(RequestHandler):
    """Says that the address lacks its token."""

    def get(self) -> None:
        self.set_status(403)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("The address lacks its token: copy all of it from the terminal.\n")


def _refusal(error: OSError, host: str, port: int) -> InputError:
    if error.errno == errno.EADDRINUSE:
        return InputError(
            f"port {port} is in use by another program: choose another --port, or leave it out to "
            "take a free one."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return InputError(f"port {port} is the system's: choose a --port from 1024 on.")
    reason = (error.strerror or str(error)).lower()
    return InputError(
        f"nothing can be served at {host} ({reason}): give --host an address of this machine, such "
        "as 0.0.0.0."
    )
