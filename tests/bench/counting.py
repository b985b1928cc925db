"""Counts what comes from a server: a relay between a program and it, in threads of the bench."""

import socket
import threading
from contextlib import suppress

_CHUNK = 65_536


class Counting:
    """Listens on a port of its own, and passes on to a port of this machine.

    Attributes:
        received: Bytes that came from the server.
    """

    def __init__(self, upstream: int) -> None:
        self.received = 0
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._upstream))
                for one, other, counts in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._carry, args=(one, other, counts), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while data := one.recv(_CHUNK):
                self.received += len(data) if counts else 0
                other.sendall(data)
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)
