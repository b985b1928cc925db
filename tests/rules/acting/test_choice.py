"""What a choice was about, and what became of a list that stands still."""

import pytest

from pgheadroom.model.action import CHANGES, NEVER, Still, Verb
from pgheadroom.model.session import Session, State
from pgheadroom.rules.acting.choice import by_filter, by_hand, change, names_taken_in, regardless
from pgheadroom.rules.acting.frozen import GONE, since
from pgheadroom.rules.filters.language import parse_filter
from samples import NOW, ago, session, snapshot

IDLE = session(1)
OPEN = session(2, State.IDLE_IN_TRANSACTION, since=90)
BUSY = session(3, State.ACTIVE, since=20)


@pytest.mark.parametrize(
    ("text", "one", "still"),
    [
        ("user=web", IDLE, Still(role="web")),
        ("app:check*", IDLE, Still(application="checkout")),
        ("-app:x", IDLE, Still(application="checkout")),
        ("db:shop client:10.0.0.7 pid:1 conn>1s", IDLE, Still()),
        ("state:idle", IDLE, Still(state=State.IDLE)),
        ("state:idle,idletx", OPEN, Still(state=State.IDLE_IN_TRANSACTION, transaction=OPEN.xact_start)),
        ("age>10m age>1m", IDLE, Still(longer_than=600.0)),
        ("age<10m", IDLE, Still()),
        ("-age<10m", IDLE, Still(longer_than=600.0)),
        ("xact>1m", OPEN, Still(transaction=OPEN.xact_start)),
        ("xact<1m", IDLE, Still(transaction=NEVER)),
        ("running>1s", BUSY, Still(state=State.ACTIVE, query=BUSY.query_start)),
        ("running", BUSY, Still(state=State.ACTIVE, query=BUSY.query_start)),
        ("-running", IDLE, Still(state=State.IDLE)),
        ("query:select", IDLE, Still(query=IDLE.query_start)),
        ("shop", IDLE, Still()),
        ("WEB", IDLE, Still(role="web")),
        ("check", IDLE, Still(application="checkout")),
        ("select", IDLE, Still(query=IDLE.query_start)),
        ("-refund", IDLE, Still(application="checkout", query=IDLE.query_start)),
    ],
)
def test_what_each_condition_is_about(text: str, one: Session, still: Still) -> None:
    (target,) = by_filter([one], parse_filter(text))
    assert (target.id, target.query_start, target.still) == (one.id, one.query_start, still)


def test_one_alone_must_not_have_moved_of_several_each_may_have_been_pinged() -> None:
    (alone,) = by_hand(Verb.TERMINATE, [IDLE])
    marked = by_hand(Verb.TERMINATE, [IDLE, OPEN])
    assert alone.still == Still(state=State.IDLE, transaction=NEVER, moved=IDLE.state_change)
    assert [target.still.moved for target in marked] == [None, None]
    assert marked[1].still.transaction == OPEN.xact_start
    assert by_hand(Verb.CANCEL, [BUSY])[0].still == Still()
    assert regardless(IDLE).still == Still()


def test_without_tracking_nothing_is_known_and_nothing_has_changed() -> None:
    blind = session(1, State.DISABLED, xact_start=None, query_start=None, state_change=None)
    (alone,) = by_hand(Verb.TERMINATE, [blind])
    assert change(Verb.TERMINATE, alone, blind, NOW) == ""


def test_what_became_of_a_list() -> None:
    targets = by_filter([IDLE, OPEN, BUSY], parse_filter("user=web state:idle,idletx,active"))
    later = snapshot([IDLE._replace(state=State.ACTIVE), OPEN, session(9)], taken_at=ago(-4))
    found = since(Verb.TERMINATE, NOW, targets, later, [OPEN, session(9)])
    assert found.remarks == {IDLE.id: CHANGES["another state"], BUSY.id: GONE}
    assert (found.gone, found.changed, found.new, found.seconds) == (1, 1, 1, 4)


def test_names_are_told_where_the_filter_does_not_name_exactly_one() -> None:
    everybody = [session(n, application=name) for n, name in enumerate(("api", "API", "", "api"))]
    assert list(names_taken_in(everybody, parse_filter("app:api,''"))) == [("app", ["", "API", "api"])]
    assert list(names_taken_in(everybody, parse_filter("user=web app=api state:idle"))) == []
    assert list(names_taken_in(everybody, parse_filter("user=w*"))) == [("user", ["web"])]
