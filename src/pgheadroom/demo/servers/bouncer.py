"""Throw-away PgBouncers."""

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import make_conninfo

from pgheadroom.demo.servers.cluster import setting_lines
from pgheadroom.demo.servers.daemon import Daemon
from pgheadroom.demo.servers.playground import Playground
from pgheadroom.errors import PgHeadroomError

HOW_TO_INSTALL = "PgBouncer is not installed: apt-get install pgbouncer (or dnf, apk, brew install pgbouncer)"

_START_SECONDS = 10.0


def find_pgbouncer() -> Path | None:
    """The program, on PATH or where distributions put it beyond an ordinary user's PATH."""
    beyond = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"])
    found = shutil.which("pgbouncer", path=beyond)
    return Path(found) if found else None


class Bouncer(Daemon):
    """A PgBouncer in a playground, on a Unix socket in its folder and a loopback port."""

    log_name = "pgbouncer.log"

    def __init__(
        self,
        ground: Playground,
        program: Path,
        databases: Mapping[str, str],
        *,
        name: str = "pgbouncer",
        settings: Mapping[str, str | int] | None = None,
        users: Mapping[str, str] | None = None,
        hba: str | None = None,
    ) -> None:
        """Write its configuration.

        Args:
            databases: Name to connection string, as in pgbouncer.ini's section of that name.
            settings: Of the section [pgbouncer], over these defaults: transaction mode, `auth_type = trust`,
                `admin_users = admin`, `stats_users = stats`.
            users: Name to password of those who may connect, beside `admin`, `stats` and `postgres` (no passwords).
            hba: A pg_hba.conf of its own; implies `auth_type = hba`.
        """
        super().__init__(ground, ground.new_folder(name))
        self.program = program
        self.databases = dict(databases)
        self.settings: dict[str, str | int] = {
            "pool_mode": "transaction",
            "auth_type": "trust",
            "admin_users": "admin",
            "stats_users": "stats",
            "ignore_startup_parameters": "extra_float_digits",
        }
        known = {**dict.fromkeys(("admin", "stats", "postgres"), ""), **(users or {})}
        ground.write(self.folder / "users.txt", "".join(f'"{user}" "{word}"\n' for user, word in known.items()))
        self.settings["auth_file"] = str(self.folder / "users.txt")
        if hba is not None:
            ground.write(self.folder / "hba.conf", hba)
            self.settings |= {"auth_type": "hba", "auth_hba_file": str(self.folder / "hba.conf")}
        self.settings |= settings or {}

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            PgHeadroomError: It ended, or did not listen in time; with the last line of its log.
        """
        self._write_configuration()
        self._process = self.ground.start([self.program, self._ini], self._log_path, signal.SIGKILL)
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._listens():
                return
            time.sleep(0.02)
        self.stop()
        raise PgHeadroomError(f"PgBouncer did not start: {' / '.join(self.log.strip().splitlines()[-3:])}")

    def stop(self) -> None:
        """End it at once, with all its connections. Fine when it is not running."""
        # It keeps nothing on disk, and what its milder signals mean has changed from version to version.
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self.ground.release(process)
            with contextlib.suppress(FileNotFoundError):
                self._socket.unlink()

    def reload(self, settings: Mapping[str, str | int]) -> None:
        """Change settings of the section [pgbouncer] and let it reread them."""
        self.settings |= settings
        self._write_configuration()
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def conninfo(self, user: str, dbname: str, *, tcp: bool = False, **others: str | int) -> str:
        """How to connect through it. Other keywords are libpq's."""
        host = "127.0.0.1" if tcp else str(self.folder)
        return make_conninfo("", host=host, port=self.port, user=user, dbname=dbname, **others)

    def console(self, user: str = "admin", *, tcp: bool = False) -> str:
        """How to connect to its admin console."""
        return self.conninfo(user, "pgbouncer", tcp=tcp)

    @property
    def _ini(self) -> Path:
        return self.folder / "pgbouncer.ini"

    @property
    def _socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.port}"

    def _write_configuration(self) -> None:
        places: dict[str, str | int] = {
            "unix_socket_dir": str(self.folder),
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
        }
        sections = f"[databases]\n{setting_lines(self.databases)}\n[pgbouncer]\n"
        self.ground.write(self._ini, sections + setting_lines({**places, **self.settings}))

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0
