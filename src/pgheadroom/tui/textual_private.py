"""All that is private to Textual and used here, in one place: Textual is pinned below its next major version, and tests
fail where one of these names is gone."""

from typing import Any

from textual._compositor import ChopsUpdate as ChopsUpdate
from textual._styles_cache import StylesCache
from textual.app import App


def forget_drawn_styles() -> None:
    """Empty a cache whose keys hold what widgets drew: a thousand of them, also of those that are gone."""
    StylesCache.get_inner_outer.cache_clear()


def fatal_error_of(app: App[Any]) -> BaseException | None:
    """What ended an application, before Textual prints it."""
    return app._exception


def end_without_traceback(app: App[Any]) -> None:
    """End an application. Textual would print the traceback with the values of local variables."""
    app._close_messages_no_wait()


def write_to_terminal(app: App[Any], sequence: str) -> None:
    """Send a control sequence that Textual knows nothing of."""
    driver = app._driver
    if driver is not None:
        driver.write(sequence)
        driver.flush()
