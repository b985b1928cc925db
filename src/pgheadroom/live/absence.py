"""The time without a sample: what is told of it while it lasts, and when it is over."""

from datetime import UTC, datetime

from pgheadroom.access import comeback
from pgheadroom.deadline import clock
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble, Waiting


class Absence:
    """Begins with the first trouble that is told, and ends with the next sample.

    Attributes:
        tries: Attempts to connect again since it began.
    """

    def __init__(self) -> None:
        self.tries = 0
        self._began: tuple[datetime, float] | None = None
        self._reason = ""
        self._last: tuple[Snapshot, int | None] | None = None

    @property
    def version_num(self) -> int | None:
        """Of the server that we were connected to last; None where that never was."""
        return self._last[0].server.version_num if self._last else None

    def trouble(self, reason: str, then: str = "", *, waiting: Waiting | None = None, help_: str = "") -> Trouble:
        """Why nothing comes, and what is done about it (`then`): that is of no interest any more when we are back."""
        if self._began is None:
            self._began = (datetime.now(UTC), clock())
        if not self.tries:
            # The last reason before we tried to come back is why the connection was lost.
            self._reason = reason
        return Trouble(reason + then, self._began[0], self.tries, waiting, help_)

    def silence(self, waited: float) -> str:
        """No answer for `waited` seconds: after a sample that took long, the next one is probably only slow too."""
        took = self._last[0].round_trip if self._last else 0.0
        if waited < 2 * took:
            return f"no answer for {waited:.0f} s: the last sample took {took:.1f} s"
        return f"no answer for {waited:.0f} s: the server is overloaded or out of reach"

    def end(self, snapshot: Snapshot, system: int | None) -> str:
        """A sample has come.

        Args:
            system: The system identifier of the server that it is of; None when it could not be read.

        Returns:
            How long the absence was, and what changed in it; empty when there was none, or no sample before it.
        """
        said = ""
        if self._last is not None and self._began is not None:
            before, system_before = self._last
            same = None if system is None or system_before is None else system == system_before
            changed = comeback.changes(before, snapshot, same_system=same)
            said = comeback.returned(clock() - self._began[1], self._reason, changed)
        self.tries, self._began, self._last = 0, None, (snapshot, system)
        return said
