"""What is told of a server: a sample with all that belongs to it, or why none comes."""

from dataclasses import replace

from pgheadroom.live.absence import Absence
from pgheadroom.live.attempts import Attempts
from pgheadroom.live.consoles import Consoles
from pgheadroom.live.link import Link
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.update import Trouble


class Updates:
    """Puts them together from what the link, the doors and the consoles know."""

    def __init__(self, link: Link, attempts: Attempts, consoles: Consoles) -> None:
        self._link = link
        self._attempts = attempts
        self._consoles = consoles
        self._absence = Absence()

    def complete(self, snapshot: Snapshot, interval: float) -> Snapshot:
        """With the PgBouncers, what is to be said of our door, how often it is asked, and what changed while we were
        away."""
        returned = self._returned(snapshot)
        door = replace(snapshot.door, hint=self._attempts.hint(snapshot))
        paced = self._link.paced(interval)
        spared = (*snapshot.spared, paced) if paced is not None else snapshot.spared
        return replace(snapshot, door=door, pgbouncers=self._consoles.latest(), returned=returned, spared=spared)

    def _returned(self, snapshot: Snapshot) -> str:
        """What the first sample after a time without a connection is to say; else an empty text."""
        newly_in = self._attempts.newly_in
        changed = self._absence.end(snapshot, self._attempts.doors.system)
        let_in = self._attempts.sampled(snapshot.service)
        return (changed or let_in) if newly_in else ""

    def trouble(self, reason: str, then: str = "") -> Trouble:
        """Why nothing comes, what is done about it (`then`), and while there is no connection what the doors say."""
        lost = self._link.probe is None
        waiting = self._attempts.waiting(self._consoles.latest(), self._absence.version_num) if lost else None
        return self._absence.trouble(reason, then, waiting=waiting, help_=self._attempts.help)

    def silence(self, waited: float) -> Trouble:
        """No answer for `waited` seconds over a connection that is still held."""
        return self.trouble(self._absence.silence(waited))

    def not_let_in(self, reason: str) -> Trouble:
        """One more round at the doors was in vain."""
        self._absence.tries += 1
        return self.trouble(reason)
