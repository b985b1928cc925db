"""Servers that do not let us in, or do not answer."""

import pytest

from notify.test_deciding import TIMING, Server, finding
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.notification import Kind
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.update import Trouble, Waiting
from pgheadroom.notify.blindness import heard_of
from samples import NOW, ago


def refused(limit: RefusedBy, name: str = "") -> Refusal:
    return Refusal("web@db1", limit, name, "53300", "FATAL: sorry\x1b password=hunter2", NOW, Hindrance.NO_ROOM)


def lost(*refusals: Refusal) -> Trouble:
    advice = ("End idle sessions.",)
    waiting = Waiting(ago(30), 3, refusals, advice=advice) if refusals else None
    return Trouble("connection to password=hunter2 lost", ago(20), 1, waiting, "Look at its log.")


def found(trouble: Trouble) -> tuple[Finding, ...]:
    heard = heard_of(trouble, 0.0, NOW)
    assert heard.blind
    assert "hunter2" not in repr(heard)
    assert "\x1b" not in repr(heard)
    return heard.findings


@pytest.mark.parametrize(
    ("refusals", "keys"),
    [
        ([refused(RefusedBy.SERVER)], ["no-room"]),
        ([refused(RefusedBy.SUPERUSER_RESERVE), refused(RefusedBy.SERVER)], ["no-room"]),
        ([refused(RefusedBy.ROLE, "web")], ["role-limit:web"]),
        ([refused(RefusedBy.DATABASE, "shop"), refused(RefusedBy.OTHER)], ["database-limit:shop"]),
        ([refused(RefusedBy.POOLER)], ["no-room:pooler"]),
    ],
)
def test_each_limit_that_refuses_us_is_trouble_by_the_key_that_a_sample_would_give_it(
    refusals: list[Refusal], keys: list[str]
) -> None:
    one, *_ = every = found(lost(*refusals))
    assert [finding.key for finding in every] == keys
    assert (one.severity, one.since, one.refuses) == (Severity.CRITICAL, ago(30), True)
    assert one.remedy == "End idle sessions."


def test_no_answer_is_trouble_of_its_own() -> None:
    (one,) = found(lost())
    assert (one.key, one.since, one.remedy) == ("no-connection", ago(20), "Look at its log.")


def test_a_server_that_is_full_and_then_refuses_us_and_lets_us_in_again_is_one_trouble() -> None:
    server = Server(TIMING)
    full = finding("server-slots", Severity.CRITICAL)
    server.shows(full, seconds=30)
    server.shows(*found(lost(refused(RefusedBy.SERVER))), seconds=300, blind=True)
    server.shows(full, seconds=30)
    server.shows(seconds=70)
    assert [one.kind for one in server.messages] == [Kind.BEGIN, Kind.END]
