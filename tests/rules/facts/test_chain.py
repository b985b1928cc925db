"""The chain between clients and backends, and when it is not believed."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bouncers import bouncer, client, database, linked, server
from pgheadroom.model.bouncer import UNIX, BouncerClient
from pgheadroom.model.grouping import GroupBy
from pgheadroom.model.session import LOCAL, Session
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.facts.chain import chains, clients_by_hog, hog_key
from pgheadroom.rules.facts.hogs import hogs
from samples import ago, pids, session, snapshot
from strategies import snapshots


def backend(number: int = 1, **given: Any) -> Session:
    """The backend of `server(number)`."""
    plain = {"client": "10.0.0.1", "client_port": 40_000 + number, "backend_start": ago(65)}
    return session(100 + number, **{**plain, **given})


def test_from_the_client_to_its_backend_and_back() -> None:
    who, serving = linked()
    own, direct = backend(), session(7)
    sample = snapshot([own, direct], pgbouncers=(bouncer(clients=(who, client(2)), servers=(serving,)),))
    (chain,) = chains(sample)
    assert (chain.bouncer, chain.client, chain.server, chain.session, chain.unknown) == ("b1", who, serving, own, "")
    assert chains(sample).client_of(own) is who
    assert chains(sample).client_of(own.id) is who
    assert chains(sample).client_of(direct) is None
    assert chains(sample).session_of("b1", who) is own
    assert chains(sample).session_of("b1", client(2)) is None
    assert chains(sample).session_of(sample.pgbouncers[0], serving) is own
    assert chains(sample).pids == {101}


def test_an_idle_server_has_a_backend_and_no_client() -> None:
    sample = snapshot([backend()], pgbouncers=(bouncer(servers=(server(),)),))
    (chain,) = chains(sample)
    assert (chain.client, chain.session) == (None, sample.sessions[0])
    assert chains(sample).pids == {101}


def test_a_pointer_that_was_reused_between_the_two_readings_is_not_believed() -> None:
    who, serving = linked()
    moved_on = replace_link(who, "0x59")
    sample = snapshot([backend()], pgbouncers=(bouncer(clients=(moved_on,), servers=(serving,)),))
    (chain,) = chains(sample)
    assert (chain.client, chain.session) == (None, sample.sessions[0])
    assert chains(sample).session_of("b1", moved_on) is None
    # The server has another client by now.
    other = server(link="0xc2")
    assert (
        chains(snapshot([backend()], pgbouncers=(bouncer(clients=(who,), servers=(other,)),))).session_of("b1", who)
        is None
    )


def replace_link(who: BouncerClient, link: str) -> BouncerClient:
    return who._replace(link=link)


def test_the_same_pid_on_another_server_is_not_the_backend() -> None:
    who, serving = linked()
    for other in (
        backend(client_port=1),
        backend(client=LOCAL, client_port=-1),
        backend(client=None, client_port=None),
    ):
        sample = snapshot([other], pgbouncers=(bouncer(clients=(who,), servers=(serving,)),))
        (chain,) = chains(sample)
        assert chain.session is None
        assert "another server" in chain.unknown
        assert chains(sample).client_of(other) is None
        assert chains(sample).pids == set()


def over_unix(own: Session, **given: Any) -> Snapshot:
    serving = server(address=UNIX, local_port=6432, **given)
    return snapshot([own], pgbouncers=(bouncer(servers=(serving,), databases=(database("shop", database="shop_1"),)),))


def test_over_a_unix_socket_user_database_and_age_must_agree() -> None:
    own = backend(client=LOCAL, client_port=-1, database="shop_1")
    assert chains(over_unix(own)).pids == {101}
    assert chains(over_unix(own._replace(user="batch"))).pids == set()
    assert chains(over_unix(own._replace(database="shop"))).pids == set()
    # A twin on another host: the same pid, user and database, but connected at another time.
    assert chains(over_unix(own, age=400.0)).pids == set()
    assert chains(over_unix(own, age=None)).pids == {101}
    # What is two minutes old, is two minutes younger.
    stale = over_unix(own, age=5.0)
    aged = replace(stale, pgbouncers=(replace(stale.pgbouncers[0], age=40.0, sockets_age=20.0),))
    assert chains(aged).pids == {101}


def test_behind_another_pooler_nothing_is_known() -> None:
    sample = snapshot([session(7)], pgbouncers=(bouncer(servers=(server(remote_pid=-1234567),)),))
    (chain,) = chains(sample)
    assert chain.session is None
    assert "another pooler" in chain.unknown


def test_why_a_backend_is_not_known() -> None:
    new = server(state="new", remote_pid=0)
    assert [chain.unknown for chain in chains(snapshot(pgbouncers=(bouncer(servers=(new,)),)))] == ["it is logging in"]
    blind = snapshot(exact=False, pgbouncers=(bouncer(servers=(server(),)),))
    assert [chain.unknown for chain in chains(blind)] == ["our role may not see whose backend it is"]


def test_two_pgbouncers_may_use_the_same_pointers() -> None:
    (one, serving), (two, other) = linked(1), linked(1)
    other = other._replace(remote_pid=102, local_port=40_002)
    sample = snapshot(
        [backend(1), backend(2)],
        pgbouncers=(
            bouncer(clients=(one,), servers=(serving,)),
            bouncer(name="b2", clients=(two._replace(application="report"),), servers=(other,)),
        ),
    )
    assert [chain.bouncer for chain in chains(sample)] == ["b1", "b2"]
    behind = chains(sample).client_of(sample.sessions[1])
    assert behind is not None
    assert behind.application == "report"
    session_ = chains(sample).session_of("b2", two)
    assert session_ is not None
    assert session_.pid == 102


def test_the_real_clients_of_a_hog() -> None:
    users = [client(n, link=f"0x5{n}", application="worker", address="10.0.0.8") for n in (1, 2)]
    waiting = [client(3, state="waiting", waited=4.5), client(4, state="waiting", waited=2.0), client(5)]
    servers = [server(1, link="0xc1"), server(2, link="0xc2")]
    strangers = [client(6, user="batch"), client(7, database="logs")]
    sample = snapshot(
        [backend(1), backend(2), session(7, user="batch")],
        pgbouncers=(bouncer(clients=(*users, *waiting, *strangers), servers=servers),),
    )
    by_hog = clients_by_hog(sample, chains(sample))
    hog = next(one for one in hogs(sample) if one.user == "web")
    worker, checkout = by_hog[hog_key(hog)]
    assert (worker.application, worker.address, worker.total, worker.holding) == ("worker", "10.0.0.8", 2, 2)
    assert (checkout.application, checkout.total, checkout.holding, checkout.waiting) == ("checkout", 3, 0, 2)
    assert set(by_hog) == {hog_key(hog)}
    for by in GroupBy:
        keys = {hog_key(one) for one in hogs(sample, by)}
        assert set(clients_by_hog(sample, chains(sample), by)) < keys or by in (GroupBy.APPLICATION, GroupBy.DATABASE)
        assert set(clients_by_hog(sample, chains(sample), by)) <= keys


def test_a_forced_user_stands_for_every_client() -> None:
    who = client(1, user="alice", link="0x51")
    serving = server(1, link="0xc1", user="app")
    forced = bouncer(clients=(who, client(2, user="bob")), servers=(serving,), databases=(database(force_user="app"),))
    sample = snapshot([backend(user="app")], pgbouncers=(forced,))
    (found,) = clients_by_hog(sample, chains(sample)).values()
    assert {one.user for one in found} == {"alice", "bob"}


@given(snapshots(), st.data())
def test_every_chain_is_consistent(sample: Snapshot, data: st.DataObject) -> None:
    numbers = st.integers(0, 4)
    some_clients = st.builds(lambda n, m: client(n, link=f"0x5{m}"), numbers, numbers)
    pids_ = st.sampled_from([one.pid for one in sample.sessions] or [1])
    some_servers = st.builds(
        lambda n, m, pid, address: server(n, link=f"0xc{m}", remote_pid=pid, address=address),
        numbers,
        numbers,
        pids_,
        st.sampled_from([UNIX, "10.0.0.9"]),
    )
    theirs = bouncer(
        clients=data.draw(st.lists(some_clients, max_size=5, unique_by=lambda one: one.ptr)),
        servers=data.draw(st.lists(some_servers, max_size=5, unique_by=lambda one: one.ptr)),
    )
    sample = replace(sample, pgbouncers=(theirs,))
    for chain in chains(sample):
        assert chain.client is None or (chain.client.link, chain.server.link) == (chain.server.ptr, chain.client.ptr)
        assert chain.session is None or chain.session.pid == chain.server.remote_pid
        assert bool(chain.unknown) is (chain.session is None)
        if chain.client is not None and chain.session is not None:
            assert chains(sample).session_of("b1", chain.client) is chain.session
    assert chains(sample).pids <= set(pids(sample.sessions))
