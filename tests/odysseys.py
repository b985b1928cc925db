"""Throw-away Odysseys, as `make test-all` unpacks them from Debian: on a loopback port, the console is `console`."""

import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.daemon import free_port
from pgheadroom.demo.servers.playground import Playground
from servers import missing, wait_until

_GENERAL = """
log_format "%p %t %l [%i %s] (%c) %m\\n"
daemonize no
log_to_stdout yes
workers 1
"""
_CONSOLE = """
database "console" {
  user default {
    authentication "none"
    role "admin"
    pool "session"
    storage "local"
  }
}
"""
EVERYBODY = ('default { user default { authentication "none" storage "pg" pool "transaction" pool_size 3 } }',)
"""One rule: three servers for each database and user, in transaction mode."""


def odyssey_program() -> Path:
    """Of PGHEADROOM_TEST_ODYSSEY: `make test-all` names it there, and in CI it must be what it says."""
    program = os.environ.get("PGHEADROOM_TEST_ODYSSEY", "")
    if not program:
        pytest.skip("no PGHEADROOM_TEST_ODYSSEY: `make test-all` unpacks one")
    if not Path(program).exists():
        missing("Odyssey could not be unpacked")
    return Path(program)


class Odyssey:
    """An Odyssey before a server, over TCP."""

    def __init__(self, ground: Playground, cluster: Cluster, name: str, rules: tuple[str, ...] = EVERYBODY) -> None:
        """Write its configuration. `rules` are its `database` sections; their storage is `pg`, or `nowhere`."""
        self.ground = ground
        self.port = free_port()
        self.folder = ground.new_folder(name)
        storages = {
            "pg": f'type "remote" host "127.0.0.1" port {cluster.port}',
            "nowhere": 'type "remote" host "127.0.0.1" port 1',
            "local": 'type "local"',
        }
        sections = [f'listen {{ host "127.0.0.1" port {self.port} }}']
        sections += [f'storage "{each}" {{ {what} }}' for each, what in storages.items()]
        sections += [f"database {rule}" for rule in rules]
        ground.write(self._configuration, _GENERAL + "\n".join(sections) + _CONSOLE)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command: list[str | Path] = [odyssey_program(), self._configuration]
        self._process = self.ground.start(command, self.folder / "odyssey.log", signal.SIGKILL)
        wait_until(self._lets_in, "Odyssey lets the console in")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            self.ground.release(process)

    def conninfo(self, user: str, dbname: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={user} dbname={dbname}"

    def console(self) -> str:
        return self.conninfo("adm", "console")

    def connect(self, user: str, dbname: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.conninfo(user, dbname), autocommit=True, prepare_threshold=None)

    @property
    def log(self) -> str:
        return (self.folder / "odyssey.log").read_text(errors="replace")

    @property
    def _configuration(self) -> Path:
        return self.folder / "odyssey.conf"

    def _lets_in(self) -> bool:
        try:
            psycopg.connect(self.console()).close()
        except psycopg.OperationalError:
            return False
        return True
