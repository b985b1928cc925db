"""What is said when a server is back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pgheadroom.access.comeback import changes, let_in, returned
from pgheadroom.model.snapshot import Snapshot
from samples import session, snapshot

MINUTE = timedelta(minutes=1)
STARTED = datetime(2025, 1, 1, tzinfo=UTC)


def sample(started: datetime = STARTED, **server: object) -> Snapshot:
    base = snapshot()
    return replace(
        base,
        taken_at=STARTED + 60 * MINUTE,
        server=replace(base.server, started_at=started, **server),  # type: ignore[arg-type]
    )


def test_nothing_changed() -> None:
    assert changes(sample(), sample(), same_system=True) == ()
    assert returned(12.4, "", ()) == "back after 12s"
    assert returned(12.4, "terminated", ()) == "back after 12s: terminated"


def test_a_restart() -> None:
    assert changes(sample(), sample(STARTED + 61 * MINUTE), same_system=True) == ("the server was restarted",)


def test_a_server_that_ran_already_is_another() -> None:
    standby = sample(STARTED + 30 * MINUTE)
    assert changes(sample(), standby, same_system=True) == ("another server answers (failover)",)


def test_other_data_is_another_server() -> None:
    assert changes(sample(), sample(), same_system=False) == ("another server, with other data",)


def test_promotion_and_demotion() -> None:
    primary, standby = sample(in_recovery=False), sample(in_recovery=True)
    assert changes(primary, standby) == ("now a standby",)
    assert changes(standby, primary) == ("now a primary",)


def test_a_new_version_and_another_door() -> None:
    before = sample(version="17.5", version_num=170_005)
    after = sample(STARTED + 61 * MINUTE, version="18.4", version_num=180_004)
    after = replace(after, door=replace(after.door, label="postgres@/run"))
    assert returned(200, "terminated", changes(before, after)) == (
        "back after 3m20s; the server was restarted; now version 18.4, before 17.5; through another door: postgres@/run"
    )


def test_a_crash_is_seen_by_the_checkpointer() -> None:
    def with_checkpointer(started: datetime) -> Snapshot:
        checkpointer = session(backend_type="checkpointer", backend_start=started)
        return replace(sample(), processes=(checkpointer,))

    before, after = with_checkpointer(STARTED), with_checkpointer(STARTED + 61 * MINUTE)
    assert changes(before, before) == ()
    assert changes(before, after) == ("the server had crashed, every session was ended",)


def test_the_first_time_in() -> None:
    assert let_in(1.2, 1) == "in after 1s and 1 try"
    assert let_in(75, 300) == "in after 1m15s and 300 tries"
