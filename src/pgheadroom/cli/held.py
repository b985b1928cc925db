"""What is held back on a server, for commands that only look: by this user's record, as the server has it now."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from pgheadroom.audit_place import audit_path
from pgheadroom.errors import AuditFailed, PgHeadroomError

if TYPE_CHECKING:
    from pgheadroom.live.source import LiveSource
    from pgheadroom.model.hold import Hold
    from pgheadroom.model.pooler_hold import PoolerHold


def pooler_holds() -> "tuple[PoolerHold, ...]":
    """Databases of PgBouncers that were paused or disabled; none, where that cannot be had."""
    try:
        if not audit_path(os.environ).is_file():
            return ()
        from pgheadroom.audit import audit_of

        return audit_of(os.environ, required=False).pooler_holds()
    except (PgHeadroomError, OSError):
        return ()


async def holds_on(source: "LiveSource") -> "tuple[Hold, ...]":
    """Those that are as they were set, by the name that each has now. Nothing is asked where nothing was written down;
    none, where that cannot be had."""
    try:
        if not audit_path(os.environ).is_file():
            return ()
    except (AuditFailed, OSError):
        return ()
    from pgheadroom.audit import audit_of
    from pgheadroom.model.hold import HoldState
    from pgheadroom.rules.acting.held import still_held

    try:
        recorded = audit_of(os.environ, required=False).holds()
        if not recorded:
            return ()
        site = await source.look(numbers=[(one.kind, one.oid) for one in recorded])
    except PgHeadroomError:
        return ()
    held = still_held(recorded, site)
    return tuple(replace(one.hold, name=one.name) for one in held if one.state is HoldState.HELD)
