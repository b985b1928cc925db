"""What tests of commands share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Audited = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the user's configuration or writes to the user's audit file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("PGHEADROOM_PGBOUNCER", "PGHEADROOM_READ_ONLY", "PGHEADROOM_CONFIG", "PGHEADROOM_INTERVAL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def a_short_watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests are not about how long it is watched who comes back."""
    if "whole_watch" not in request.fixturenames:
        # The module that reckons with it first: loaded later, it would keep the short one.
        for module in ("pgheadroom.acting.sessions", "pgheadroom.rules.acting.outcome"):
            monkeypatch.setattr(f"{module}.WATCHED_SECONDS", 0.2)


@pytest.fixture
def whole_watch() -> None:
    """As long as users have it."""


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    """The lines of the audit file."""
    path = tmp_path / "state" / "pgheadroom" / "actions.jsonl"
    return lambda: [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
