import json
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgheadroom.errors import WrongDocument
from pgheadroom.model.bouncer import DatabaseStats
from pgheadroom.model.bouncer_command import BouncerCommand
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.update import Trouble, Waiting
from pgheadroom.wire.codec import codec_of
from pgheadroom.wire.sample import (
    SCHEMA,
    from_wire,
    session_from_wire,
    session_to_wire,
    to_wire,
    trouble_from_wire,
    trouble_to_wire,
)
from samples import NOW, ago, pool, roles, session, snapshot
from strategies import commands, moments, nasty_texts, sessions, stats, texts, whole_pgbouncers, whole_snapshots
from sure import sure


def sent(told: object) -> Any:
    """As it arrives: what is not plain JSON does not."""
    return json.loads(json.dumps(told, allow_nan=False))


def content(sample: Snapshot) -> dict[str, Any]:
    """Everything that a sample holds: two of them are never equal by themselves."""
    return {field.name: getattr(sample, field.name) for field in fields(sample)}


# --- there and back --------------------------------------------------------------------------------------------------


@given(whole_snapshots())
def test_any_snapshot_comes_back_as_it_was(sample: Snapshot) -> None:
    told = to_wire(sample)
    assert sent(told) == told
    for read in (from_wire(told), from_wire(sent(told))):
        assert content(read) == content(sample)
        # Also the types of all values: 1, 1.0 and True are equal.
        assert repr(read) == repr(sample)


@given(sessions())
def test_any_session_comes_back_by_itself(one: Session) -> None:
    assert session_from_wire(sent(session_to_wire(one))) == one


refusals = st.builds(
    Refusal,
    door=texts,
    limit=st.sampled_from(RefusedBy),
    name=texts,
    sqlstate=st.one_of(st.none(), st.just("53300")),
    message=texts,
    at=st.just(NOW),
    hindrance=st.sampled_from(Hindrance),
)
waits = st.builds(
    Waiting,
    since=st.just(NOW),
    tries=st.integers(0, 100),
    refusals=st.lists(refusals, max_size=3).map(tuple),
    next_try=st.floats(0, 10),
    advice=st.lists(texts, max_size=2).map(tuple),
    pgbouncers=st.lists(whole_pgbouncers, max_size=1).map(tuple),
    per_second=st.floats(0, 100),
)
troubles = st.builds(Trouble, texts, st.just(NOW), st.integers(0, 100), waiting=st.one_of(st.none(), waits), help=texts)


@given(troubles)
def test_any_trouble_comes_back_with_its_refusals(trouble: Trouble) -> None:
    assert trouble_from_wire(sent(trouble_to_wire(trouble))) == trouble


def test_a_moment_of_another_time_zone_is_told_in_utc_and_is_the_same() -> None:
    far = datetime(2026, 3, 1, 14, 0, 0, 1, tzinfo=timezone(timedelta(hours=2)))
    told = session_to_wire(session(1, backend_start=far))
    assert told["backend_start"] == "2026-03-01T12:00:00.000001+00:00"
    assert session_from_wire(told).backend_start == far
    told["backend_start"] = "2026-03-01T14:00:00.000001+02:00"
    assert session_from_wire(told).backend_start == far
    assert sure(session_from_wire(told).backend_start).tzinfo is UTC


@given(moments)
def test_a_moment_is_exact_to_the_microsecond(moment: datetime) -> None:
    assert session_from_wire(sent(session_to_wire(session(1, backend_start=moment)))).backend_start == moment


@given(nasty_texts)
def test_no_text_is_lost_or_leaves_ascii(text: str) -> None:
    told = json.dumps(to_wire(snapshot([session(1, query=text)])))
    assert told.isascii()
    assert from_wire(json.loads(told)).sessions[0].query == text


def test_a_sessions_form_does_not_depend_on_when_it_is_told() -> None:
    one = session(1)
    first, second = (to_wire(snapshot([one], taken_at=at))["sessions"] for at in (NOW, ago(-60)))
    assert first == second == [session_to_wire(one)]


# --- older and newer programs ----------------------------------------------------------------------------------------


def grown(told: Any) -> Any:
    """What a newer program may write: a key more in every object."""
    if isinstance(told, dict):
        return {"later": {"pid": 1}, **{key: grown(value) for key, value in told.items()}}
    return list(map(grown, told)) if isinstance(told, list) else told


