"""Who gets messages: a mail server and a webhook of our own, on a port of this machine."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, cast


class Webhook(HTTPServer):
    """Keeps what is posted.

    Attributes:
        status: What it answers.
        holds: While it is set nobody gets an answer.
    """

    def __init__(self, port: int = 0) -> None:
        self.posted: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 200
        self.goes_on = threading.Event()
        self.goes_on.set()
        super().__init__(("127.0.0.1", port), _Hook)


class _Hook(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.goes_on.wait(60)
        self.server.paths.append(self.path)
        if self.server.status == 200:
            self.server.posted.append(json.loads(body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class MailServer(socketserver.ThreadingTCPServer):
    """Keeps the mails that it is given; who logs in needs the password `accepts`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, accepts: bytes = b"") -> None:
        self.mails: list[EmailMessage] = []
        self.accepts = accepts
        super().__init__(("127.0.0.1", 0), _Smtp)


class _Smtp(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as a client of it needs."""

    server: MailServer
    timeout = 60

    def handle(self) -> None:
        self._say("220 here")
        for line in self.rfile:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"EHLO":
                self._say("250-here\r\n250 AUTH PLAIN")
            elif word == b"AUTH":
                self._say("235 ok" if line.split()[-1] == self.server.accepts else "535 5.7.8 no")
            elif word == b"DATA":
                self._say("354 go on")
                self._take()
                self._say("250 ok")
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        self.server.mails.append(mail)

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    """Its port, while it listens."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield cast("tuple[str, int]", server.server_address)[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
