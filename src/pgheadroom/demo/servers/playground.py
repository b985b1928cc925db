"""A temporary folder and the server processes in it. Both end with us, whatever ends us."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgheadroom.demo.servers import keeper
from pgheadroom.errors import PgHeadroomError

# The path of a Unix socket has room for about 100 bytes; beyond this we do not use the system's temporary folder.
_LONGEST_TEMPORARY_FOLDER = 60


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's user that servers run as when we are root: neither PostgreSQL nor PgBouncer runs as root.

    It must be a user that has a name; initdb looks it up.
    """

    name: str
    uid: int
    gid: int

    def options(self) -> dict[str, Any]:
        """The keyword arguments of `subprocess.Popen` that make the child this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def unprivileged_account() -> Account | None:
    """Who servers run as; None when we are an ordinary user, who simply runs them."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    others = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not others:
        raise PgHeadroomError("PostgreSQL does not run as root, and this system has no other user to run it as")
    return Account(others[0].pw_name, others[0].pw_uid, others[0].pw_gid)


def _new_folder(account: Account | None) -> Path:
    parent = Path(tempfile.gettempdir())
    if len(str(parent)) > _LONGEST_TEMPORARY_FOLDER or (account is not None and not _open_to_all(parent)):
        parent = Path("/tmp")  # noqa: S108 - mkdtemp is safe there
    return Path(tempfile.mkdtemp(prefix="pgheadroom-", dir=parent))


def _open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.resolve().parents))


class Playground:
    """A folder of mode 0700 that belongs to the servers' user, and the processes started for it.

    Nobody else on the machine can reach a Unix socket in it, so servers may trust whoever comes that way.
    """

    def __init__(self) -> None:
        self.account = unprivileged_account()
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__], stdin=subprocess.PIPE, start_new_session=True, text=True
        )
        self._children: dict[int, subprocess.Popen[Any]] = {}
        self.folder = _new_folder(self.account)
        self._tell(folder=str(self.folder))
        self.give(self.folder)

    def __enter__(self) -> "Playground":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def give(self, path: Path) -> None:
        """Make `path` the property of the servers' user."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)

    def new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir(mode=0o700)
        self.give(folder)
        return folder

    def write(self, path: Path, text: str) -> None:
        """Write a configuration file that the servers' user can read."""
        path.write_text(text)
        path.chmod(0o600)
        self.give(path)

    def start(
        self, command: Sequence[str | Path], log: Path, end_signal: signal.Signals = signal.SIGQUIT
    ) -> subprocess.Popen[bytes]:
        """Start a server as the servers' user; its output is added to `log`, `end_signal` ends it at once."""
        with log.open("ab") as output:
            self.give(log)
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=self._environment(),
                start_new_session=True,
                **self._run_as(),
            )
        self.adopt(process, end_signal)
        return process

    def adopt(self, process: subprocess.Popen[Any], end_signal: signal.Signals) -> None:
        """Let the keeper end `process` too."""
        self._children[process.pid] = process
        self._tell(watch=process.pid, signal=int(end_signal))

    def release(self, process: subprocess.Popen[Any]) -> None:
        """`process` has ended and was waited for."""
        if self._children.pop(process.pid, None):
            self._tell(forget=process.pid)

    def run(self, command: Sequence[str | Path]) -> str:
        """Run a program as the servers' user to its end, and return what it printed.

        Raises:
            PgHeadroomError: It failed, with the last line of its words.
            PermissionError: The servers' user cannot reach the program.
        """
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self.folder,
            env=self._environment(),
            check=False,
            **self._run_as(),
        )
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
            raise PgHeadroomError(f"{Path(command[0]).name} failed: {' / '.join(words[-3:])}")
        return done.stdout

    def close(self) -> None:
        """End every process at once and remove the folder. May be called twice."""
        with contextlib.suppress(BrokenPipeError):
            if self._keeper.stdin is not None:
                self._keeper.stdin.close()
        for process in self._children.values():
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
        self._keeper.wait()
        shutil.rmtree(self.folder, ignore_errors=True)  # should the keeper have been killed

    def _tell(self, **order: str | int) -> None:
        if self._keeper.stdin is None:
            raise RuntimeError("the keeper has no pipe")
        self._keeper.stdin.write(json.dumps(order) + "\n")
        self._keeper.stdin.flush()

    def _run_as(self) -> dict[str, Any]:
        return self.account.options() if self.account is not None else {}

    def _environment(self) -> Mapping[str, str]:
        # Nothing of the user's PG* variables, and the server's words in English.
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LC_ALL": "C", "TZ": "UTC"}
