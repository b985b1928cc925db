"""What is different when a server is back after a time without a connection. Pure."""

from datetime import datetime

from pgheadroom.model.snapshot import Snapshot
from pgheadroom.words.durations import duration


def returned(away: float, reason: str, changed: tuple[str, ...]) -> str:
    """One sentence: how long it was away, and what changed; where nothing did, why the connection was lost."""
    back = f"back after {duration(away)}"
    return "; ".join((back, *changed)) if changed or not reason else f"{back}: {reason}"


def let_in(waited: float, tries: int) -> str:
    """One sentence for the first sample after the doors were shut from the beginning."""
    return f"in after {duration(waited)} and {tries} {'try' if tries == 1 else 'tries'}"


def changes(before: Snapshot, after: Snapshot, *, same_system: bool | None = None) -> tuple[str, ...]:
    """What changed between the last sample before the connection was lost, and the first one after it.

    Args:
        same_system: Whether both have the same system identifier; None when that could not be read. A primary and its
            standbys share one.
    """
    return tuple(
        sentence
        for sentence in (
            _which_server(before, after, same_system),
            _recovery(before, after),
            _version(before, after),
            _door(before, after),
        )
        if sentence
    )


def _which_server(before: Snapshot, after: Snapshot, same_system: bool | None) -> str:
    started, was_started = after.server.started_at, before.server.started_at
    if same_system is False:
        return "another server, with other data"
    if started is None or was_started is None or started == was_started:
        return "the server had crashed, every session was ended" if _recovered_from_crash(before, after) else ""
    # A server that ran already when the connection was lost is not the one that we were connected to.
    return "another server answers (failover)" if started < before.taken_at else "the server was restarted"


def _recovered_from_crash(before: Snapshot, after: Snapshot) -> bool:
    """The postmaster starts its checkpointer anew, but not itself, when a backend's crash made it end all others."""
    started, was_started = _checkpointer(after), _checkpointer(before)
    return started is not None and was_started is not None and started > was_started


def _checkpointer(snapshot: Snapshot) -> datetime | None:
    return next((one.backend_start for one in snapshot.processes if one.backend_type == "checkpointer"), None)


def _recovery(before: Snapshot, after: Snapshot) -> str:
    if before.server.in_recovery == after.server.in_recovery:
        return ""
    return "now a standby" if after.server.in_recovery else "now a primary"


def _version(before: Snapshot, after: Snapshot) -> str:
    same = before.server.version_num == after.server.version_num
    return "" if same else f"now version {after.server.version}, before {before.server.version}"


def _door(before: Snapshot, after: Snapshot) -> str:
    return "" if before.door.label == after.door.label else f"through another door: {after.door.label}"
