"""A PgBouncer in a line, and what stands out about it in banners below."""

from collections.abc import Sequence

from pgheadroom.model.banner import Banner
from pgheadroom.model.bouncer import PoolerState
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.chain import Chain
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.pool_limits import PoolLimits
from pgheadroom.rules.pools.commands import command_words
from pgheadroom.view.cells import Cell, Line, fit_line, wrap_line
from pgheadroom.view.tables.locks import client_words
from pgheadroom.words.counts import they
from pgheadroom.words.durations import duration
from pgheadroom.words.text import place, safe, wrap


def bouncer_lines(
    bouncer: PgBouncer,
    banners: Sequence[Banner],
    waited_for: Sequence[Chain],
    held_back: Sequence[tuple[Pool, PoolLimits]],
    width: int,
) -> list[Line]:
    """The PgBouncer's own line, then what stands over it and why clients wait; each fitted to `width`.

    `waited_for` are those whom a PAUSE that is under way waits for.
    """
    troubles = _troubles(bouncer, banners, waited_for)
    lines = (_summary(bouncer), *troubles, *(_held_back(pool, limits) for pool, limits in held_back))
    return [fit_line(part, width) for line in lines for part in wrap_line(line, width)]


def _held_back(pool: Pool, limits: PoolLimits) -> list[Cell]:
    words = f"{safe(pool.database)}/{safe(pool.user)}: {they(pool.cl_waiting, 'client', 'wait')}"
    oldest = f", the oldest {duration(limits.oldest_wait)}" if limits.oldest_wait >= 1 else ""
    return [
        Cell("! ", "bad"),
        Cell(words + oldest, "bad"),
        Cell(f": {limits.explanation}" if limits.explanation else ""),
    ]


def _summary(bouncer: PgBouncer) -> list[Cell]:
    product = safe(bouncer.product) or "PgBouncer"
    cells = [Cell(place(bouncer.name), "title"), Cell(f"  {product} {safe(bouncer.version)}  ")]
    cells.append(_state(bouncer))
    clients = sum(pool.cl_active + pool.cl_waiting for pool in bouncer.pools)
    ceiling = bouncer.limit("max_client_conn")
    full = ceiling is not None and clients >= ceiling
    cells.append(Cell(f"  clients {clients}" + (f"/{ceiling}" if ceiling else ""), "bad" if full else ""))
    cells.append(Cell(f"  servers {sum(pool.servers for pool in bouncer.pools)}"))
    cells.append(Cell({True: "  admin", False: "  stats only", None: ""}[bouncer.admin], "dim"))
    return cells


def _state(bouncer: PgBouncer) -> Cell:
    if bouncer.trouble:
        return Cell(" STALE ", "alert-bad")
    if bouncer.state in {PoolerState.PAUSED, PoolerState.SUSPENDED}:
        return Cell(f" {bouncer.state.upper()} ", "alert-bad")
    return Cell("active" if bouncer.pools or bouncer.state is PoolerState.ACTIVE else "no pools yet", "dim")


def _troubles(bouncer: PgBouncer, banners: Sequence[Banner], waited_for: Sequence[Chain]) -> list[list[Cell]]:
    lines: list[list[Cell]] = []
    if bouncer.trouble:
        age = f"; what is shown is {duration(bouncer.age)} old" if bouncer.age else ""
        lines.append([Cell(f"✗ {safe(bouncer.trouble)}{age}", "bad")])
    if bouncer.command:
        running = f"… {command_words(bouncer.command)} is being carried out"
        lines.append([Cell(running, "warn"), *_waited_for(waited_for)])
    lines += [[Cell("! ", "bad"), Cell(one.text, "bad"), Cell("  X" if one.remedy else "", "key")] for one in banners]
    gaps = [gap for gap in bouncer.gaps if not (bouncer.product and gap.part in _ASKED_OF_PGBOUNCER)]
    lines += [[Cell(f"not known: {safe(gap.part)}: {safe(gap.reason)}", "warn")] for gap in gaps]
    return lines


_ASKED_OF_PGBOUNCER = frozenset({"databases", "stats", "state", "users", "config", "lists"})
"""Parts that other poolers may lack for good: told where they would be shown, and not as trouble."""


def not_shown(bouncers: Sequence[PgBouncer], part: str) -> str:
    """Why nothing of a part is shown; empty where nothing speaks against it."""
    reasons = {safe(gap.reason): None for one in bouncers for gap in one.gaps if gap.part == part}
    return "; ".join(reasons)


def _waited_for(chains: Sequence[Chain]) -> list[Cell]:
    clients = [client_words(chain.client) for chain in chains if chain.client is not None]
    if not clients:
        return []
    more = f" and {len(clients) - 1} more" if len(clients) > 1 else ""
    return [Cell(f": it waits for {clients[0]}{more}", "warn")]


def command_lines(command: BouncerCommand, consequence: str, bouncer: PgBouncer, width: int) -> list[Line]:
    """What a confirmation says of a command."""
    head = [Cell("To    ", "heading"), Cell(safe(bouncer.name), "strong")]
    told = [[Cell("      "), Cell(part)] for part in wrap(consequence, max(1, width - 6))]
    told[0][0] = Cell("Does  ", "heading")
    return [fit_line(line, width) for line in (head, [], *told)]
