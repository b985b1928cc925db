"""How findings say who and how many. What comes out is safe to show and short enough for a line."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from operator import attrgetter

from pgheadroom.model.application import family
from pgheadroom.model.finding import Severity
from pgheadroom.model.grouping import Hog
from pgheadroom.model.session import Session, SessionId
from pgheadroom.model.thresholds import Levels
from pgheadroom.words.durations import duration
from pgheadroom.words.text import cell_width, fit, safe

_LONGEST_NAME = 20


@lru_cache(maxsize=1024)
def clipped(text: str, width: int = _LONGEST_NAME) -> str:
    """Text from a server, made safe and cut to `width` cells."""
    shown = safe(text)
    return shown if cell_width(shown) <= width else fit(shown, width)


def who(one: Session | Hog) -> str:
    """`web/checkout`: the user and its application; `web` where it gave none; `?` for one not known."""
    user = clipped(one.user) if one.user else "?"
    return f"{user}/{clipped(one.application)}" if one.application else user


def whose(one: Session) -> str:
    """As `who`, of all sessions like it: `web/sidekiq *`."""
    return who(one._replace(application=family(one.application)))


_name_of = attrgetter("user", "application")


def largest_group(sessions: Iterable[Session]) -> list[Session]:
    """Those of the user and application that have most of them, wherever they come from, in their order."""
    everybody = list(sessions)
    names = [*map(_name_of, everybody)]
    counts: Counter[tuple[str | None, str]] = Counter()
    folded = {name: (name[0], family(name[1])) for name in dict.fromkeys(names)}  # there are fewer than sessions
    for name, count in Counter(names).items():
        counts[folded[name]] += count
    most = next((group for group, _ in counts.most_common(1)), None)
    theirs = {name for name, group in folded.items() if group == most}
    return [one for one, name in zip(everybody, names, strict=True) if name in theirs]


def severity(levels: Levels, value: float, ceiling: float | None = None) -> Severity | None:
    """How urgent a value is; None while it is below the warning."""
    if levels.critical.reached(value, ceiling):
        return Severity.CRITICAL
    return Severity.WARNING if levels.warning.reached(value, ceiling) else None


def most_severe(*severities: Severity | None) -> Severity | None:
    """The most urgent one, None where there is none."""
    return min((one for one in severities if one is not None), key=lambda one: one.rank, default=None)


def ids(sessions: Iterable[Session]) -> tuple[SessionId, ...]:
    return tuple(session.id for session in sessions)


def first_for(seconds: float) -> str:
    """`, the first for 8s`; empty below a second, which is no wait to tell of."""
    return f", the first for {duration(seconds)}" if seconds >= 1 else ""
