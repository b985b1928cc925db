"""Where the audit file is. Apart from what writes and reads it: most who ask have none."""

from collections.abc import Mapping
from pathlib import Path

from pgheadroom.errors import AuditFailed


def audit_path(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/pgheadroom/actions.jsonl`, by default in `~/.local/state`.

    Raises:
        AuditFailed: There is no home folder.
    """
    base = Path(environ.get("XDG_STATE_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    try:
        folder = base if base.is_absolute() else Path("~/.local/state").expanduser()
    except RuntimeError:
        raise AuditFailed("there is no home folder for the audit file: set XDG_STATE_HOME") from None
    return folder / "pgheadroom" / "actions.jsonl"
