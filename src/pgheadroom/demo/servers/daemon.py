"""What all servers that are brought have in common: a folder, a port, a process and its log."""

import contextlib
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

from pgheadroom.demo.servers.playground import Playground


def free_port() -> int:
    """A TCP port of the loopback address that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """A server of the playground. How it is started and ended is its own."""

    log_name: ClassVar[str] = "server.log"

    def __init__(self, ground: Playground, folder: Path) -> None:
        self.ground = ground
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that was started, None when it does not run."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it has written to its log until now."""
        with contextlib.suppress(FileNotFoundError):
            return self._log_path.read_text(errors="replace")
        return ""

    @property
    def _log_path(self) -> Path:
        return self.folder / self.log_name
