"""Fetch the libraries that `advise --snippet` is about, so that its snippets can be run: `python tests/libraries.py
FOLDER`. `make test-all` does.

Afterwards FOLDER has `python` (a virtual environment), `node_modules` and `jars` (of Debian's packages). The newest of
each: what the snippets say has to hold for what is installed now. What cannot be had here is said in a line.
"""

import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

PYTHON = ("psycopg[binary,pool]", "psycopg2-binary", "sqlalchemy")
DEBIAN = ("libhikaricp-java", "libpostgresql-jdbc-java", "libslf4j-java")
JARS = ("HikariCP", "postgresql", "slf4j-api", "slf4j-nop")


def python(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    _run(folder, folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", *PYTHON)


def node_modules(folder: Path) -> None:
    _needed("node", "npm")
    _run(folder.parent, "npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder.parent, "pg")


def jars(folder: Path) -> None:
    _needed("javac", "apt-get", "dpkg")
    packages = folder.with_name("packages")
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir()
    _run(packages, "apt-get", "-q", "download", *DEBIAN)
    for package in packages.glob("*.deb"):
        _run(packages, "dpkg", "-x", package, packages)
    folder.mkdir()
    for name in JARS:
        shutil.copy(packages / "usr" / "share" / "java" / f"{name}.jar", folder)


def _needed(*programs: str) -> None:
    lacking = [name for name in programs if not shutil.which(name)]
    if lacking:
        raise FileNotFoundError(f"there is no {', '.join(lacking)}")


def _run(folder: Path, *command: str | Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Callable[[Path], None]] = {"python": python, "node_modules": node_modules, "jars": jars}
    for name, fetch in parts.items():
        if (folder / name).exists():
            continue
        try:
            fetch(folder / name)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(folder / name, ignore_errors=True)  # half of it would count as there
            print(f"snippets that need {name} are not run, for they cannot be had here: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
