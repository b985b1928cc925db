"""A thousand sessions, in a process of their own, so that they cost the measured programs nothing.

`python crowd.py CONNINFO COUNT` opens them, prints `ready`, and obeys lines on its standard input: `busy` lets about a
fifth of them change state each second, `calm` leaves all as they are. It ends with that input.
"""

import os
import random
import selectors
import sys
import time

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

BEGINNINGS_A_SECOND = 0.10
"""Of all sessions; what begins also ends, so a fifth of them change in a second."""
COMMITS_A_SECOND = 0.5
"""Of the open transactions."""
_TICK = 0.05
USERS = ("web", "api", "worker", "billing", "reports")
_SHARES = ("web", "web", "web", "web", "api", "api", "api", "worker", "billing", "reports")
_PODS = 20
_SLEEP = "SELECT pg_sleep({seconds}), 'orders of customer {customer}' AS report FROM pg_class WHERE oid = 1259"
_STATEMENT = "BEGIN; SELECT relname, relkind FROM pg_class WHERE oid = {customer} ORDER BY relname"


class Client:
    """One session, without waiting for it: what is asked is sent, and its answer is read when it is there."""

    def __init__(self, conninfo: str, number: int) -> None:
        user = _SHARES[number % len(_SHARES)]
        pod = number // len(_SHARES) % _PODS
        self._wire = psycopg.connect(make_conninfo(conninfo, user=user, application_name=f"{user}-pod{pod}"))
        self.pgconn = self._wire.pgconn
        self.pgconn.nonblocking = 1
        self.busy = False
        self.in_transaction = False

    def fileno(self) -> int:
        return self.pgconn.socket

    def ask(self, statement: str) -> None:
        self.pgconn.send_query(statement.encode())
        self.pgconn.flush()
        self.busy = True

    def hear(self) -> None:
        """Read what has come."""
        self.pgconn.consume_input()
        while not self.pgconn.is_busy():
            if self.pgconn.get_result() is None:
                self.busy = False
                self.in_transaction = self.pgconn.transaction_status == pq.TransactionStatus.INTRANS
                return

    def sleep(self, seconds: float) -> None:
        self.ask(_SLEEP.format(seconds=round(seconds, 2), customer=random.randint(1, 99_999)))

    def begin(self) -> None:
        self.ask(_STATEMENT.format(customer=random.randint(1, 99_999)))

    def commit(self) -> None:
        self.ask("COMMIT")


class Crowd:
    """Of a calm crowd 15 % are active for hours, 10 % idle in transaction, and the rest idle."""

    def __init__(self, conninfo: str, count: int) -> None:
        self._clients = [Client(conninfo, number) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        for client in self._clients:
            self._selector.register(client, selectors.EVENT_READ, client)
        self._orders = b""
        os.set_blocking(0, False)
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        for number, client in enumerate(self._clients):
            if number % 20 < 3:
                client.sleep(7200)
            elif number % 20 < 5:
                client.begin()
        self._movers = [client for number, client in enumerate(self._clients) if number % 20 >= 3]
        self._open = True

    def play(self) -> None:
        moving = False
        due = time.monotonic()
        while self._open:
            for key, _ in self._selector.select(_TICK):
                if key.data is None:
                    moving = self._order(moving)
                else:
                    key.data.hear()
            if moving and time.monotonic() >= due:
                due = max(due + _TICK, time.monotonic() - _TICK)
                self._change()

    def _order(self, moving: bool) -> bool:
        said = os.read(0, 1000)
        self._open = bool(said)
        return said.splitlines()[-1] == b"busy" if said else False

    def _change(self) -> None:
        """Some idle sessions begin something; some transactions end. The end of a sleep is a change too."""
        for client in self._movers:
            if client.in_transaction and not client.busy and random.random() < COMMITS_A_SECOND * _TICK:
                client.commit()
        idle = [client for client in self._movers if not client.busy and not client.in_transaction]
        for client in random.sample(idle, min(len(idle), round(len(self._clients) * BEGINNINGS_A_SECOND * _TICK))):
            if random.random() < 0.5:
                client.sleep(random.uniform(0.3, 2.0))
            else:
                client.begin()


def main() -> None:
    crowd = Crowd(sys.argv[1], int(sys.argv[2]))
    print("ready", flush=True)
    crowd.play()


if __name__ == "__main__":
    main()
