"""Servers that speak another language."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import psycopg
import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground


def locale_of(ground: Playground, language: str) -> Path:
    """A folder with the system's locale for a language, made from what glibc brings, where servers can read it."""
    program = shutil.which("localedef")
    if program is None or not Path("/usr/share/i18n/locales", language).exists():
        pytest.skip("no localedef, or no sources of locales")
    folder = ground.folder / "locales"
    if not folder.exists():
        ground.new_folder("locales")
    if not (folder / f"{language}.UTF-8").exists():
        subprocess.run([program, "-i", language, "-f", "UTF-8", folder / f"{language}.UTF-8"], check=True)
    return folder


def with_locale(monkeypatch: pytest.MonkeyPatch, ground: Playground, language: str, **environment: str) -> str:
    """Let servers that start from now on find the locale of a language, which is returned; with these variables."""
    found_in, usual = str(locale_of(ground, language)), Playground._environment
    monkeypatch.setattr(
        Playground, "_environment", lambda ground: {**usual(ground), "LOCPATH": found_in, **environment}
    )
    return f"{language}.UTF-8"


def translated(
    new_cluster: Callable[..., Cluster], locale: str, settings: Mapping[str, str | int] | None = None, **others: str
) -> Cluster:
    """A server of 15, which Debian packs with its translations."""
    cluster = new_cluster(15, {"lc_messages": f"'{locale}'", **(settings or {})}, **others)
    try:
        psycopg.connect(cluster.conninfo("nobody_of_this_name"))
    except psycopg.OperationalError as refused:
        if "does not exist" in str(refused):
            pytest.skip(f"PostgreSQL has no messages for {locale}")
    return cluster
