"""The outages to rehearse: which applications there are, how many clients each has, and what they do."""

from dataclasses import dataclass

from pgheadroom.demo import applications as behaviour
from pgheadroom.demo.applications import Behaviour

MAX_CONNECTIONS = 40
SUPERUSER_RESERVED = 3
RESERVED = 2
POOL_SIZE = 6


@dataclass(frozen=True, slots=True)
class Application:
    """A program with several clients, as a monitor sees it.

    Attributes:
        name: Its application_name.
        address: The loopback address it comes from, where the system lets it choose one.
        pooled: Whether it goes through PgBouncer. Without PgBouncer it comes directly, with no more clients than
            the pool has connections.
        first: Clients that connect at the start; the others follow one by one, `every` seconds apart.
        arrives: Seconds after the start at which it connects.
        returns: The shortest and longest time, in seconds, until a client connects again after it lost its connection,
            or closed it, or its query was cancelled; longer each time it is refused.
    """

    name: str
    role: str
    address: str
    clients: int
    behave: Behaviour
    pooled: bool = False
    first: int | None = None
    every: float = 0.0
    arrives: float = 0.0
    returns: tuple[float, float] = (1.0, 3.0)

    def arrival(self, number: int) -> float:
        """Seconds after the start at which client `number` (from 0) connects first."""
        first = self.clients if self.first is None else self.first
        return self.arrives + max(0, number - first + 1) * self.every


@dataclass(frozen=True, slots=True)
class Scenario:
    """An outage.

    Attributes:
        description: One line for the user.
        evidence: A condition in SQL over the view `others`, the client backends of everybody but the one who asks;
            once it holds, the outage is visible.
        waiting_clients: How many clients at least wait in PgBouncer then.
    """

    description: str
    applications: tuple[Application, ...]
    evidence: str
    waiting_clients: int = 0


def shop(clients: int = 12) -> tuple[Application, ...]:
    """What always runs: a web shop behind PgBouncer, and a few small services."""
    visitor = behaviour.visitor(think=0.7)
    return (
        Application("shop-web", "web", "127.0.10.11", clients // 2, visitor, pooled=True, returns=(0.1, 0.5)),
        Application("shop-web", "web", "127.0.10.12", clients - clients // 2, visitor, pooled=True, returns=(0.1, 0.5)),
        Application("mailer", "worker", "127.0.10.31", 2, behaviour.shopper(think=3)),
    )


BILLING = Application("billing-api", "billing", "127.0.10.21", 3, behaviour.shopper(think=2))
REPORTING = Application("reporting", "reports", "127.0.10.41", 2, behaviour.analyst(2, 5, think=4))

# Who was told no, a job or a customer, tries it again after a while.
_LATER = (30.0, 90.0)
_COUNT = "SELECT count(*) FROM others"

SCENARIOS: dict[str, Scenario] = {
    "calm": Scenario(
        "a quiet afternoon: most slots are free",
        (*shop(), BILLING, REPORTING),
        f"({_COUNT}) >= 8",
    ),
    "idle-leak": Scenario(
        "billing-api forgets to give connections back; they pile up idle",
        (
            *shop(),
            REPORTING,
            Application(
                "billing-api",
                "billing",
                "127.0.10.21",
                30,
                behaviour.leaked,
                first=24,
                every=12,
                returns=(15.0, 180.0),
            ),
        ),
        f"({_COUNT} WHERE state = 'idle' AND application_name = 'billing-api') >= 24 AND ({_COUNT}) >= 30",
    ),
    "idle-in-transaction": Scenario(
        "payment forgets COMMIT: transactions stay open, with their locks, and do nothing",
        (
            *shop(),
            REPORTING,
            Application(
                "payment", "billing", "127.0.10.22", 20, behaviour.forgotten_transaction, arrives=0.2, returns=_LATER
            ),
            Application("invoicing", "billing", "127.0.10.23", 3, behaviour.failed_transaction, returns=_LATER),
        ),
        f"({_COUNT} WHERE state = 'idle in transaction' AND application_name = 'payment') >= 20"
        f" AND ({_COUNT} WHERE state = 'idle in transaction (aborted)') >= 3 AND ({_COUNT}) >= 29",
    ),
    "lock-pileup": Scenario(
        "a migration left open holds a lock; one session after the other queues behind it",
        (
            Application("psql", "deploy", "127.0.10.99", 1, behaviour.migration, returns=(900, 1800)),
            Application("shop-web", "web", "127.0.10.11", 10, behaviour.order_reader, pooled=True, arrives=0.8),
            Application("order-taker", "worker", "127.0.10.31", 4, behaviour.order_taker, arrives=0.6),
            Application(
                "billing-api", "billing", "127.0.10.21", 9, behaviour.order_passing, arrives=1.4, returns=(2, 6)
            ),
            Application(
                "stock-keeper", "billing", "127.0.10.51", 8, behaviour.stock_keeper(4), arrives=1.0, returns=(2, 6)
            ),
            Application("mailer", "worker", "127.0.10.32", 2, behaviour.shopper(think=3)),
            Application("reporting", "reports", "127.0.10.41", 2, behaviour.order_reader, arrives=1.5),
        ),
        f"({_COUNT} WHERE wait_event_type = 'Lock') >= 26 AND ({_COUNT}) >= 30",
    ),
    "busy": Scenario(
        "nobody is idle: more work than slots, queries of very different length",
        (
            *shop(18),
            Application("reporting", "reports", "127.0.10.41", 5, behaviour.analyst(8, 60, think=0.3), returns=_LATER),
            Application(
                "billing-api", "billing", "127.0.10.21", 12, behaviour.analyst(1, 12, think=0.1), returns=_LATER
            ),
            Application(
                "search-indexer", "worker", "127.0.10.33", 7, behaviour.analyst(3, 20, think=0.1), returns=_LATER
            ),
        ),
        f"({_COUNT} WHERE state = 'active') >= 22 AND ({_COUNT}) >= 27",
    ),
    "pool-saturated": Scenario(
        "the server has room, but PgBouncer's pool is held by slow payments; clients queue",
        (
            Application("checkout", "web", "127.0.10.13", 10, behaviour.checkout(45), pooled=True, returns=_LATER),
            *shop(24),
            BILLING,
            REPORTING,
        ),
        f"({_COUNT} WHERE state = 'idle in transaction' AND usename = 'web') >= {POOL_SIZE}",
        waiting_clients=15,
    ),
    "role-limit": Scenario(
        "the role reports is at its CONNECTION LIMIT; its clients are refused while the server has room",
        (
            *shop(),
            BILLING,
            Application("reporting", "reports", "127.0.10.41", 4, behaviour.analyst(5, 40, think=1)),
            Application(
                "dashboard", "reports", "127.0.10.42", 5, behaviour.shopper(think=5), arrives=0.3, returns=(1, 1.5)
            ),
        ),
        f"({_COUNT} WHERE usename = 'reports') >= 6",
    ),
    "storm": Scenario(
        "serverless functions connect, ask once and leave, without a pool and without a pause",
        (
            *shop(),
            BILLING,
            Application("lambda", "lambda", "127.0.10.61", 22, behaviour.function_call(0.8), returns=(0.05, 0.3)),
            Application("lambda", "lambda", "127.0.10.62", 22, behaviour.function_call(0.8), returns=(0.05, 0.3)),
        ),
        f"({_COUNT} WHERE usename = 'lambda') >= 18 AND ({_COUNT}) >= 30",
    ),
}
