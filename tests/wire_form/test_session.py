import json
from pathlib import Path

from hypothesis import given

from pgheadroom.analysis import analyse
from pgheadroom.audit import QUERY_CHARACTERS, Audit
from pgheadroom.cli.preview import Preview, preview_document
from pgheadroom.model.action import Verb
from pgheadroom.model.session import Session, State
from pgheadroom.model.snapshot import Role
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.json_ import document
from pgheadroom.rules.acting.plan import plan
from pgheadroom.rules.facts.case import Case
from pgheadroom.wire.sample import session_from_wire
from pgheadroom.wire.session import told_session
from samples import NOW, ago, roles, session, snapshot, waiter
from strategies import sessions
from sure import sure


def test_snapshot_preview_and_audit_file_tell_a_session_alike(tmp_path: Path) -> None:
    one = session(7, State.IDLE_IN_TRANSACTION, 77.123456, query="select '" + "x" * 400 + "'", leader_pid=3)
    seen = snapshot([one], roles=roles(Role("web", False, None)))
    audit = Audit(tmp_path / "actions.jsonl")
    audit.intend(Verb.TERMINATE, [one], seen, "selection")
    (in_audit,) = json.loads(sure(audit.path).read_text())["targets"]
    (in_preview,) = preview_document(Preview(plan(Case(seen, Thresholds()), Verb.TERMINATE, [one]), "pid:7", seen))[
        "targets"
    ]
    (in_snapshot,) = document(analyse(seen, Thresholds()))["sessions"]
    assert list(in_snapshot) == list(in_preview) == list(in_audit)
    assert in_snapshot == in_preview == in_audit == told_session(one, NOW)
    assert in_audit["state_seconds"] == 77.123


def test_no_more_of_a_query_is_in_the_audit_file_than_before(tmp_path: Path) -> None:
    long = session(7, query="q" * 900, application="a" * 64)
    audit = Audit(tmp_path / "actions.jsonl")
    audit.refuse(Verb.CANCEL, [long], snapshot([long]), "selection", "read-only")
    assert "q" * 501 not in sure(audit.path).read_text()
    assert json.loads(sure(audit.path).read_text())["targets"][0]["query"] == "q" * QUERY_CHARACTERS


def test_what_follows_from_a_session_is_told_beside_it() -> None:
    told = told_session(waiter(4, 3, since=9.0004), NOW)
    assert (told["state_seconds"], told["transaction_seconds"], told["waits_for"]) == (9.0, 9.0, "lock")
    assert told["query_start"] == ago(9.0004).isoformat()


@given(sessions())
def test_a_session_as_told_to_people_can_be_read_too(one: Session) -> None:
    assert session_from_wire(json.loads(json.dumps(told_session(one, NOW)))) == one
