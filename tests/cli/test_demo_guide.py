"""`pgheadroom demo --guide` where there is nobody to be led."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from terminal.emulator import PROGRAM


def run(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [PROGRAM, "demo", "--guide", *arguments]
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "TERM": "xterm-256color", "PATH": "/usr/bin:/bin"}


@pytest.mark.parametrize(
    ("arguments", "said"), [(["--no-monitor"], "--no-monitor"), (["--read-only"], "read-only"), ([], "terminal")]
)
def test_it_needs_a_screen_and_hands(arguments: Sequence[str], said: str, env: dict[str, str]) -> None:
    done = run(*arguments, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line


def test_it_is_loaded_only_when_asked_for() -> None:
    loaded = "print([name for name in sys.modules if 'guide' in name])"
    ask = f"import sys, pgheadroom.tui.app, pgheadroom.demo.stage; {loaded}"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
