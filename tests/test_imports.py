"""What a module pulls in when it is imported. import-linter reads the sources; this sees deferred imports as well."""

import subprocess
import sys

import pytest

HEAVY = ("textual", "rich", "plotext", "psycopg")

PURE = ("analysis", "model.snapshot", "rules.findings.registry", "view.gauge", "output.json_", "output.text")
"""Without IO: they need nothing but the standard library."""


def loaded_by(statement: str) -> set[str]:
    """Which of HEAVY a fresh interpreter has loaded after `statement`."""
    report = f"import sys\n{statement}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_probe_sees_what_is_loaded() -> None:
    assert loaded_by("import psycopg") == {"psycopg"}


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_need_the_standard_library_only(module: str) -> None:
    assert loaded_by(f"import pgheadroom.{module}") == set()


def test_help_loads_nothing_heavy() -> None:
    statement = "from pgheadroom.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert loaded_by(statement) == set()


@pytest.mark.parametrize("module", ["tui.app", "tui.coach"])
def test_the_screens_load_no_way_to_a_server_and_plots_only_when_one_is_drawn(module: str) -> None:
    assert loaded_by(f"import pgheadroom.{module}") == {"textual", "rich"}


@pytest.mark.parametrize("module", ["demo.stage", "live.source", "cli.snapshot"])
def test_servers_are_talked_to_without_a_screen(module: str) -> None:
    assert loaded_by(f"import pgheadroom.{module}") <= {"psycopg"}
