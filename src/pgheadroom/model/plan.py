"""What a confirmation shows: whom a signal would reach, and what it would bring."""

from dataclasses import dataclass

from pgheadroom.model.action import Verb
from pgheadroom.model.session import Session


@dataclass(frozen=True, slots=True)
class Scope:
    """What protects sessions from an action, besides what protects ourselves and the server.

    Attributes:
        protected_roles: Roles whose sessions are left alone.
        include_superusers: Superusers' sessions too.
        include_poolers: The server connections of poolers too; a signal hits whichever client is using one.
    """

    protected_roles: frozenset[str] = frozenset()
    include_superusers: bool = False
    include_poolers: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a confirmation shows.

    Attributes:
        targets: As they were chosen: signalled is what was shown, or nothing.
        left_out: With the reason, in a few words that are safe to show.
        slots_freed: A cancel frees none.
        waiters_released: Sessions that wait for locks only behind targets; they go on, one after the other.
        waiters_at_once: Those of them that go on at once; the others are behind these, and wait until they let go.
        transactions_rolled_back: Open transactions of the targets.
        transactions_writing: Those of them that have changed data.
        oldest_transaction_seconds: None where there is none.
        superusers: Targets that are superusers'; only where they were asked for.
        may_be_superusers: Whether superusers were asked for, and some targets are theirs, or may be.
        poolers: Targets that are a pooler's server connections: a signal hits whichever client is using one.
        scope: What protected those that are left out, and protects from the signal again.
    """

    verb: Verb
    targets: tuple[Session, ...]
    left_out: tuple[tuple[Session, str], ...]
    slots_freed: int
    waiters_released: int
    waiters_at_once: int
    transactions_rolled_back: int
    transactions_writing: int
    oldest_transaction_seconds: float | None
    poolers: tuple[Session, ...] = ()
    superusers: tuple[Session, ...] = ()
    may_be_superusers: bool = False
    scope: Scope = Scope()
