"""The audit file: who signalled which session, why, and what came of it.

One line of JSON for each event, appended and synced. An action has two: `intended`, written before the signal, and
`result`, written after it, with the same `action`; a change of what holds a role back has what was before in the first.
An action that was refused before any signal has one: `refused`.
"""

import contextlib
import errno
import json
import os
import pwd
import re
import socket
import stat
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgheadroom.audit_place import audit_path
from pgheadroom.errors import AuditFailed
from pgheadroom.model.action import Outcome, Result
from pgheadroom.model.hold import Change, Hold
from pgheadroom.model.pooler_hold import PoolerHold
from pgheadroom.model.session import Session
from pgheadroom.model.snapshot import PreparedTransaction, Snapshot
from pgheadroom.rules.acting.held import holds, told_grip
from pgheadroom.rules.pools.held import pooler_holds
from pgheadroom.wire.codec import told_moment
from pgheadroom.wire.sample import Json
from pgheadroom.wire.session import told_id, told_session

if TYPE_CHECKING:
    from pgheadroom.model.applied import Alteration, Applied

SCHEMA = 2
"""Of a line. Lines without a number are of schema 1: their sessions have fewer keys, and `in_state_seconds` for
`state_seconds`."""
QUERY_CHARACTERS = 500
"""Enough to know a query again; the file must not become a copy of the data."""


def audit_of(environ: Mapping[str, str], *, required: bool) -> "Audit":
    """The audit in this user's home folder; where there is none, one that is not written, if it is not required.

    Raises:
        AuditFailed: There is no home folder, and it is required.
    """
    try:
        return Audit(audit_path(environ), required=required)
    except AuditFailed:
        if required:
            raise
    return Audit(None, required=False)


