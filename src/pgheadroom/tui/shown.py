"""Which of the analyses is shown: the newest, or while the screens are paused the one that was shown then.

Samples come on meanwhile, so that the history has no hole and going on is at once.
"""

from pgheadroom.analysis import Analysis


class Shown:
    """What the screens show. Times are seconds of the monitor's clock.

    Attributes:
        analysis: What is shown; None before the first sample.
        newest: Of the newest sample, also while what is shown is paused.
        paused: What is shown stays as it is.
    """

    def __init__(self) -> None:
        self.analysis: Analysis | None = None
        self.newest: Analysis | None = None
        self.paused = False
        self._since = 0.0

    def take(self, analysis: Analysis, now: float) -> None:
        """A sample came."""
        self.newest = analysis
        if not self.paused:
            self.analysis, self._since = analysis, now

    def pause_or_go_on(self, now: float) -> None:
        """Keep what is shown, or show the newest from now on."""
        self.paused = not self.paused
        if self.newest is not None:
            self.take(self.newest, now)

    def age(self, now: float) -> float | None:
        """For how long it has been shown; None before the first sample."""
        return None if self.analysis is None else now - self._since
