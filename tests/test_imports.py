"""What a module pulls in when it is imported. import-linter reads the sources; this sees deferred imports as well."""

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

import pgheadroom

HEAVY = ("textual", "rich", "plotext", "psycopg", "apprise")

PURE = (
    "analysis",
    "model.snapshot",
    "rules.findings.registry",
    "view.gauge",
    "output.json_",
    "output.text",
    "output.nagios",
)
"""Without IO: they need nothing but the standard library."""


UNUSED_BY_A_CHECK = (
    "statistics",
    "pgheadroom.model.detail",
    "pgheadroom.model.hold",
    "pgheadroom.model.plan",
    "pgheadroom.pgbouncer.console",
    "pgheadroom.postgres.actions",
    "pgheadroom.rules.acting.plan",
    "pgheadroom.rules.verdict.decision",
)
"""Acting, the decision flow, and consoles where no PgBouncer was named: a monitoring system starts it every minute."""


def loaded_by(statement: str, looked_for: Collection[str] = HEAVY) -> set[str]:
    """Which of the modules looked for a fresh interpreter has loaded after `statement`."""
    report = f"import sys\n{statement}\nprint(*[name for name in {looked_for!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_the_probe_sees_what_is_loaded() -> None:
    assert loaded_by("import psycopg") == {"psycopg"}


def test_psycopg_knows_its_version_without_the_reader_of_all_that_is_installed() -> None:
    statement = "import pgheadroom.postgres.door, psycopg"
    assert loaded_by(statement, ("email.parser", "zipfile")) == set()
    said = f"{statement}\nfrom importlib import metadata\nassert metadata.version('psycopg') == psycopg.__version__"
    assert loaded_by(f"{said} == metadata.distribution('psycopg').version", ("zipfile",)) == {"zipfile"}


SHOWN_LATER = (
    "plotext",
    "textual.widgets._tree",
    "pgheadroom.tui.screens.bulk",
    "pgheadroom.tui.screens.sessions",
    "pgheadroom.tui.screens.trends",
)


def test_the_first_picture_waits_for_no_other_screen() -> None:
    assert loaded_by("import pgheadroom.tui.app", SHOWN_LATER) == set()


def test_what_is_put_off_is_there_when_it_is_asked_for() -> None:
    statement = "import pgheadroom.tui.app\nfrom textual.types import DirEntry, IgnoreReturnCallbackType"
    assert loaded_by(statement, ("textual.widgets._tree",)) == {"textual.widgets._tree"}


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_need_the_standard_library_only(module: str) -> None:
    assert loaded_by(f"import pgheadroom.{module}") == set()


def test_help_loads_nothing_heavy() -> None:
    statement = "from pgheadroom.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert loaded_by(statement) == set()


@pytest.mark.parametrize("module", ["tui.app", "tui.coach"])
def test_the_screens_load_no_way_to_a_server_and_plots_only_when_one_is_drawn(module: str) -> None:
    assert loaded_by(f"import pgheadroom.{module}") == {"textual", "rich"}


def test_the_monitor_starts_without_what_advice_needs() -> None:
    statement = "import pgheadroom.tui.app, pgheadroom.audit"
    assert loaded_by(statement, ("pgheadroom.model.advice", "pgheadroom.rules.acting.applied")) == set()


@pytest.mark.parametrize("module", ["demo.stage", "live.source", "cli.snapshot", "cli.check", "cli.agent"])
def test_servers_are_talked_to_without_a_screen(module: str) -> None:
    assert loaded_by(f"import pgheadroom.{module}") <= {"psycopg"}


@pytest.mark.parametrize("command", ["monitor", "snapshot"])
def test_tls_of_python_is_loaded_when_it_is_used(command: str) -> None:
    statement = f"""
import sys
from pgheadroom.cli.commands import COMMANDS
COMMANDS[{command!r}].load()
import pgheadroom.live.source, pgheadroom.postgres.doors, pgheadroom.tui.app, psycopg.pq
assert psycopg.pq.__impl__ != "python"  # it falls back to that where a module is missing
assert "_ssl" not in sys.modules
from ssl import SSLContext
import ssl
assert isinstance(ssl.create_default_context(), SSLContext)
"""
    assert loaded_by(statement, ["_ssl"]) == {"_ssl"}


_THE_FILTER = {"rules", "rules.filters", "rules.filters.language", "rules.filters.conditions"}
"""Of a signal: one that cannot be read connects to nothing."""


