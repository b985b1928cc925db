"""Throw-away PostgreSQL servers."""

import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import make_conninfo

from pgheadroom.demo.servers.daemon import Daemon, free_port
from pgheadroom.demo.servers.installation import Installation, find_installations, within_reach
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.errors import PgHeadroomError

__all__ = ["SUPERUSER", "Cluster", "Installation", "find_installations"]

SUPERUSER = "postgres"

# The socket lies in a folder that is closed to everybody else; over TCP come only the roles that are named.
TRUST_SOCKET = "local all all trust\nlocal replication all trust\n"
TRUST_LOOPBACK = "host all all 127.0.0.0/8 trust\n"

# Nothing in it survives the day, so nothing of it has to survive a power failure.
_FAST_AND_SMALL: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "1h",
    # A file in the data folder, which goes with it, in place of shared memory that a crash leaves behind.
    "dynamic_shared_memory_type": "mmap",
    "log_line_prefix": "'%m [%p] %q%u@%d '",
}

_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_START_SECONDS = 30.0
_STOP_SECONDS = 30.0


def setting_lines(settings: Mapping[str, str | int]) -> str:
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


class Cluster(Daemon):
    """A PostgreSQL server of its own, with its data in a playground.

    It answers on a Unix socket in the playground, and on a loopback port as `pg_hba.conf` allows.
    """

    def __init__(self, ground: Playground, installation: Installation, folder: Path) -> None:
        super().__init__(ground, folder)
        self.installation = installation
        self.data = folder / "data"
        self._log_start = 0

    @classmethod
    def create(
        cls,
        ground: Playground,
        installation: Installation,
        name: str = "pg",
        *,
        settings: Mapping[str, str | int] | None = None,
        hba: str = TRUST_SOCKET + TRUST_LOOPBACK,
        encoding: str = "UTF8",
    ) -> "Cluster":
        """initdb. The server is not started yet.

        Args:
            settings: Lines of postgresql.conf; text values with their own quotes.
            hba: The whole pg_hba.conf.

        Raises:
            PgHeadroomError: initdb failed.
        """
        cluster = cls(ground, within_reach(installation, ground), ground.new_folder(name))
        cluster.data.mkdir(mode=0o700)
        ground.give(cluster.data)
        cluster.initdb(encoding)
        cluster.configure({**_FAST_AND_SMALL, **(settings or {})})
        ground.write(cluster.data / "pg_hba.conf", hba)
        return cluster

    def initdb(self, encoding: str) -> None:
        """Fill the empty data folder.

        Raises:
            PgHeadroomError: initdb failed.
        """
        initdb = self.installation.program("initdb")
        command: list[str | Path] = [initdb, "-D", self.data, "-U", SUPERUSER, "-A", "trust"]
        self.ground.run([*command, "--no-sync", "--no-locale", "-E", encoding])

    def configure(self, settings: Mapping[str, str | int]) -> None:
        """Add lines to postgresql.conf. They hold from the next start, or `reload`."""
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(setting_lines(settings))

    def start(self) -> None:
        """Start the server and wait until it accepts connections.

        Raises:
            PgHeadroomError: It ended, or was not ready in time; with the last line of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self._launch()
            trouble = self._await_ready(deadline)
            if not trouble:
                return
            if time.monotonic() > deadline:
                raise PgHeadroomError(f"PostgreSQL {self.installation.version} did not start: {trouble}")
            if "Address already in use" in trouble:
                self.port = free_port()
            elif "still in use" not in trouble and "postmaster.pid" not in trouble:
                raise PgHeadroomError(f"PostgreSQL {self.installation.version} did not start: {trouble}")
            time.sleep(0.1)  # after a crash: the old backends are about to notice

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `smart`, `fast` or `immediate`, as pg_ctl calls them. Fine when it is not running."""
        self._end(_STOP_SIGNALS[mode])

    def kill(self) -> None:
        """Kill the postmaster outright, as the kernel's out-of-memory killer does."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Reread the configuration files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def conninfo(
        self, user: str = SUPERUSER, dbname: str | None = "postgres", *, tcp: bool = False, **others: str | int
    ) -> str:
        """How to connect: over the Unix socket, or the loopback port. Other keywords are libpq's."""
        host = "127.0.0.1" if tcp else str(self.folder)
        return make_conninfo("", host=host, port=self.port, user=user, dbname=dbname, **others)

    @property
    def major(self) -> int:
        return self.installation.major

    def _launch(self) -> None:
        command: list[str | Path] = [self.installation.program("postgres"), "-D", self.data, "-k", self.folder]
        # On the command line, where a standby's copied configuration cannot win.
        command += ["-c", "listen_addresses=127.0.0.1", "-p", str(self.port)]
        self._log_start = len(self.log)
        self._process = self.ground.start(command, self._log_path)

    def _await_ready(self, deadline: float) -> str:
        """Wait for the postmaster's own word, which costs no connection. Returns what went wrong, or nothing."""
        process = self._process
        while process is not None and time.monotonic() < deadline:
            if process.poll() is not None:
                self.ground.release(process)
                return self._last_words()
            if self._status() in ("ready", "standby"):
                return ""
            time.sleep(0.02)
        self.stop("immediate")
        return self._last_words() or "no answer in time"

    def _status(self) -> str:
        """The last line of postmaster.pid (PostgreSQL 10+, src/include/utils/pidfile.h), if it is this postmaster's."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return ""
        ours = self._process is not None and bool(lines) and lines[0] == str(self._process.pid)
        return lines[7].strip() if ours and len(lines) > 7 else ""

    def _last_words(self) -> str:
        signs = ("FATAL", "LOG:  invalid", "could not", "unrecognized", "still in use")
        words = [line for line in self.log[self._log_start :].splitlines() if any(sign in line for sign in signs)]
        return " / ".join(words[-3:])

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.ground.release(process)
