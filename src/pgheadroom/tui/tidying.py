"""Python's garbage collector works while nobody waits. By itself it does in the midst of a picture, for up to 40 ms."""

import asyncio
import gc

_BY_ITSELF = 100_000
"""Containers more than there were, after which it comes by itself all the same."""
_AFTER = 0.1
"""Seconds behind a picture."""
_EVERY, _WHOLE_EVERY, _WHOLE_AT_LATEST = 10.0, 60.0, 300.0
"""Seconds from one time to the next. What each sample replaces goes without the collector."""
_QUIET = 2.0
"""Seconds without a key, after which all is looked through: that takes as long as some pictures."""


class Tidying:
    """Looks through what is new every ten seconds, in some milliseconds, and through all of it once in a minute."""

    def __init__(self) -> None:
        self._usual: tuple[int, int, int] | None = None
        self._is_due = False
        self._tidied_at = self._whole_at = self._key_at = 0.0
        self._is_first = True

    def begin(self) -> None:
        self._usual = gc.get_threshold()
        gc.set_threshold(_BY_ITSELF, *self._usual[1:])
        self._whole_at = asyncio.get_running_loop().time() - _WHOLE_EVERY + 2 * _QUIET

    def end(self) -> None:
        """As it was before, for whoever goes on in this process."""
        if self._usual is not None:
            gc.set_threshold(*self._usual)

    def key(self) -> None:
        """One was pressed."""
        self._key_at = asyncio.get_running_loop().time()

    def picture(self) -> None:
        """One was written."""
        loop = asyncio.get_running_loop()
        if not self._is_due and self._usual is not None and loop.time() - self._tidied_at >= _EVERY:
            self._is_due = True
            loop.call_later(_AFTER, self._tidy, loop)

    def _tidy(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_due = False
        self._tidied_at = now = loop.time()
        since = now - self._whole_at
        if since < _WHOLE_EVERY or (since < _WHOLE_AT_LATEST and now - self._key_at < _QUIET):
            gc.collect(1)
            return
        gc.collect()
        self._whole_at = now
        if self._is_first:  # the screens are there, and stay: they are not looked through any more
            gc.freeze()
            self._is_first = False
