"""An outage behind a PgBouncer, and a console that takes commands."""

from dataclasses import replace
from pathlib import Path

from pgheadroom.acting.powers import Powers
from pgheadroom.audit import Audit
from pgheadroom.model.bouncer import BouncerClient, BouncerDatabase, PoolerState, ServerConnection, Setting
from pgheadroom.model.bouncer_command import BouncerCommand, CommandOutcome, CommandResult
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.tui.options import Options
from tui.outage import outage
from tui.powers import FakeServer

ROOT = 3000  # the session that holds up all others; here it is PgBouncer's


def client(number: int, state: str, link: str = "", waited: float = 0.0) -> BouncerClient:
    return BouncerClient(
        "billing", "shop", state, "10.0.9.9", 50000 + number, "invoice-run", waited, 600.0, 12.0, f"c{number}", link,
        0, "", number,
    )  # fmt: skip


def pooled(version: str = "1.24.1", *, admin: bool = True, paused: bool = False) -> Snapshot:
    """The outage with its lock root behind a PgBouncer."""
    seen = outage()
    root = next(one for one in seen.sessions if one.pid == ROOT)
    server = ServerConnection(
        "shop", "billing", "active", "10.0.0.1", 5432, root.client_port or 0, ROOT, "invoices", "s1", "c1", 600.0, 12.0
    )
    database = BouncerDatabase("shop", "10.0.0.1", 5432, "shop", "", "", 20, 0, 5, 0, 1, 0, 0, paused, disabled=False)
    (before,) = seen.pgbouncers
    bouncer = replace(
        before,
        version=version,
        servers=(server,),
        clients=(client(1, "active", "s1"), client(2, "waiting", waited=7.0), client(3, "idle")),
        databases=(database,),
        config=(Setting("max_client_conn", "100", "100", True), Setting("pool_mode", "transaction", "session", True)),
        state=PoolerState.ACTIVE,
        admin=admin,
    )
    roles = {one.user: Role(one.user, superuser=False, limit=None) for one in seen.sessions if one.user}
    return replace(seen, pgbouncers=(bouncer,), roles=roles)


class FakeConsole:
    """Keeps the commands that it was given, and answers as told."""

    def __init__(self) -> None:
        self.given: list[tuple[str, BouncerCommand]] = []
        self.outcome = CommandOutcome.DONE

    async def command(self, bouncer: str, command: BouncerCommand) -> CommandResult:
        self.given.append((bouncer, command))
        return CommandResult(command, self.outcome, "")


def commanding(seen: Snapshot, console: FakeConsole, folder: Path) -> Options:
    server = FakeServer(seen)
    audit = Audit(folder / "pgheadroom" / "actions.jsonl")
    return Options("prod db1:5432", inquiries=server, powers=Powers(server, audit, console))
