"""The audit file: private, complete, written before the signal, and a bar to actions when it cannot be."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import samples
from pgheadroom.audit import QUERY_CHARACTERS, Audit, audit_of
from pgheadroom.audit_place import audit_path
from pgheadroom.errors import AuditFailed
from pgheadroom.model.action import Outcome, Result, Target
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Snapshot

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def session(pid: int = 4242, **others: Any) -> Session:
    plain: dict[str, Any] = {
        "backend_start": NOW - timedelta(hours=2),
        "wait_event_type": "Client",
        "wait_event": "ClientRead",
        "query_start": NOW - timedelta(minutes=30),
        "state_change": NOW - timedelta(minutes=20),
        "query": "COMMIT",
    }
    return samples.session(pid, **{**plain, **others})


@pytest.fixture
def seen() -> Snapshot:
    return samples.snapshot([session()], taken_at=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "pgheadroom" / "actions.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_action_is_one_line_before_and_one_after(path: Path, seen: Snapshot) -> None:
    audit = Audit(path)
    action = audit.intend("terminate", seen.sessions, seen, "state:idle age>10m")
    (before,) = lines(path)
    audit.complete(action, [Result(Target(4242, NOW - timedelta(hours=2)), Outcome.ENDED)])
    _, after = lines(path)

    assert (before["event"], after["event"]) == ("intended", "result")
    assert before["action"] == after["action"] == action
    assert (before["verb"], before["server"], before["door_user"]) == ("terminate", "db1:5432", "monitor")
    assert before["chosen_by"] == "state:idle age>10m"
    assert set(before["who"]) >= {"os_user", "host"}
    assert before["schema"] == after["schema"] == 2
    assert before["targets"] == [
        {
            "pid": 4242,
            "backend_start": "2026-03-01T10:00:00.123456+00:00",
            "user": "web",
            "database": "shop",
            "application": "checkout",
            "client": "10.0.0.7",
            "client_port": 40_000,
            "backend_type": "client backend",
            "state": "idle",
            "state_seconds": 1200.0,
            "transaction_seconds": None,
            "xact_start": None,
            "query_start": "2026-03-01T11:30:00.123456+00:00",
            "state_change": "2026-03-01T11:40:00.123456+00:00",
            "wait_event_type": "Client",
            "wait_event": "ClientRead",
            "waits_for": None,
            "backend_xid": None,
            "backend_xmin": None,
            "blocked_by": [],
            "query": "COMMIT",
            "leader_pid": None,
        }
    ]
    identity = {"pid": 4242, "backend_start": "2026-03-01T10:00:00.123456+00:00"}
    assert after["results"] == [identity | {"outcome": "signalled and gone", "message": ""}]


def test_how_long_a_session_is_in_its_state_is_what_the_screens_say(path: Path, seen: Snapshot) -> None:
    """Of a running query that is since its start, whatever moment the server calls its last change of state."""
    running = session(state=State.ACTIVE, query_start=NOW - timedelta(seconds=90))
    Audit(path).intend("cancel", [running], seen, "selection")
    (before,) = lines(path)
    assert before["targets"][0]["state_seconds"] == 90.0


OLD = (
    '{"at": "2026-03-01T11:00:00+00:00", "event": "intended", "action": "a1", "who": {"os_user": "dba"}, '
    '"verb": "cancel", "server": "db1", "door_user": "monitor", "chosen_by": "selection", '
    '"seen_at": "2026-03-01T11:00:00+00:00", "targets": [{"pid": 7, "backend_start": null, "user": "web", '
    '"in_state_seconds": 1.5, "query": "select 1"}]}\n'
)
"""As the file was written before a line had a schema."""


def test_lines_of_an_older_program_stay_as_they_were_and_are_read_by_the_same_names(path: Path, seen: Snapshot) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text(OLD)
    Audit(path).intend("terminate", seen.sessions, seen, "selection")
    old, new = lines(path)
    assert path.read_text().startswith(OLD)
    assert old.keys() == new.keys() - {"schema"}
    assert {"pid", "backend_start", "user", "query"} <= old["targets"][0].keys() & new["targets"][0].keys()


def test_a_refused_action_is_written_too(path: Path, seen: Snapshot) -> None:
    Audit(path).refuse("terminate", seen.sessions, seen, "selection", "read-only")
    (refused,) = lines(path)
    assert (refused["event"], refused["reason"], refused["targets"][0]["pid"]) == ("refused", "read-only", 4242)


def test_the_file_and_its_folder_are_private_whatever_the_umask(path: Path, seen: Snapshot) -> None:
    before = os.umask(0)
    try:
        Audit(path).intend("cancel", seen.sessions, seen, "selection")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_that_others_could_read_is_made_private(path: Path, seen: Snapshot) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    path.chmod(0o644)
    Audit(path).intend("cancel", seen.sessions, seen, "selection")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_hostile_text_stays_on_its_line_and_long_queries_are_cut(path: Path, seen: Snapshot) -> None:
    hostile = session(query="x\n\x1b]0;PWNED\x07\u2028" + "y" * 1000, application="\udc80[/red]")
    Audit(path).intend("terminate", [hostile], seen, "selection")
    raw = path.read_bytes()
    assert raw.count(b"\n") == 1
    assert raw.endswith(b"\n")
    assert raw.isascii()
    assert b"\x1b" not in raw
    assert len(lines(path)[0]["targets"][0]["query"]) == QUERY_CHARACTERS


def test_a_line_torn_by_a_full_disk_does_not_swallow_the_next(path: Path, seen: Snapshot) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('{"event": "inten')
    Audit(path).intend("terminate", seen.sessions, seen, "selection")
    torn, whole = path.read_text().splitlines()
    assert torn == '{"event": "inten'
    assert json.loads(whole)["event"] == "intended"


def _nowhere_to_write(path: Path, how: str) -> None:
    path.parent.mkdir(parents=True)
    if how == "folder":
        path.mkdir()
    elif how == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/full")


@pytest.mark.parametrize("how", ["folder", "fifo", "device"])
def test_what_cannot_be_written_forbids_the_action(path: Path, seen: Snapshot, how: str) -> None:
    _nowhere_to_write(path, how)
    with pytest.raises(AuditFailed) as raised:
        Audit(path).intend("terminate", seen.sessions, seen, "selection")
    assert str(path) in str(raised.value)
    assert str(raised.value).endswith("nothing was signalled")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("how", ["folder", "fifo", "device"])
def test_unless_it_was_told_not_to(path: Path, seen: Snapshot, how: str) -> None:
    _nowhere_to_write(path, how)
    audit = Audit(path, required=False)
    action = audit.intend("terminate", seen.sessions, seen, "selection")
    audit.complete(action, [])
    assert str(path) in audit.trouble


def test_a_result_that_cannot_be_written_says_that_the_action_happened(path: Path, seen: Snapshot) -> None:
    audit = Audit(path)
    action = audit.intend("terminate", seen.sessions, seen, "selection")
    path.unlink()
    path.mkdir()
    with pytest.raises(AuditFailed, match="the action happened"):
        audit.complete(action, [])


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dba")
    assert audit_path({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/pgheadroom/actions.jsonl")
    assert audit_path({"XDG_STATE_HOME": "here"}) == Path("/home/dba/.local/state/pgheadroom/actions.jsonl")
    assert audit_path({}) == Path("/home/dba/.local/state/pgheadroom/actions.jsonl")


# --- who else could have a hand in it --------------------------------------------------------------------------------


def refused(path: Path, seen: Snapshot) -> str:
    with pytest.raises(AuditFailed) as raised:
        Audit(path).intend("terminate", [session()], seen, "selection")
    return str(raised.value)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_not_followed_and_what_it_leads_to_is_left_alone(
    path: Path, seen: Snapshot, tmp_path: Path, there: bool
) -> None:
    path.parent.mkdir(parents=True)
    target = tmp_path / "authorized_keys"
    if there:
        target.write_text("ours\n")
        target.chmod(0o644)
    path.symlink_to(target)
    assert f"{path} cannot be written (it is a link): nothing was signalled" in refused(path, seen)
    assert target.exists() is there
    if there:
        assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("ours\n", 0o644)


def test_a_second_name_of_another_file_is_not_written_to(path: Path, seen: Snapshot, tmp_path: Path) -> None:
    path.parent.mkdir(parents=True)
    target = tmp_path / "authorized_keys"
    target.write_text("ours\n")
    path.hardlink_to(target)
    assert "(it has another name too)" in refused(path, seen)
    assert target.read_text() == "ours\n"


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_folder_into_which_others_may_write_is_not_used(path: Path, seen: Snapshot, mode: int) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(mode)
    assert f"(others may write into {path.parent}: chmod go-w)" in refused(path, seen)
    path.parent.chmod(0o700)
    assert Audit(path).intend("terminate", [session()], seen, "selection")


def test_nor_one_within_a_folder_that_others_may_empty(path: Path, seen: Snapshot) -> None:
    path.parent.mkdir(parents=True)
    path.parent.parent.chmod(0o777)
    assert f"(others may write into {path.parent.parent}: chmod go-w)" in refused(path, seen)
    path.parent.parent.chmod(0o1777)  # as /tmp
    assert Audit(path).intend("terminate", [session()], seen, "selection")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_somebody_else_is_not_used(path: Path, seen: Snapshot) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("")
    os.chown(path, 65534, 65534)
    assert "(it belongs to nobody)" in refused(path, seen)
    path.unlink()
    os.chown(path.parent, 65534, 65534)
    assert "(its folder belongs to nobody)" in refused(path, seen)


def test_without_a_home_folder_no_audit_is_needed_where_none_is_required(
    monkeypatch: pytest.MonkeyPatch, seen: Snapshot
) -> None:
    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    with pytest.raises(AuditFailed, match="no home folder"):
        audit_of({}, required=True)
    audit = audit_of({}, required=False)
    assert audit.intend("cancel", (), seen, "user=web")
    assert audit.trouble.endswith("(there is no home folder: set XDG_STATE_HOME): not recorded")
