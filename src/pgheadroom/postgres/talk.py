"""Talking to libpq: what is sent, and what comes back, which has a bound."""

import os
import resource
import sys
from collections.abc import Generator
from pathlib import Path

import psycopg
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

MOST_MEMORY = 100 * 2**20
"""Bytes that we may grow by while an answer comes. That of a server with 10,000 sessions takes a tenth of it."""

Talk = Generator[Wait, Ready | int, None]

_COPIES = (ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH)
_LOOK_EVERY = 16


class Bound:
    """Says when an answer has become too long: libpq keeps all of it, and nobody but us counts.

    Our own size is looked at, because libpq does not tell how much it has read.
    """

    def __init__(self) -> None:
        self._reads = 0
        self._size = _size()

    def count(self) -> None:
        """One more piece was read, of some ten kilobytes, or more where a single value is larger.

        Raises:
            OperationalError: It is too much. The connection is of no use any more.
        """
        self._reads += 1
        if self._reads % _LOOK_EVERY == 0 and _size() - self._size > MOST_MEMORY:
            raise psycopg.OperationalError("its answer has no end")


def _size() -> int:
    """Bytes of memory that we take; at the most so far where the present size is not told."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if sys.platform == "darwin" else largest * 1024


def send(pgconn: PGconn) -> Talk:
    """Send what is queued, and read meanwhile, so that the other side never waits for us."""
    while pgconn.flush():
        ready = yield Wait.RW
        if ready & Ready.R:
            pgconn.consume_input()


def hear_out(pgconn: PGconn, results: list[PGresult]) -> None:
    """What came before the line broke, once nothing can be sent over it any more: a farewell is read after the fact.

    Raises:
        OperationalError: The line has broken; in libpq's words, where psycopg has none but its own.
    """
    while pgconn.status == ConnStatus.BAD and (result := pgconn.get_result()) is not None:
        results.append(result)
    _check_line(pgconn)


def receive(pgconn: PGconn, results: list[PGresult], bound: Bound, *, pipeline: bool = True) -> Talk:
    """Read the results of one transaction, or without a pipeline of one statement.

    In a pipeline None separates the results of two statements, and a result of its own ends the transaction.
    """
    while True:
        while pgconn.is_busy():
            ready = yield Wait.R
            if ready:
                pgconn.consume_input()
                bound.count()
        result = pgconn.get_result()
        if result is None and (pgconn.status == ConnStatus.BAD or not pipeline):
            break
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            break
        if result is not None and result.status in _COPIES:
            # Nobody asked for one, and libpq would hand out the same result for ever.
            raise psycopg.OperationalError("the server does not keep to the protocol")
        if result is not None:
            results.append(result)
    while pgconn.notifies():
        pass
    _check_line(pgconn)


def _check_line(pgconn: PGconn) -> None:
    if pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(pgconn.error_message.decode("utf-8", "replace"))