@pytest.mark.parametrize(
    "commands", ["monitor", "snapshot", "signals", "hold", "advise", "check, pgheadroom.cli.check_targets"]
)
def test_nothing_that_the_first_attempt_to_connect_does_without_is_loaded_before_it(commands: str) -> None:
    loads = f"pgheadroom.cli.{commands}, pgheadroom.cli.source"
    statement = f"import sys, {loads}\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=True)
    loaded = {name.removeprefix("pgheadroom.") for name in done.stdout.split() if name.startswith("pgheadroom.")}
    assert "postgres.ahead" in loaded
    later = ("live", "rules", "view", "tui", "history", "pgbouncer", "acting", "analysis", "wire", "demo")
    loaded -= _THE_FILTER
    assert {name for name in loaded if name.split(".")[0] in later} == set()
    assert loaded.isdisjoint({"model.snapshot", "model.action", "model.hold", "postgres.sampling", "postgres.doors"})
    assert "psycopg.pq" in done.stdout.split()
    assert {"psycopg.connection", "psycopg.types"}.isdisjoint(done.stdout.split())


_BY_TWO_AT_ONCE = """
import sys, threading
import pgheadroom.postgres.attempt, psycopg
assert "psycopg.connection" not in sys.modules
found = []
def ask(): found.append(psycopg.AsyncConnection)
threads = [threading.Thread(target=ask) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
from psycopg import OperationalError, pq
assert found == 2 * [psycopg.AsyncConnection]
assert psycopg.adapters.types["int4"].oid == 23 and psycopg.errors.OperationalError is OperationalError
assert not hasattr(psycopg, "nothing_like_it")
assert pgheadroom.postgres.attempt.Line is pq.PGconn
"""


@pytest.mark.parametrize(("before", "statement"), [("", _BY_TWO_AT_ONCE), ("import psycopg", "psycopg.connect")])
def test_the_rest_of_psycopg_is_there_once_it_is_asked_for_and_a_whole_psycopg_is_left_alone(
    before: str, statement: str
) -> None:
    statement = f"{before}\nimport pgheadroom.postgres\n{statement}"
    done = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_inside_of_psycopg_may_be_the_first_that_is_wanted_of_it() -> None:
    inside = re.compile(r"^from psycopg\.(?!errors|pq|conninfo)", re.MULTILINE)
    first = [name for name, path in modules().items() if inside.search(path.read_text(encoding="utf-8"))]
    assert first
    for name in first:
        assert loaded_by(f"import {name}", ["psycopg.types"]) <= {"psycopg.types"}


def test_a_check_loads_nothing_that_it_does_not_use() -> None:
    checks = "from pgheadroom.cli import main\nmain(['check', {!r}, {!r}])".format
    assert loaded_by(checks("-h", "/nowhere"), UNUSED_BY_A_CHECK) == set()
    assert loaded_by(checks("--agent", "127.0.0.1:1"), (*HEAVY, "prometheus_client")) == set()


# --- no circles ------------------------------------------------------------------------------------------------------


def modules() -> dict[str, Path]:
    """Each module of the program by its name."""
    root = Path(pgheadroom.__file__).parent
    paths = {path: path.relative_to(root.parent).with_suffix("").parts for path in root.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in paths.items()}


def imported_by(source: str, known: Collection[str]) -> set[str]:
    """The known modules that a source names, whether it needs them at once, in a function, or for types only."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inside if inside <= set(known) else (inside | {node.module})
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(known)


def circles(graph: Mapping[str, Collection[str]]) -> list[list[str]]:
    """The modules that reach themselves, those of one circle together."""
    reached = {name: _reached_from(name, graph) for name in graph}
    found = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return sorted(map(list, found))


def _reached_from(start: str, graph: Mapping[str, Collection[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(graph[start])
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += graph[name]
    return found


def test_a_circle_is_found_and_what_only_leads_into_it_is_none_of_it() -> None:
    graph = {"a": ["b"], "b": ["c"], "c": ["b", "d"], "d": [], "e": ["f"], "f": ["e"]}
    assert circles(graph) == [["b", "c"], ["e", "f"]]


def test_imports_are_found_wherever_they_stand() -> None:
    source = (
        "import a.one\n"
        "if TYPE_CHECKING:\n    from a import two\n"
        "def f():\n    from a.three import name\n"
        "from a import other\n"
    )
    known = {"a", "a.one", "a.two", "a.three", "a.four"}
    assert imported_by(source, known) == {"a", "a.one", "a.two", "a.three"}


def test_no_module_needs_one_that_needs_it() -> None:
    """Nor for types only: who has to know each other is one thing in two files."""
    known = modules()
    graph = {name: imported_by(path.read_text(encoding="utf-8"), known) for name, path in known.items()}
    assert len(graph) > 200
    assert circles(graph) == []