class Audit:
    """Writes the audit file.

    Attributes:
        path: Where it is; None where there is no place for it.
        required: Whether an action is forbidden when it cannot be written down first (`--no-audit` turns that off).
        trouble: Why the last line could not be written; empty when it was. Only of interest when not required.
    """

    def __init__(self, path: Path | None, *, required: bool = True) -> None:
        self.path = path
        self.required = required
        self.trouble = ""

    def intend(self, verb: str, sessions: Sequence[Session], seen: Snapshot, chosen_by: str) -> str:
        """Write down an action before it happens.

        Args:
            verb: `cancel` or `terminate`.
            sessions: Whom it will signal, as shown to the user.
            seen: The snapshot that the choice was made on; ages are those of its moment.
            chosen_by: The filter's text, or `selection` for sessions picked by hand.

        Returns:
            The action's id, for `complete`.

        Raises:
            AuditFailed: It cannot be written; the action must not happen. Never raised when not `required`.
        """
        return self._intend("nothing was signalled", **_what(verb, sessions, seen, chosen_by))

    def intend_command(self, bouncer: str, command: str, expected: str, verb: str = "", database: str = "") -> str:
        """Write down a command to a PgBouncer before it is given.

        Args:
            command: As the user read it, for instance `PAUSE shop`.
            expected: What the user was told that it does.
            verb, database: The same command, to be read again.

        Returns:
            The action's id, for `complete_command`.

        Raises:
            AuditFailed: As `intend`.
        """
        told = {"bouncer_verb": verb, "database": database} if verb else {}
        return self._intend("the command was not given", pgbouncer=bouncer, command=command, expected=expected, **told)

    def complete_command(self, action: str, outcome: str, message: str) -> str:
        """Write down what came of a command.

        Returns:
            Why it cannot be written; empty when it was. What was done, is done.
        """
        try:
            self._complete(action, outcome=outcome, message=message)
        except AuditFailed as error:
            return str(error)
        return self.trouble

    def intend_change(self, verb: str, server: str, door_user: str, change: Change, where: str) -> str:
        """Write down a change of what holds a role or a database back, with what was before, before it is made.

        Args:
            verb: `hold` or `let go`.
            server: What it is known by, as `HoldSite.server`.
            where: How the user calls it.

        Returns:
            The action's id, for `complete_command`.

        Raises:
            AuditFailed: As `intend`.
        """
        told = {
            "server": server,
            "kind": change.kind.value,
            "oid": change.oid,
            "name": change.name,
            "before": told_grip(change.before),
            "after": told_grip(change.after),
        }
        return self._intend("nothing was changed", verb=verb, server=where, door_user=door_user, hold=told)

    def intend_alteration(
        self, server: str, door_user: str, key: str, alteration: "Alteration", where: str, undoes: str = ""
    ) -> str:
        """Write down that advice is to be applied, or undone, with what stands there before it is.

        Args:
            server: What it is known by, as `ApplySite.server`.
            key: Of the advice.
            where: How the user calls the server.
            undoes: The action that applied it; empty for one that applies.

        Returns:
            The action's id, for `complete_command`.

        Raises:
            AuditFailed: As `intend`.
        """
        from pgheadroom.rules.acting.applied import told_alteration

        told: Json = {"server": server, "key": key, **told_alteration(alteration)}
        verb, told = ("undo", told | {"undoes": undoes}) if undoes else ("apply", told)
        return self._intend("nothing was changed", verb=verb, server=where, door_user=door_user, applied=told)

    def intend_rollback(self, server: str, door_user: str, prepared: PreparedTransaction) -> str:
        """Write down that a prepared transaction is to be rolled back, before it is.

        Returns:
            The action's id, for `complete_command`.

        Raises:
            AuditFailed: As `intend`.
        """
        since = None if prepared.since is None else told_moment(prepared.since)
        told = {"gid": prepared.gid, "owner": prepared.owner, "database": prepared.database, "since": since}
        verb = "roll back prepared"
        return self._intend("nothing was rolled back", verb=verb, server=server, door_user=door_user, prepared=told)

    def refuse_rollback(self, gid: str, reason: str) -> None:
        """Write down that nothing was rolled back; never raises."""
        with contextlib.suppress(OSError):
            self._append("refused", str(uuid.uuid4()), verb="roll back prepared", gid=gid, reason=reason)

    def refuse_change(self, verb: str, kind: str, name: str, reason: str) -> None:
        """Write down that nothing was changed; never raises."""
        with contextlib.suppress(OSError):
            self._append("refused", str(uuid.uuid4()), verb=verb, kind=kind, name=name, reason=reason)

    @property
    def stamp(self) -> tuple[int, int] | None:
        """Changes when the file does; None where there is none."""
        try:
            told = self.path.stat() if self.path is not None else None
        except OSError:
            return None
        return None if told is None else (told.st_mtime_ns, told.st_size)

    def holds(self) -> tuple[Hold, ...]:
        """What is held by this file.

        Raises:
            AuditFailed: It is there, and cannot be read.
        """
        return holds(self._lines(_MAY_TELL_OF_HOLDS))

    def applied(self) -> "tuple[Applied, ...]":
        """What this file tells to be applied of advice. Errors as `holds`."""
        from pgheadroom.rules.acting.applied import applied  # here: all who signal have an audit, few apply advice

        return applied(self._lines(_MAY_TELL_OF_APPLIED))

    def pooler_holds(self) -> tuple[PoolerHold, ...]:
        """What this file tells to be paused or disabled in PgBouncers. Errors as `holds`."""
        return pooler_holds(self._lines(_MAY_TELL_OF_POOLERS))

    def _lines(self, wanted: re.Pattern[bytes]) -> list[dict[str, Any]]:
        if self.path is None:
            return []
        try:
            with self.path.open("rb") as file:
                lines = [_read(line) for line in file if wanted.search(line)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise AuditFailed(
                f"what is held or applied is not known: the audit file {self.path} cannot be read ({error.strerror})"
            ) from None
        return [line for line in lines if line is not None]

    def fail(self, action: str, results: Iterable[Result], reason: str) -> None:
        """Write down that no answer came to an action, so that nobody knows what it did.

        Raises:
            AuditFailed: As `complete`.
        """
        facts = [_result(result) for result in results]
        self._complete(action, outcome=Outcome.UNKNOWN, message=reason, results=facts)

    def _intend(self, consequence: str, **facts: Any) -> str:
        action = str(uuid.uuid4())
        try:
            self._append("intended", action, **facts)
        except OSError as error:
            if self.required:
                raise AuditFailed(self._failure(error, consequence)) from None
        return action

    def complete(self, action: str, results: Iterable[Result]) -> None:
        """Write down what came of an action.

        Raises:
            AuditFailed: It cannot be written. The action has happened all the same. Never raised when not `required`.
        """
        self._complete(action, results=[_result(result) for result in results])

    def _complete(self, action: str, **facts: Any) -> None:
        try:
            self._append("result", action, **facts)
        except OSError as error:
            if self.required:
                raise AuditFailed(self._failure(error, "the action happened, its result is not recorded")) from None

    def refuse(
        self, verb: str, sessions: Sequence[Session], seen: Snapshot | None, chosen_by: str, reason: str
    ) -> None:
        """Write down an action that was asked for and did not happen. Nothing depends on it, so it never raises.

        `seen` is None, and `sessions` empty, when it was refused before anybody looked.
        """
        facts = _what(verb, sessions, seen, chosen_by) if seen else {"verb": verb, "chosen_by": chosen_by}
        with contextlib.suppress(OSError):
            self._append("refused", str(uuid.uuid4()), reason=reason, **facts)

    def _failure(self, error: OSError, consequence: str) -> str:
        file = "the audit file" if self.path is None else f"the audit file {self.path}"
        return f"{file} cannot be written ({error.strerror or error}): {consequence}"

    def _append(self, event: str, action: str, **facts: Any) -> None:
        at = told_moment(datetime.now(UTC))
        record = {"schema": SCHEMA, "at": at, "event": event, "action": action, "who": _who(), **facts}
        try:
            self._write(json.dumps(record).encode() + b"\n")
            self.trouble = ""
        except OSError as error:
            self.trouble = self._failure(error, "not recorded")
            raise

    def _write(self, line: bytes) -> None:
        path = self.path
        if path is None:
            raise OSError(0, "there is no home folder: set XDG_STATE_HOME")
        for folder in reversed(path.parents):
            # Each private whatever the umask; pathlib's own `parents` would take that.
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        _check_folder(path.parent)
        # O_NONBLOCK: a FIFO in the file's place must fail, not wait for a reader.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(path, flags, 0o600)
        except OSError as error:
            raise OSError(error.errno, "it is a link") if error.errno == errno.ELOOP else error from None
        try:
            _make_private(file)
            line = _after_torn_line(file) + line
            if os.write(file, line) != len(line):
                raise OSError(0, "the disk is full")
            os.fsync(file)
        finally:
            os.close(file)


_MAY_TELL_OF_HOLDS = re.compile(rb'"hold"|"event": "result"')
_MAY_TELL_OF_APPLIED = re.compile(rb'"applied"|"event": "result"')
_MAY_TELL_OF_POOLERS = re.compile(rb'"bouncer_verb"|"event": "result"')


def _read(line: bytes) -> dict[str, Any] | None:
    """A line that was torn is no line."""
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _check_folder(folder: Path) -> None:
    """Raises:
    OSError: Others could put another file in the place of ours.
    """
    if folder.is_symlink() and folder.lstat().st_uid not in (0, os.geteuid()):
        raise OSError(0, f"{folder} is somebody else's link")
    real = folder.resolve()
    if (owner := real.stat().st_uid) not in (0, os.geteuid()):
        raise OSError(0, f"its folder belongs to {_name(owner)}")
    for above in (real, *real.parents):
        mode = above.stat().st_mode
        # In a folder like /tmp, nobody can move what is not theirs.
        if mode & (0o022 if above == real else 0o002) and not mode & stat.S_ISVTX:
            raise OSError(0, f"others may write into {above}: chmod go-w")


def _make_private(file: int) -> None:
    told = os.fstat(file)
    if not stat.S_ISREG(told.st_mode):
        raise OSError(0, "it is not a regular file")
    if told.st_uid != os.geteuid():
        raise OSError(0, f"it belongs to {_name(told.st_uid)}")
    if told.st_nlink != 1:
        raise OSError(0, "it has another name too")
    if told.st_mode & 0o077:
        os.fchmod(file, 0o600)


def _after_torn_line(file: int) -> bytes:
    # A full disk can leave half a line; the next record must not become part of it.
    size = os.fstat(file).st_size
    return b"\n" if size and os.pread(file, 1, size - 1) != b"\n" else b""


def _who() -> dict[str, str]:
    # The process's own user, not $USER, which anyone can set; and who called sudo, for what that is worth.
    who = {"os_user": _name(os.getuid()), "host": socket.gethostname()}
    return who | {"sudo_user": os.environ["SUDO_USER"]} if os.environ.get("SUDO_USER") else who


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _what(verb: str, sessions: Sequence[Session], seen: Snapshot, chosen_by: str) -> dict[str, Any]:
    return {
        "verb": verb,
        "server": seen.server.name,
        "door_user": seen.door.user,
        "chosen_by": chosen_by,
        "seen_at": told_moment(seen.taken_at),
        "targets": [_target(session, seen.taken_at) for session in sessions],
    }


def _target(session: Session, now: datetime) -> Json:
    return told_session(session, now) | {"query": session.query[:QUERY_CHARACTERS]}


def _result(result: Result) -> Json:
    return told_id(result.target.id) | {"outcome": result.outcome, "message": result.whole_message}
