"""What advice stands on, made by hand."""

from collections.abc import Sequence
from typing import Any

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.observed import Watching
from pgheadroom.model.server_settings import Filed, Placed, ServerSettings, Setting
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.case import Case

MILLISECONDS = ("idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout",
                "statement_timeout", "client_connection_check_interval")  # fmt: skip


UNITS = {**dict.fromkeys(MILLISECONDS, "ms"), "tcp_keepalives_idle": "s"}


def settings(
    placed: Sequence[Placed] | None = (), filed: Sequence[Filed] | None = (), **common: str | None
) -> ServerSettings:
    """Timeouts are off unless given; others are there when given."""
    given = {**dict.fromkeys(MILLISECONDS, "0"), **common}
    rows = {name: Setting(name, value or "0", UNITS.get(name, ""), value, "0", "user") for name, value in given.items()}
    return ServerSettings(rows, placed, filed)


def ground(*snapshots: Snapshot, told: ServerSettings | None = None, **common: Any) -> Ground:
    """After these samples, the newest last."""
    watching = Watching()
    cases = [Case(one, Thresholds()) for one in snapshots]
    for case in cases:
        watching.take(case)
    return Ground(cases[-1], watching.observed(), told or settings(**common))
