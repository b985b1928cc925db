"""Virtual environments of each Python that the program says it runs on, with the program in them.

`make` runs it: `python tests/pythons.py FOLDER NAME...`. A NAME is a version, `3.13`, installed from the locked
requirements, or `lowest` or `newest`: the oldest supported Python with the lowest versions that pyproject.toml allows,
and the newest with the newest. A Python is taken from PATH or from pyenv; 3.13 and 3.14 are unpacked where they are
not there. What cannot be had is said in a line, and is no failure here: in CI the tests that want it fail.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from newer import CATALOGUE, NotToBeHad, have

ROOT = Path(__file__).parents[1]
VERSIONS = {"lowest": "3.11", "newest": "3.14"}
"""The Python of those that are not called after theirs."""


def find(version: str, folder: Path) -> Path:
    """An interpreter of this version.

    Raises:
        NotToBeHad: There is none, and none can be unpacked.
    """
    for candidate in _candidates(version):
        if _is(candidate, version):
            return candidate
    name = f"python{version}"
    if name not in CATALOGUE:
        raise NotToBeHad(f"no {name} is found")
    have(folder / "newer", [name])
    return folder / "newer" / name / "bin" / name


def _candidates(version: str) -> Iterator[Path]:
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))


def _is(python: Path, version: str) -> bool:
    """Tried by running it: a version manager puts names on PATH that only complain. It must have TLS and venv, too."""
    said = "import ssl, venv, ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", said], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def requirements(name: str) -> list[str]:
    """pip's words for what is installed beside the program."""
    if name not in ("lowest", "newest"):
        return ["--require-hashes", "-r", str(ROOT / "requirements.txt")]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    if name == "lowest":
        wanted = [re.sub(r">=([^,]+).*", r"==\1", one) for one in wanted]
    # What builds the program is none of its users' business: any version will do.
    return ["--upgrade", *wanted, "hatchling", "editables"]


def make(interpreter: Path, home: Path) -> None:
    """An environment in the folder `home`, with the program."""
    shutil.rmtree(home, ignore_errors=True)
    # With our own pip: Debian's Python has it in a package that is not unpacked.
    subprocess.run([interpreter, "-m", "venv", "--without-pip", home], check=True)
    _pip(home, requirements(home.name))
    _pip(home, ["--no-deps", "--no-build-isolation", "-e", str(ROOT)])


def _pip(home: Path, words: Sequence[str]) -> None:
    command = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
    quiet = ["-q", "--disable-pip-version-check", "--no-warn-script-location"]
    # Of the present Python's pip a newer one warns that it is old.
    calm = {**os.environ, "PYTHONWARNINGS": "ignore"}
    subprocess.run([*command, *quiet, *words], check=True, stdout=subprocess.DEVNULL, env=calm)


def _made(name: str, folder: Path) -> str:
    """Make it; what went wrong, or nothing."""
    try:
        make(find(VERSIONS.get(name, name), folder), folder / name)
    except (NotToBeHad, OSError, subprocess.CalledProcessError) as error:
        shutil.rmtree(folder / name, ignore_errors=True)
        return f"not tested: Python {name} ({error})"
    return ""


def main() -> None:
    folder, names = Path(sys.argv[1]).resolve(), sys.argv[2:]
    missing = [name for name in names if not (folder / name / "bin" / "pgheadroom").exists()]
    # One after the other up to here: what is unpacked has one folder of apt.
    for name in missing:
        with suppress(NotToBeHad):
            find(VERSIONS.get(name, name), folder)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for complaint in filter(None, pool.map(lambda name: _made(name, folder), missing)):
            print(complaint, file=sys.stderr)


if __name__ == "__main__":
    main()
