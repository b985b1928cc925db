"""The agent's HTTP side: /metrics, /check, /-/healthy and /-/ready. It runs in threads, and asks no server anything."""

import base64
import binascii
import json
import socket
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLSocket
from typing import Any
from urllib.parse import parse_qs

from pgheadroom.agent.web_config import Keeper, WebConfig
from pgheadroom.errors import UsageError
from pgheadroom.wire.sample import Json

PATIENCE = 10.0
"""Seconds for a client to say what it wants, its TLS handshake too."""
AT_ONCE = 32
"""Clients that are served at the same time; others wait to be accepted."""
DEFAULT = "127.0.0.1:9899"
_TEXT = "text/plain; charset=utf-8"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Pages:
    """What is served.

    Attributes:
        scrape: The metrics and their content type, for an Accept header.
        ready: Whether every target was heard of.
        check: The verdicts on all targets, by the metrics of these names; by everything where there are none.
    """

    scrape: Callable[[str], tuple[bytes, str]]
    ready: Callable[[], bool]
    check: Callable[[Collection[str]], Json]


def place_of(text: str) -> tuple[str, int]:
    """`127.0.0.1:9899`, `[::1]:9899`; `:9899` and `9899` are on the loopback.

    Raises:
        ValueError: It is no such place.
    """
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"'{text}' is not HOST:PORT, for instance {DEFAULT}")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


class Server(ThreadingHTTPServer):
    """Listens, and serves in threads of its own until it is closed."""

    daemon_threads = True

    def __init__(self, place: tuple[str, int], pages: Pages, config: WebConfig) -> None:
        """Raises:
        UsageError: It cannot listen there.
        """
        self.pages = pages
        self.tls = config.tls
        self.keeper = Keeper(config.users) if config.users else None
        self._room = threading.BoundedSemaphore(AT_ONCE)
        try:
            found = socket.getaddrinfo(*place, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            self.address_family = found[0][0]
            super().__init__(found[0][4][:2], _Handler)  # type: ignore[arg-type]
        except OSError as error:
            raise UsageError(f"--listen {place[0]}:{place[1]}: {error.strerror}") from None

    def start(self) -> None:
        """Serve from now on."""
        threading.Thread(target=self.serve_forever, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Accept nobody any more."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(timeout=PATIENCE):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            request.settimeout(PATIENCE)
            if self.tls is not None:
                # Here and not when it was accepted: a client that never ends its handshake keeps only its own thread.
                request = self.tls.wrap_socket(request, server_side=True)
            super().process_request_thread(request, client_address)
        except OSError:
            with suppress(OSError):
                request.close()
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's mistake."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = PATIENCE
    protocol_version = "HTTP/1.1"
    server_version = "pgheadroom"
    sys_version = ""
    connection: "socket.socket | SSLSocket"

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if self.server.keeper is not None and not self._is_known(self.server.keeper):
            self._answer(HTTPStatus.UNAUTHORIZED, b"who are you?\n", _TEXT)
        elif path == "/metrics":
            self._answer(HTTPStatus.OK, *self.server.pages.scrape(self.headers.get("Accept", "")))
        elif path == "/check":
            told = self.server.pages.check(frozenset(parse_qs(query).get("metric", ())))
            self._answer(HTTPStatus.OK, json.dumps(told, allow_nan=False).encode(), _JSON)
        elif path == "/-/healthy":
            self._answer(HTTPStatus.OK, b"healthy\n", _TEXT)
        elif path == "/-/ready":
            ready = self.server.pages.ready()
            self._answer(*((HTTPStatus.OK, b"ready\n") if ready else (_NOT_YET, b"not yet\n")), _TEXT)
        elif path == "/":
            self._answer(HTTPStatus.OK, b"pgheadroom: see /metrics\n", _TEXT)
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"see /metrics\n", _TEXT)

    def _is_known(self, keeper: Keeper) -> bool:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        try:
            user, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return kind.lower() == "basic" and bool(colon) and keeper.admits(user, password)

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="pgheadroom"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: a scrape every second is no news."""


_NOT_YET = HTTPStatus.SERVICE_UNAVAILABLE