@given(whole_snapshots())
def test_what_a_newer_program_adds_is_left_alone(sample: Snapshot) -> None:
    assert repr(from_wire(grown(to_wire(sample)))) == repr(sample)


def test_what_an_older_program_did_not_write_takes_its_default() -> None:
    needed = ("schema", "taken_at", "round_trip_seconds", "server", "door", "settings", "sessions")
    told = to_wire(snapshot([session(1)], pgbouncers=(PgBouncer("b1", pools=(pool(sv_cancelling=1),)),)))
    old = {key: told[key] for key in needed}
    old["door"] = {key: value for key, value in told["door"].items() if key not in ("label", "hint")}
    old["sessions"] = [{key: value for key, value in told["sessions"][0].items() if key != "blocked_by"}]
    assert repr(from_wire(old)) == repr(snapshot([session(1)]))
    told["pgbouncers"] = [{"name": "b1"}]
    assert from_wire(told).pgbouncers == (PgBouncer("b1"),)


def test_a_state_that_a_newer_server_brings_is_one_that_we_do_not_know() -> None:
    told = to_wire(snapshot([session(1)], pgbouncers=(PgBouncer("b1"),)))
    told["sessions"][0]["state"] = "daydreaming"
    told["pgbouncers"][0]["state"] = "daydreaming"
    read = from_wire(told)
    assert read.sessions[0].state is State.HIDDEN
    assert read.pgbouncers[0].state == "unknown"


def test_the_form_of_this_schema_is_read_for_good() -> None:
    """As it is written today. Whoever has to change this text makes old recordings unreadable."""
    told = json.loads(
        """{"schema": 1, "taken_at": "2026-03-01T12:00:00.000000+00:00", "round_trip_seconds": 0.25,
        "server": {"name": "db1", "version": "18.4", "version_num": 180004, "in_recovery": false, "started_at": null},
        "door": {"user": "u", "database": "d", "slot": "reserved", "pid": 7, "sees_all": true, "may_signal": false},
        "settings": {"max_connections": 100, "superuser_reserved": 3},
        "sessions": [{"pid": 9, "backend_start": null, "user": "web", "database": null, "application": "a",
            "client": "local", "client_port": null, "state": "idle in transaction", "wait_event_type": "Client",
            "wait_event": "ClientRead", "xact_start": "2026-03-01T11:59:59.999999+00:00", "query_start": null,
            "state_change": null, "backend_xid": "7", "backend_xmin": null, "backend_type": "client backend",
            "leader_pid": null, "query": "select 1"}],
        "roles": [{"name": "web", "superuser": false, "limit": 5}],
        "pgbouncers": [{"name": "b1", "age_seconds": 1.5, "lists": [["databases", 2]]}],
        "spared": [{"part": "locks", "cost_seconds": 0.5, "every_seconds": 25, "age_seconds": 3}]}"""
    )
    read = from_wire(told)
    assert (read.round_trip, read.door.slot, read.roles) == (0.25, "reserved", roles(Role("web", False, 5)))
    assert read.sessions[0].xact_start == datetime(2026, 3, 1, 11, 59, 59, 999999, tzinfo=UTC)
    assert read.pgbouncers == (PgBouncer("b1", age=1.5, lists=(("databases", 2),)),)
    assert (read.spared[0].cost, read.spared[0].every, read.spared[0].age) == (0.5, 25, 3)


# --- what is no snapshot ---------------------------------------------------------------------------------------------


