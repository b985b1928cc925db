"""What advice stands on: the newest sample, what was seen before it, and what is set."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pgheadroom.advice.observed import Observed
from pgheadroom.advice.timespans import seconds_of
from pgheadroom.history.peaks import highest
from pgheadroom.model.advice import PoolNeed
from pgheadroom.model.server_settings import Placed, ServerSettings, Setting
from pgheadroom.model.service import Service
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.case import Case
from pgheadroom.words.durations import duration
from pgheadroom.words.wording import clipped


# No slots: `cached_property` keeps its value in the instance's dictionary.
@dataclass(frozen=True)
class Ground:
    """Of one server.

    Attributes:
        private_memory: Bytes of each backend that was looked at; empty where they are not on this machine.
        cores: Of the server's machine, where it is this one.
        pools: What applications need, where more is known of it than was observed.
    """

    case: Case
    observed: Observed
    settings: ServerSettings
    private_memory: tuple[int, ...] = ()
    cores: int | None = None
    pools: tuple[PoolNeed, ...] | None = None

    @property
    def snapshot(self) -> Snapshot:
        return self.case.snapshot

    @property
    def version(self) -> int:
        return self.snapshot.server.version_num

    @property
    def service(self) -> Service | None:
        return self.snapshot.service

    @cached_property
    def fullest(self) -> Case:
        """The sample in which most slots were used."""
        return self.observed.fullest

    @cached_property
    def peaks(self) -> Mapping[tuple[str, str], int]:
        """The most sessions of a role or a database at once: observed, or in all that is remembered."""
        past = self.case.past
        return highest([self.observed.peaks, *([past.peaks] if past is not None else [])])

    @property
    def short_of_slots(self) -> bool:
        """Whether the usage was a warning at its fullest."""
        slots = self.fullest.capacity
        return self.case.thresholds.usage.warning.reached(slots.used, slots.usable)

    @property
    def watched(self) -> bool:
        """Whether more than one look was taken."""
        return self.observed.samples > 1

    @property
    def within(self) -> str:
        """How long was looked, to end a sentence with."""
        return f"within {duration(self.observed.seconds)}" if self.watched else "in one look"

    def seconds(self, name: str, role: str | None, database: str | None) -> tuple[float | None, Placed | None]:
        """A timeout of new sessions of this role in this database, 0 for none, and where it is set beside the server's
        configuration; None where it is not known."""
        value, placed = self.settings.of(name, role, database)
        return seconds_of(value, "ms" if placed is not None else self.unit(name)), placed

    def unit(self, name: str) -> str:
        setting = self.settings.settings.get(name)
        return (setting.unit if setting is not None else "") or "ms"

    def origin(self, name: str, placed: Placed | None) -> str:
        """Where a value comes from, in words."""
        if placed is not None:
            return f"set for {place_of(placed.role, placed.database)}"
        setting = self.settings.settings.get(name)
        return _origin(setting) if setting is not None else "not known to this version"

    def superuser(self, role: str) -> bool:
        known = self.snapshot.roles.get(role)
        return known is not None and known.superuser


def place_of(role: str | None, database: str | None) -> str:
    """`role web in database shop`, `all roles`."""
    parts = [f"role {clipped(role)}"] if role is not None else []
    parts += [f"database {clipped(database)}"] if database is not None else []
    return " in ".join(parts) or "all roles"


def _origin(setting: Setting) -> str:
    if setting.file:
        return f"{clipped(setting.file, 60)} line {setting.line}"
    return "the default" if setting.common == setting.default else "the server's own"
