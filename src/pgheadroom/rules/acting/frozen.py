"""A list of sessions that stands still while somebody reads it, and what became of it since. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pgheadroom.model.action import Target, Verb
from pgheadroom.model.session import Session, SessionId
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.choice import change

GONE = "gone since"


@dataclass(frozen=True, slots=True)
class Since:
    """What became of the list by a later sample.

    Attributes:
        remarks: Of those who left or changed, in words: none of them would be signalled.
        new: Sessions that the same choice would take in now, and that are not in the list.
        seconds: The list's age.
    """

    remarks: Mapping[SessionId, str]
    new: int
    seconds: float

    @property
    def gone(self) -> int:
        return sum(remark == GONE for remark in self.remarks.values())

    @property
    def changed(self) -> int:
        return len(self.remarks) - self.gone


def since(verb: Verb, taken_at: datetime, targets: Sequence[Target], now: Snapshot, chosen: Sequence[Session]) -> Since:
    """What became of the targets of a sample that was taken at `taken_at`.

    Args:
        chosen: Who would be a target by the sample `now`.
    """
    present = {session.id: session for session in now.sessions}
    remarks = {}
    for target in targets:
        session = present.get(target.id)
        remark = GONE if session is None else change(verb, target, session, now.taken_at)
        if remark:
            remarks[target.id] = remark
    listed = {target.id for target in targets}
    new = sum(session.id not in listed for session in chosen)
    return Since(remarks, new, max(0.0, (now.taken_at - taken_at).total_seconds()))