def changed(path: Sequence[str | int], value: Any) -> dict[str, Any]:
    told = to_wire(snapshot([session(1), session(2)], pgbouncers=(PgBouncer("b1", lists=(("users", 1),)),)))
    inner: Any = told
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return told


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        (None, "the document is not an object"),
        ([], "the document is not an object"),
        ({}, "schema is not a number"),
        ({"schema": True}, "schema is not a number"),
        ({"schema": 1}, "taken_at is missing"),
        (
            {"schema": SCHEMA + 1},
            "the document was written by a newer pgheadroom: schema 2, this one reads up to 1",
        ),
        (changed(["taken_at"], "yesterday"), "taken_at is not a moment with its time zone"),
        (changed(["taken_at"], "2026-03-01T12:00:00"), "taken_at is not a moment with its time zone"),
        (changed(["taken_at"], 5), "taken_at is not a moment with its time zone"),
        (changed(["taken_at"], "0001-01-01T00:00:00+14:00"), "taken_at is not a moment with its time zone"),
        (changed(["round_trip_seconds"], "5"), "round_trip_seconds is not a number"),
        (changed(["round_trip_seconds"], float("nan")), "round_trip_seconds is not a number"),
        (changed(["round_trip_seconds"], True), "round_trip_seconds is not a number"),
        (changed(["exact"], 1), "exact is neither true nor false"),
        (changed(["server"], []), "server is not an object"),
        (changed(["door", "slot"], "golden"), "door.slot is not one of ordinary, reserved, superuser"),
        (changed(["door", "slot"], ["x"]), "door.slot is not one of ordinary, reserved, superuser"),
        (changed(["settings", "max_connections"], None), "settings.max_connections is missing"),
        (changed(["sessions"], {}), "sessions is not a list"),
        (changed(["sessions", 1, "pid"], 1.5), "sessions.pid is not a whole number"),
        (changed(["sessions", 1, "query"], 7), "sessions.query is not a text"),
        (changed(["sessions", 1, "state"], 7), "sessions.state is not one of active, idle"),
        (changed(["sessions", 1, "blocked_by"], [1, "2"]), "sessions.blocked_by is not a whole number"),
        (changed(["pgbouncers", 0, "lists", 0], ["users"]), "pgbouncers.lists is not a list of 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_document_says_what_is_wrong_and_where(told: Any, complaint: str) -> None:
    with pytest.raises(WrongDocument) as raised:
        from_wire(told)
    assert str(raised.value).startswith(complaint)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@given(whole_snapshots(), st.data())
def test_any_value_anywhere_is_read_or_refused_in_one_sentence(sample: Snapshot, data: st.DataObject) -> None:
    told = to_wire(sample)
    inner: Any = told
    while True:
        key = data.draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.integers(0, len(inner) - 1))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            break
        inner = inner[key]
    inner[key] = data.draw(values)
    try:
        said = type(from_wire(told)).__name__
    except WrongDocument as wrong:
        said = str(wrong)
    assert said == "Snapshot" or (" " in said and "\n" not in said)


def test_a_type_that_the_model_does_not_have_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no wire form"):
        codec_of(complex)


# --- nothing is forgotten --------------------------------------------------------------------------------------------


def parts_of(value: Any, found: dict[tuple[str, str], set[str]]) -> dict[tuple[str, str], set[str]]:
    """Each type that a value is made of, and what its fields have held."""
    names = value._fields if hasattr(value, "_fields") else [one.name for one in fields(value)]
    for name in names:
        inner = getattr(value, name)
        found.setdefault((type(value).__name__, name), set()).add(repr(inner))
        each = inner.values() if isinstance(inner, dict) else inner if type(inner) is tuple else [inner]
        for one in each:
            if hasattr(one, "_fields") or hasattr(one, "__dataclass_fields__"):
                parts_of(one, found)
    return found


def test_the_strategies_think_of_several_values_for_each_field() -> None:
    found: dict[tuple[str, str], set[str]] = {}

    # The same ones each time: it is about what they may think of, not about luck.
    @settings(derandomize=True, database=None, max_examples=150)
    @given(whole_snapshots(), sessions(backend_type="parallel worker"), whole_pgbouncers, commands, stats)
    def look(
        sample: Snapshot, worker: Session, bouncer: PgBouncer, command: BouncerCommand, one: DatabaseStats
    ) -> None:
        bouncer = replace(bouncer, command=command, stats=(one,))
        parts_of(replace(sample, processes=(worker,), pgbouncers=(*sample.pgbouncers, bouncer)), found)

    look()
    settled = {("Snapshot", "taken_at"), ("Server", "version"), ("PgBouncer", "version"), ("LockRequest", "mode")}
    settled |= {("HeldLock", "mode")}
    assert {field for field, seen in found.items() if len(seen) < 2} <= settled
    assert {kind for kind, _ in found} >= {"Session", "Role", "Database", "LockRequest", "HeldLock", "Spared", "Gap",
                                           "Pool", "BouncerClient", "ServerConnection", "BouncerDatabase", "Rates",
                                           "BouncerUser", "Setting", "DatabaseStats", "Totals"}  # fmt: skip


def test_every_field_has_a_key() -> None:
    sample = replace(snapshot([session(1)]), returned="back")
    assert len(to_wire(sample)) == len(fields(Snapshot)) + 1
    assert set(session_to_wire(session(1))) == set(Session._fields)
