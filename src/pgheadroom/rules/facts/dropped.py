"""Roles that are gone while their sessions stay."""

from pgheadroom.model.snapshot import Snapshot


def role_was_dropped(snapshot: Snapshot, user: str) -> bool:
    """Whether a session's role is shown by its number because there is none of that number any more.

    Nobody is a superuser, nor protected by name, in a role that is gone; the server allows to signal its sessions.
    """
    if not user.startswith("oid ") or user in snapshot.roles:
        return False
    return bool(snapshot.roles) and all(gap.part != "roles" for gap in snapshot.gaps)
