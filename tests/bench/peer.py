"""pg_activity, the program we are measured against, in a virtual environment of its own."""

import subprocess
import sys
import venv
from pathlib import Path

_REQUIREMENTS = Path(__file__).with_name("requirements-peer.txt")


def pg_activity() -> Path:
    """The installed program; installs it beside our own environment's packages when it is not there.

    Raises:
        subprocess.CalledProcessError: It could not be installed.
    """
    folder = Path(sys.prefix) / "pg_activity"
    program = folder / "bin" / "pg_activity"
    if not program.exists():
        print("installing pg_activity ...", file=sys.stderr)
        venv.create(folder, with_pip=True)
        install: list[str | Path] = [
            folder / "bin" / "python",
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
        ]
        subprocess.run([*install, "--require-hashes", "-r", _REQUIREMENTS], check=True)
    return program
