"""Runs the snippets of `advise --snippet` under load, each in its own language, where its library is there."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_LOAD = Path(__file__).parent / "load"
_LIBRARIES = Path(os.environ.get("PGHEADROOM_TEST_LIBRARIES", "/nowhere"))
"""Made by `make test-all`: a Python with the libraries, node's modules, and jars."""
_PYTHON = _LIBRARIES / "python" / "bin" / "python"
_NODE = _LIBRARIES / "node_modules"
_JARS = _LIBRARIES / "jars"

REFUSED = 9
"""How many of its queries every load has refused, to see that their connections come back."""


def at_hand() -> list[str]:
    """The libraries that can be run here. In CI the one that is a dependency of the tests has to be there."""
    found = ["psycopg_pool"] if os.environ.get("CI") or find_spec("psycopg_pool") else []
    found += ["psycopg2", "sqlalchemy"] if _PYTHON.exists() else []
    found += ["node-postgres"] if (_NODE / "pg").is_dir() else []
    return found + (["hikaricp"] if _JARS.is_dir() else [])


def under_load(library: str, text: str, folder: Path, password: str) -> dict[str, Any]:
    """What failed of 200 queries by 8 clients, and how many of REFUSED were refused."""
    environment = {**os.environ, "PGPASSWORD": password, "NODE_PATH": str(_NODE)}
    command = _prepared(library, text, folder)
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{library}: {done.stderr[-2000:]}"
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _prepared(library: str, text: str, folder: Path) -> Sequence[str | Path]:
    if library == "node-postgres":
        (folder / "snippet.js").write_text(text)
        return ["node", _LOAD / "load.js", "snippet.js"]
    if library == "hikaricp":
        return _compiled(text, folder)
    (folder / "snippet.py").write_text(text)
    python = Path(sys.executable) if library == "psycopg_pool" else _PYTHON
    return [python, _LOAD / "load.py", "snippet.py"]


def _compiled(text: str, folder: Path) -> Sequence[str | Path]:
    (folder / "Database.java").write_text(text.replace('"SELECT 1"', "Load.statement"))
    (folder / "Load.java").write_text((_LOAD / "Load.java").read_text())
    path = f"{_JARS}/*{os.pathsep}{folder}"
    built = subprocess.run(
        ["javac", "-cp", path, "Load.java", "Database.java"], cwd=folder, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    return ["java", "-Xmx64m", "-cp", path, "Load"]
