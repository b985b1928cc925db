"""Lines that a client may have written itself. Pure.

In `log_line_prefix`, %u and %d are what the client asked for, as it came: a name may have line ends in it, and whoever
sends one needs no password. (In a message PostgreSQL puts a tab behind them; csvlog and jsonlog quote them.) So a line
counts only where those around it are whole: what breaks off at a name makes the lines beside it doubtful.
"""

from collections.abc import Sequence

from pgheadroom.postgres.server_log.needles import decoded
from pgheadroom.postgres.server_log.prefix import Prefix

_OTHER_RECORD = ":  "
"""What stands behind a severity: where it comes again, the first one may be part of a name."""


def is_doubtful(lines: Sequence[bytes], index: int, message: str, prefix: Prefix) -> bool:
    """Whether a client may have written this line.

    Args:
        lines: It, and those beside it.
        message: What was read of it.
    """
    if not prefix.reach:
        return False
    return _OTHER_RECORD in message or _breaks(lines, index, prefix) or _follows_broken(lines, index, prefix)


def _breaks(lines: Sequence[bytes], index: int, prefix: Prefix) -> bool:
    """What comes next is the rest of this line: a name ended it."""
    if index + 1 == len(lines) or _is_sound(lines[index + 1], prefix):
        return False
    return not prefix.begins(decoded(lines[index + 1]))


def _follows_broken(lines: Sequence[bytes], index: int, prefix: Prefix) -> bool:
    """A record before it broke off, no further away than names are long."""
    passed = 0
    while index > 0 and passed < prefix.reach:
        index -= 1
        if not _is_sound(lines[index], prefix):
            return True
        passed += len(lines[index])
    return False


def _is_sound(line: bytes, prefix: Prefix) -> bool:
    return not line or line.startswith(b"\t") or prefix.pattern.match(decoded(line)) is not None
