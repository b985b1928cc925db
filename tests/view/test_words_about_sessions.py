"""What is said of sessions, metrics, doors and actions: whole, safe, within its room, and in words besides colours."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgheadroom.analysis import analyse
from pgheadroom.model.action import Verb
from pgheadroom.model.detail import Lock, LoginSetting, SessionDetail
from pgheadroom.model.health import Health, Status
from pgheadroom.model.refusal import Refusal, RefusedBy
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.update import Trouble, Waiting
from pgheadroom.rules.acting.plan import plan
from pgheadroom.view.cells import plain
from pgheadroom.view.confirmation import STATEMENTS, confirmation, question
from pgheadroom.view.header import Freshness, header, trouble_line
from pgheadroom.view.health_lines import health_lines
from pgheadroom.view.session_detail import detail_lines
from pgheadroom.view.waiting_lines import waiting_lines
from samples import NOW, ago, roles, session, snapshot, waiter
from strategies import sessions, snapshots, texts
from view.drawn import check

PLAIN = Thresholds()
widths = st.integers(1, 200)
troubles = st.builds(Trouble, texts, st.just(ago(7)), st.integers(0, 9))


# --- header ----------------------------------------------------------------------------------------------------------


@given(st.one_of(st.none(), snapshots()), texts, st.one_of(st.none(), troubles), st.sampled_from(Status), widths)
def test_the_header_is_one_line_of_the_width(
    sample: Snapshot | None, title: str, trouble: Trouble | None, status: Status, width: int
) -> None:
    freshness = Freshness(None if sample is None else 3.0, 1.0, paused=True, trouble=trouble)
    check([header(sample, title, freshness, width, status=status, read_only=True)], width)
    check([trouble_line(trouble or Trouble("x", ago(1)), NOW, width)], width)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_each_status_has_a_word_in_the_header(width: int) -> None:
    told = {plain(header(snapshot(), "db1", Freshness(1.0, 1.0), width, status=one)).split()[0] for one in Status}
    assert len(told) == len(Status)


def test_of_what_is_stale_the_status_is_not_known() -> None:
    stale = Freshness(9.0, 1.0, trouble=Trouble("no answer", ago(9)))
    line = plain(header(snapshot(), "db1", stale, 120, status=Status.OK))
    assert line.split()[0] == "UNKNOWN"
    assert "STALE 9s, every 1s" in line


def test_at_80_columns_the_whole_limit_is_read_that_keeps_us_out_after_a_loss() -> None:
    said = "db1:5432: remaining connection slots are reserved for roles with the SUPERUSER attribute"
    refused = Refusal("mon@db1:5432/shop", RefusedBy.SUPERUSER_RESERVE, "", None, said, NOW)
    trouble = Trouble(said, ago(38), tries=1051, waiting=Waiting(ago(38), 1051, (refused,)))
    line = plain(trouble_line(trouble, NOW, 80)).split("  for ")
    assert line[0].strip() == "✗ no room: only the slots for superusers are left"
    assert line[1].strip() == "38s · try 1051"


def test_at_80_columns_the_reason_of_a_loss_is_read_behind_a_long_socket() -> None:
    said = "/var/lib/postgresql/sockets/main:5433: nobody listens there (no such file or directory)"
    trouble = Trouble(said, ago(38), tries=51)
    assert plain(trouble_line(trouble, NOW, 120)).startswith(f"✗ {said}  ")
    assert plain(trouble_line(trouble, NOW, 80)).startswith("✗ main:5433: nobody listens there (no such file or")


# --- health ----------------------------------------------------------------------------------------------------------


@given(snapshots(), widths)
def test_metrics_are_lines_of_the_width_with_their_status_as_a_word(sample: Snapshot, width: int) -> None:
    metrics = analyse(sample, PLAIN).health
    lines = health_lines(metrics, width)
    check(lines, width)
    for metric, line in zip(metrics, health_lines(metrics, 100), strict=True):
        assert plain(line).startswith(metric.status.value)


@pytest.mark.parametrize(
    ("metric", "value", "told"),
    [
        ("connection_usage_percent", 93.8, "slots used 94% 80% / 90%"),
        ("connection_usage_percent", 102.9, "slots used 100% 80% / 90%"),
        ("seconds_until_full", 95.0, "time until full 1m35s 1m20s / 1m30s"),
        ("long_running_queries", None, "long queries - 80 / 90"),
    ],
)
def test_a_metric_is_told_in_its_unit(metric: str, value: float | None, told: str) -> None:
    (line,) = health_lines([Health(metric, value, 80.0, 90.0, Status.WARNING)], 80)
    assert " ".join(plain(line).split()) == f"WARNING {told}"


# --- waiting ---------------------------------------------------------------------------------------------------------

refusals = st.builds(
    Refusal,
    door=texts,
    limit=st.sampled_from(RefusedBy),
    name=texts,
    sqlstate=st.one_of(st.none(), texts),
    message=texts,
    at=st.just(ago(3)),
)


@given(st.lists(refusals, max_size=4).map(tuple), st.lists(texts, max_size=3).map(tuple), widths)
def test_the_waiting_room_has_lines_of_the_width(
    some: tuple[Refusal, ...], advice: tuple[str, ...], width: int
) -> None:
    check(waiting_lines(Waiting(ago(61), 7, some, advice=advice, per_second=0.5), NOW, width), width)


def test_every_limit_that_can_refuse_has_words_of_its_own() -> None:
    def said(limit: RefusedBy) -> str:
        lines = waiting_lines(Waiting(ago(61), 7, (Refusal("web@db1", limit, "", None, "no", ago(3)),)), NOW, 120)
        return plain(lines[3])

    assert len({said(limit) for limit in RefusedBy}) == len(RefusedBy)


def test_the_waiting_room_says_for_how_long_how_often_and_what_helps() -> None:
    refused = Refusal("web@db1", RefusedBy.ROLE, "web", "53300", "too many connections for role", ago(3))
    lines = waiting_lines(Waiting(ago(61), 7, (refused,), advice=("Raise it.",), per_second=0.5), NOW, 100)
    told = "\n".join(plain(line).rstrip() for line in lines)
    assert "NO ROOM   for 1m01s, 7 tries, now every 2.0 s" in told
    assert "the role's CONNECTION LIMIT is reached (web)" in told
    assert told.endswith("What helps\n  - Raise it.")
    assert "sessions come and go" not in told  # nothing that we met says so
    moving = waiting_lines(Waiting(ago(61), 7, (refused,), per_second=30, moves=True), NOW, 140)
    assert "sessions come and go: the first slot that falls free is taken and kept" in plain(moving[0])


# --- confirmation ----------------------------------------------------------------------------------------------------


@given(snapshots(), st.sampled_from(Verb), widths)
def test_a_question_has_lines_of_the_width(sample: Snapshot, verb: Verb, width: int) -> None:
    chosen = plan(analyse(sample, PLAIN), verb, sample.sessions)
    check(confirmation(verb, chosen, sample.taken_at, width), width)


def test_a_question_says_who_by_which_statement_and_what_comes_of_it() -> None:
    idler = session(7, State.IDLE_IN_TRANSACTION, 300, backend_xid="733", query="update t set a = 1")
    seen = snapshot([idler, waiter(8, 7)], roles=roles(Role("web", False, None)))
    chosen = plan(analyse(seen, PLAIN), Verb.TERMINATE, [idler])
    told = [plain(line).rstrip() for line in confirmation(Verb.TERMINATE, chosen, NOW, 100)]
    assert told[0] == "pid 7  web@shop  checkout from 10.0.0.7"
    assert told[1] == "idle in tx for 5m00s · connected 6m00s · transaction 5m00s"
    assert told[2:5] == ["update t set a = 1", "", f"SQL   {STATEMENTS[Verb.TERMINATE]}"]
    assert told[5:] == [
        "Does  frees 1 slot",
        "      lets 1 waiting session go on",
        "      rolls back its transaction: 5m00s old, with changes",
    ]
    assert question(Verb.TERMINATE, 1) == "Terminate 1 session?"
    assert question(Verb.CANCEL, 3) == "Cancel the query of 3 sessions?"


# --- a session by itself ---------------------------------------------------------------------------------------------


@given(snapshots(), sessions(), widths)
def test_a_session_has_lines_of_the_width(sample: Snapshot, one: Session, width: int) -> None:
    sample = replace(sample, sessions=(*sample.sessions, one._replace(pid=99)))
    tree = analyse(sample, PLAIN).locks
    for shown in sample.sessions:
        check(detail_lines(shown, None, sample, tree, None, width), width)


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=300), st.integers(20, 120))
@example("0" * 20, 20)
def test_a_query_is_shown_whole(query: str, width: int) -> None:
    one = session(1, query=query)
    lines = [plain(line) for line in detail_lines(one, None, snapshot([one]), (), None, width)]
    head = next(number for number, line in enumerate(lines) if line.startswith("─ QUERY"))
    shown = "".join("".join(lines[head + 1 :]).split())
    assert shown == "".join(query.split())


def test_what_was_asked_of_one_session_is_told_when_it_came() -> None:
    one = session(1, State.ACTIVE, wait_event_type="Lock", wait_event="relation", blocked_by=(2,))
    locks = (Lock("relation", "AccessShareLock", "table t", False, False),)
    detail = SessionDetail(
        one, "app1", "TLSv1.3", locks, 3, "Waits.", (LoginSetting("lock_timeout", "5s", "role web"),)
    )
    told = [plain(line).rstrip() for line in detail_lines(one, detail, snapshot([one]), (), None, 100)]
    assert "client       10.0.0.7:40000 (app1)  TLSv1.3" in told
    assert "waits for    Lock: relation  Waits." in told
    assert "WAITS  AccessShare          table t" in told
    assert "and 2 more" in told
    assert told[-1].split() == ["lock_timeout", "5s", "role", "web"]


def test_a_moment_that_is_not_known_is_a_dash_and_not_zero() -> None:
    unseen = session(1, State.HIDDEN, backend_start=None, query_start=None, state_change=None, xact_start=None)
    told = [plain(line).rstrip() for line in detail_lines(unseen, None, snapshot([unseen]), (), None, 100)]
    assert "connected    - ago" in told
