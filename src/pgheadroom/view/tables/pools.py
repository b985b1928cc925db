"""The table of PgBouncer's pools, as SHOW POOLS has them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.view.cells import Cell
from pgheadroom.view.columns import Column
from pgheadroom.view.common_cells import count_cell, name_cell
from pgheadroom.view.urgency import style_of
from pgheadroom.words.durations import duration
from pgheadroom.words.text import place, safe


class PoolRow(NamedTuple):
    """A pool, or a PgBouncer of which only its trouble is known; and by what its numbers are judged."""

    bouncer: PgBouncer
    pool: Pool | None
    thresholds: Thresholds

    @property
    def key(self) -> tuple[str, str, str]:
        if self.pool is None:
            return (self.bouncer.name, "", "")
        return (self.bouncer.name, self.pool.database, self.pool.user)

    @property
    def note(self) -> Cell | None:
        """What stands in the place of a pool: why there is none, or why the pools below are old."""
        if self.pool is not None:
            return None
        name = place(self.bouncer.name)
        if not self.bouncer.trouble:
            return Cell(f"{name}: no pools yet", "dim")
        age = f" (shown: {duration(self.bouncer.age)} old)" if self.bouncer.age else ""
        return Cell(f"{name}: {safe(self.bouncer.trouble)}{age}", "bad")


def pool_rows(bouncers: Sequence[PgBouncer], thresholds: Thresholds) -> list[PoolRow]:
    """Each PgBouncer's pools, the fullest first; a line of its own for one that is in trouble or has none."""
    rows: list[PoolRow] = []
    for bouncer in bouncers:
        if bouncer.trouble or not bouncer.pools:
            rows.append(PoolRow(bouncer, None, thresholds))
        ordered = sorted(bouncer.pools, key=lambda pool: (-pool.cl_waiting, -pool.servers, pool.database, pool.user))
        rows += (PoolRow(bouncer, pool, thresholds) for pool in ordered)
    return rows


_PoolCell = Callable[[Pool, Thresholds], Cell]


def _of_pool(cell: _PoolCell) -> Callable[[PoolRow, datetime], Cell]:
    def of_row(row: PoolRow, now: datetime) -> Cell:
        return cell(row.pool, row.thresholds) if row.pool else Cell("")

    return of_row


def _bouncer(row: PoolRow, now: datetime) -> Cell:
    return Cell(place(row.bouncer.name), "dim" if row.bouncer.trouble else "")


def _waiting(pool: Pool, thresholds: Thresholds) -> Cell:
    return count_cell(pool.cl_waiting, style_of(thresholds.pool_clients_waiting, pool.cl_waiting, otherwise=""))


def _servers(pool: Pool, thresholds: Thresholds) -> Cell:
    return Cell(f"{pool.sv_active}/{pool.sv_idle + pool.sv_used}")


def _full(pool: Pool, thresholds: Thresholds) -> Cell:
    if not pool.size:
        return Cell("-", "dim")
    return Cell(f"{pool.servers}/{pool.size}", style_of(thresholds.limit, pool.in_use, pool.size, otherwise=""))


def _maxwait(row: PoolRow, now: datetime) -> Cell:
    pool = row.pool
    if pool is None or (row.bouncer.product and pool.cl_waiting and not pool.maxwait):
        # Odyssey times no wait.
        return Cell("-" if pool else "", "dim")
    if not pool.maxwait:
        return Cell("0s", "dim")
    waited = duration(pool.maxwait) if pool.maxwait >= 1 else "<1s"
    return Cell(waited, style_of(row.thresholds.pool_maxwait, pool.maxwait, otherwise=""))


POOL_COLUMNS: tuple[Column[PoolRow], ...] = (
    Column("bouncer", "pgbouncer", 10, _bouncer, flex=1, importance=1),
    Column("database", "database", 8, _of_pool(lambda pool, _: name_cell(pool.database)), flex=1),
    Column("user", "user", 7, _of_pool(lambda pool, _: name_cell(pool.user)), flex=1),
    Column("active", "act", 4, _of_pool(lambda pool, _: count_cell(pool.cl_active)), align=">"),
    Column("waiting", "wait", 4, _of_pool(_waiting), align=">"),
    Column("servers", "sv a/i", 7, _of_pool(_servers), align=">", importance=3),
    Column("full", "full", 7, _of_pool(_full), align=">"),
    Column("maxwait", "maxwait", 7, _maxwait, align=">", importance=4),
    Column("mode", "mode", 5, _of_pool(lambda pool, _: Cell(safe(pool.mode[:5]), "dim")), importance=2),
)
