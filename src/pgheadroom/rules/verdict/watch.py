"""Findings over time: they come when they were seen twice, and go when they stayed away, so that nothing flickers."""

from collections import deque
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.health import Status
from pgheadroom.rules.findings.registry import family, urgency
from pgheadroom.rules.verdict.status import milder

GONE_AFTER = 4.0
"""Seconds, by the server's clock, without a finding until it is not shown any more."""

_SAMPLES = 3
_SEEN = 2
_ABSENT = 2


@dataclass(slots=True)
class _Track:
    """What is known of one key.

    Attributes:
        finding: As it was seen last.
        first: When it was seen first, since it was gone.
        recent: With each sample of the last `GONE_AFTER` seconds that had it: when, how urgent, what it brings about.
        samples: Whether the newest samples had it.
    """

    finding: Finding
    first: datetime
    shown: bool = False
    recent: deque[tuple[datetime, Severity, str]] = field(default_factory=deque)
    samples: deque[bool] = field(default_factory=lambda: deque(maxlen=_SAMPLES))

    def see(self, finding: Finding, now: datetime) -> None:
        self.finding = finding
        self.recent.append((now, finding.severity, finding.explains))
        self.samples.append(True)
        slots_are_gone = finding.severity is Severity.CRITICAL and family(finding.family).at_once
        self.shown = self.shown or slots_are_gone or sum(self.samples) >= _SEEN
        self._forget(now)

    def miss(self, now: datetime) -> bool:
        """Whether it is gone."""
        self.samples.append(False)
        self._forget(now)
        if not self.shown:
            return not any(self.samples)
        return not any(list(self.samples)[-_ABSENT:]) and _seconds(self.recent[-1][0], now) >= GONE_AFTER

    def _forget(self, now: datetime) -> None:
        while len(self.recent) > 1 and _seconds(self.recent[0][0], now) > GONE_AFTER:
            self.recent.popleft()

    @property
    def as_shown(self) -> Finding:
        """The newest words, with the worst urgency of the last seconds."""
        severity = min((severity for _, severity, _ in self.recent), key=lambda one: one.rank)
        explains = next((effect for _, _, effect in reversed(self.recent) if effect), "")
        clearing = not self.samples[-1]
        return replace(self.finding, severity=severity, explains=explains, since=self.first, clearing=clearing)


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()


class Watch:
    """Takes what each sample finds, and says what is to be shown.

    A finding is shown once two of the last three samples had it; at once when it is critical and about slots, and at
    once in the first sample, when there is no calm picture to disturb. It goes when it was absent from two samples and
    for `GONE_AFTER` seconds. Its sentence follows the newest sample, its urgency rises at once and falls as slowly as
    it goes. A clock that goes back (another server after a failover) starts anew. After a loss of the connection only
    that stays which the first sample has as well, and is as urgent as it is there.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, _Track] = {}
        self._last: datetime | None = None
        self._shown: tuple[Finding, ...] = ()
        self._ahead: tuple[datetime, Forecast] | None = None
        self._measured: Status | None = None

    def lasting(self, measured: Status) -> Status:
        """How bad the metrics of this sample and of the one before both are.

        A client that waits for the blink of an eye raises no alarm. What is found has a rhythm of its own.
        """
        before, self._measured = self._measured, measured
        return measured if before is None else milder(before, measured)

    def steady(self, taken_at: datetime, ahead: Forecast | None) -> Forecast | None:
        """The forecast of this sample, or for `GONE_AFTER` seconds the last one that there was."""
        if ahead is not None:
            self._ahead = taken_at, ahead
        elif self._ahead is not None and not 0.0 <= _seconds(self._ahead[0], taken_at) < GONE_AFTER:
            self._ahead = None
        return self._ahead[1] if self._ahead is not None else None

    @property
    def shown(self) -> tuple[Finding, ...]:
        """What the newest sample left to be shown, the most urgent first, each with `since`."""
        return self._shown

    def update(self, taken_at: datetime, found: Sequence[Finding], *, returned: bool = False) -> tuple[Finding, ...]:
        """Take the findings of a sample, and return `shown`. The same sample twice changes nothing.

        Args:
            taken_at: The sample's moment, by the server's clock.
            returned: It is the first one after a loss of the connection.
        """
        if self._last is not None and taken_at <= self._last:
            if taken_at == self._last:
                return self._shown
            self._tracks.clear()
            self._last = None
        first = self._last is None
        self._last = taken_at
        here = {finding.key: finding for finding in found}
        if returned:
            self._keep_only(here)
        for key, finding in here.items():
            track = self._tracks.setdefault(key, _Track(finding, taken_at, shown=first))
            track.see(finding, taken_at)
        gone = [key for key, track in self._tracks.items() if key not in here and track.miss(taken_at)]
        for key in gone:
            del self._tracks[key]
        shown = (track.as_shown for track in self._tracks.values() if track.shown)
        self._shown = tuple(sorted(shown, key=_place))
        return self._shown

    def _keep_only(self, here: Container[str]) -> None:
        kept = ((key, track) for key, track in self._tracks.items() if key in here)
        self._tracks = {key: _Track(track.finding, track.first, track.shown) for key, track in kept}
        self._ahead = None


def _place(finding: Finding) -> tuple[tuple[int, ...], float, str]:
    """Severity, what it stops, how long it lasts; then the key, so that equals never change places."""
    return urgency(finding), finding.since.timestamp() if finding.since else 0.0, finding.key
