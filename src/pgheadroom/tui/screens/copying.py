"""Copying over a terminal: by OSC 52 where the terminal allows it, and shown for the mouse where it does not."""

import base64
import os
import shlex
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from pgheadroom.model.session import Session
from pgheadroom.view.text import safe, safe_lines


def psql_command(session: Session, label: str) -> str:
    """A command that looks at this very session, for a ticket or another terminal."""
    began = session.backend_start.isoformat(sep=" ") if session.backend_start else ""
    statement = f"SELECT * FROM pg_stat_activity WHERE pid = {session.pid} AND backend_start = '{began}'"  # noqa: S608 - a number and a time
    return f"psql {shlex.quote(safe(label))} -x -c {shlex.quote(statement)}"


def osc52(text: str, environ: dict[str, str] | None = None) -> str:
    """What tells a terminal to copy a text; also wrapped for the terminal around tmux or screen.

    tmux takes the bare sequence with `set-clipboard on`, and hands on the wrapped one with `allow-passthrough on`;
    which of them it does cannot be known, so it gets both.
    """
    environ = dict(os.environ) if environ is None else environ
    bare = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if environ.get("TMUX"):
        doubled = bare.replace("\x1b", "\x1b\x1b")
        return f"{bare}\x1bPtmux;{doubled}\x1b\\"
    if environ.get("TERM", "").startswith("screen"):
        return f"\x1bP{bare}\x1b\\"
    return bare


def send_to_clipboard(app: App[Any], text: str) -> None:
    """Ask the terminal to copy a text. Whether it does cannot be known."""
    driver = app._driver
    if driver is not None:
        driver.write(osc52(text))
        driver.flush()


class Copying(ModalScreen[None]):
    """Shows what can be copied; a key copies it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y,enter", "copy('query')", "Copy the query"),
        Binding("p", "copy('psql')", "Copy the psql command"),
        Binding("escape,q", "close", "Close"),
    ]

    def __init__(self, session: Session, query: str, label: str) -> None:
        super().__init__()
        self._query = "\n".join(safe_lines(query))
        self._psql = psql_command(session, label)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="copying"):
            yield Static(Content("y  the query"), classes="help-title")
            yield Static(Content(self._query))
            yield Static(Content("p  a psql command for this session"), classes="help-title")
            yield Static(Content(self._psql))
            yield Static(Content(""), id="copied")

    def action_copy(self, what: str) -> None:
        text = self._query if what == "query" else self._psql
        send_to_clipboard(self.app, text)
        said = (
            "Sent to the terminal's clipboard. If nothing arrives, it refuses OSC 52: mark the text with Shift+mouse."
        )
        self.query_one("#copied", Static).update(Content(said))

    def action_close(self) -> None:
        self.dismiss()
