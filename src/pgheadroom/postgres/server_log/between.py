"""Files of a log that were begun and ended between two samples. Pure."""

from collections import deque
from collections.abc import Iterable

_REMEMBERED = 20
"""Names of files that were read: those of the same second are told again."""


class FilesBetween:
    """Which files are still to be read, before the one that is written now."""

    def __init__(self) -> None:
        self._read: deque[str] = deque(maxlen=_REMEMBERED)
        self._ahead: deque[str] = deque()

    def told(self, names: Iterable[str], current: str) -> None:
        """Take what the server tells; other files of its folder, such as another format's, are left out."""
        folder, _, name = current.rpartition("/")
        kind = _kind(name)
        paths = (f"{folder}/{one}" if folder else one for one in names if _kind(one) == kind)
        self._ahead.extend(path for path in paths if path not in self._read and path not in self._ahead)

    def next(self, read: str | None, current: str) -> str:
        """The file to read after another one."""
        if read is not None:
            self._read.append(read)
        return self._ahead.popleft() if self._ahead else current


def _kind(name: str) -> str:
    return name.rpartition(".")[2] if "." in name else ""
