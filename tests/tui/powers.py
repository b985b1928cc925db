"""Powers that only write down what they were asked: the screens' half of an action, without a server."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

from pgheadroom.acting.powers import Powers
from pgheadroom.audit import Audit
from pgheadroom.errors import NoConnection
from pgheadroom.model.action import Outcome, Result, Target, Verb
from pgheadroom.model.detail import Lock, LoginSetting, SessionDetail
from pgheadroom.model.hold import ChangeOutcome, ChangeResult
from pgheadroom.model.session import SessionId
from pgheadroom.model.snapshot import PreparedTransaction, Snapshot
from pgheadroom.tui.options import Options


class FakeServer:
    """Answers as told; keeps every signal that it was asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.signals: list[tuple[Verb, list[Target], bool]] = []
        self.outcome = Outcome.SIGNALLED
        self.message = ""
        self.lost = False
        self.silent = False

    async def detail(self, session: SessionId, known: SessionDetail | None = None) -> SessionDetail | None:
        found = next((one for one in self.snapshot.sessions if one.id == session), None)
        if found is None:
            return None
        whole = found._replace(query=found.query + "\nAND status = 'open' -- the whole text")
        locks = (Lock("relation", "RowExclusiveLock", "table public.orders", granted=True, fastpath=True),)
        settings = (LoginSetting("statement_timeout", "30 s", "role web"),)
        return SessionDetail(whole, "", "TLSv1.3", locks, 1, "Waiting to read data from the client", settings)

    async def signal(
        self,
        verb: Verb,
        targets: Sequence[Target],
        *,
        include_superusers: bool = False,
        protected_roles: Collection[str] = (),
    ) -> list[Result]:
        self.protected = protected_roles
        self.signals.append((verb, list(targets), include_superusers))
        if self.silent:
            await asyncio.Event().wait()
        if self.lost:
            raise NoConnection("not connected")
        return [Result(target, self.outcome, self.message) for target in targets]

    @property
    def signalled_pids(self) -> list[int]:
        return [target.pid for _, targets, _ in self.signals for target in targets]


class FakeRollbacks:
    """Rolls one prepared transaction back, or fails to; keeps what it was asked for."""

    def __init__(
        self,
        error: Exception | None = None,
        happens: bool = True,
        answer: ChangeResult = ChangeResult(ChangeOutcome.DONE),  # noqa: B008 - it does not change
    ) -> None:
        self.asked: list[PreparedTransaction] = []
        self._error, self._happens, self._answer = error, happens, answer

    async def is_prepared(self, prepared: PreparedTransaction) -> bool:
        return not self._happens

    async def roll_back(self, prepared: PreparedTransaction) -> ChangeResult:
        self.asked.append(prepared)
        if self._error is not None:
            raise self._error
        return self._answer


def armed(server: FakeServer, folder: Path, *protected: str) -> Options:
    """Options of a monitor that may act, with its audit file in `folder`."""
    audit = Audit(folder / "pgheadroom" / "actions.jsonl")
    return Options("prod db1:5432", inquiries=server, powers=Powers(server, audit, None, protected))
