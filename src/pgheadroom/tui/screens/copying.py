"""Copying over a terminal: by OSC 52 where the terminal allows it, and shown for the mouse where it does not."""

import base64
import os
import re
import shlex
import subprocess
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen

from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import Door
from pgheadroom.tui.textual_private import write_to_terminal
from pgheadroom.tui.widgets.words import Words
from pgheadroom.words.pasting import pastable
from pgheadroom.words.text import copyable, safe, safe_lines

_PORT = re.compile(r":(\d+)$")
_TMUX_SECONDS = 1.0


def psql_command(session: Session, door: Door | None) -> str:
    """A command that looks at this very session, on this very server, for a ticket or another terminal."""
    began = session.backend_start.isoformat(sep=" ") if session.backend_start else ""
    statement = f"SELECT * FROM pg_stat_activity WHERE pid = {session.pid} AND backend_start = '{began}'"  # noqa: S608 - a number and a time
    place = f"-d {shlex.quote(_conninfo(door))} " if door is not None else ""
    return f"psql {place}-x -c {shlex.quote(statement)}"


def _conninfo(door: Door) -> str:
    """In libpq's form: psql takes a bare `user@host:5432/shop` for the name of a database on the local socket."""
    place = safe(door.label).removeprefix(f"{safe(door.user)}@").removesuffix(f"/{safe(door.database)}")
    host, port = place, ""
    if (found := _PORT.search(place)) is not None:
        host, port = place[: found.start()], found[1]
    given = {"host": host.strip("[]"), "port": port, "user": door.user, "dbname": door.database}
    return " ".join(f"{name}={_value(safe(value))}" for name, value in given.items() if value)


def _value(text: str) -> str:
    if text and not re.search(r"[\s'\\]", text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def osc52(text: str) -> str:
    """What tells a terminal to copy a text; also wrapped for the terminal around tmux or screen.

    tmux takes the bare sequence with `set-clipboard on`, and hands on the wrapped one with `allow-passthrough on`;
    which of them it does cannot be known, so it gets both.
    """
    bare = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if os.environ.get("TMUX"):
        doubled = bare.replace("\x1b", "\x1b\x1b")
        return f"{bare}\x1bPtmux;{doubled}\x1b\\"
    if os.environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{bare}\x1b\\"
    return bare


def send_to_clipboard(app: App[Any], text: str) -> None:
    """Ask the terminal to copy a text. Whether it does cannot be known.

    A tmux with its defaults heeds no such sequence from a program in it, but its own command: that fills tmux's buffer,
    and asks the terminal around it.
    """
    text = copyable(text)
    if os.environ.get("TMUX") and _tmux_takes(text):
        return
    write_to_terminal(app, osc52(text))


def _tmux_takes(text: str) -> bool:
    """Whether tmux, from 3.2 on, took the text."""
    command = ("tmux", "load-buffer", "-w", "-")
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_TMUX_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


class Copying(ModalScreen[None]):
    """Shows what can be copied; a key copies it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "copy('query')", "Copy the query"),
        Binding("p", "copy('psql')", "Copy the psql command"),
        Binding("escape,q", "close", "Close"),
    ]

    def __init__(self, session: Session, query: str, door: Door | None) -> None:
        super().__init__()
        self._query = pastable(query)
        self._psql = psql_command(session, door)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="copying"):
            yield Words("y  the query: somebody else's text, read it before you paste it", classes="help-title")
            yield Words("\n".join(safe_lines(self._query)))
            yield Words("p  a psql command for this session", classes="help-title")
            yield Words(self._psql)
            yield Words("", id="copied")

    def action_copy(self, what: str) -> None:
        text = self._query if what == "query" else self._psql
        send_to_clipboard(self.app, text)
        said = (
            "Sent to the terminal's clipboard. If nothing arrives, it refuses OSC 52: mark the text with Shift+mouse."
            + (" In tmux, prefix ] pastes it." if os.environ.get("TMUX") else "")
        )
        self.query_one("#copied", Words).say(said)

    def action_close(self) -> None:
        self.dismiss()
