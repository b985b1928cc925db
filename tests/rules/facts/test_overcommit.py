"""The most that PgBouncers can ask for, and which pools to cut."""

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bouncers import bouncer, database, server, settings
from pgheadroom.model.bouncer import BouncerUser
from pgheadroom.model.overcommit import Overcommitment
from pgheadroom.model.pool import PgBouncer, Pool
from pgheadroom.model.snapshot import Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.rules.facts.case import Case
from pgheadroom.rules.facts.chain import chains
from pgheadroom.rules.facts.most_servers import Pipe, most_servers
from pgheadroom.rules.facts.overcommit import overcommitment, proposals, sentence
from pgheadroom.rules.findings.overcommitted import overcommitted
from samples import ago, many, pool, roles, session, snapshot
from sure import sure


def asked(sample: Snapshot, processes: Mapping[str, int] | None = None) -> Overcommitment | None:
    return overcommitment(sample, capacity(sample).usable, chains(sample), processes)


def with_pools(*pools: Pool, **given: Any) -> PgBouncer:
    return bouncer(pools=pools, **given)


def demand(*bouncers: PgBouncer, processes: Mapping[str, int] | None = None) -> int | None:
    found = asked(snapshot(pgbouncers=bouncers), processes)
    assert found is not None
    return found.demand


def test_pools_and_reserves_are_added_up() -> None:
    assert demand(with_pools(pool(size=20, reserve=5), pool(user="batch", size=10))) == 35
    one = with_pools(pool(size=20))
    assert demand(one, with_pools(pool(size=20), name="b2")) == 40
    assert demand(one, processes={"b1": 4}) == 80
    off = with_pools(pool(size=20, reserve=5), config=settings(reserve_pool_timeout="0"))
    assert demand(off) == 20


def test_processes_that_share_a_port_are_counted_as_far_as_they_are_known() -> None:
    shared: dict[str, Any] = {
        "config": settings(so_reuseport="1"),
        "peers": ("/run/b1:6432", "/run/b2:6432", "/run/b3:6432"),
    }
    first = with_pools(pool(size=20), **shared)
    assert demand(first) == 60
    assert demand(first, with_pools(pool(size=20), name="b2", **shared)) == 60
    assert demand(with_pools(pool(size=20), peers=shared["peers"])) == 20, (
        "peers on other machines are asked themselves"
    )
    assert demand(with_pools(pool(size=20), config=shared["config"])) == 20


def test_empty_pools_of_users_that_are_gone_ask_for_nothing() -> None:
    gone = [pool(user=f"tmp{number}", size=20) for number in range(4000)]
    off = pool(user="off", size=20)
    known = roles(Role("web", False, None), Role("off", False, None, login=False))
    found = asked(snapshot(pgbouncers=(with_pools(pool(size=20), off, *gone),), roles=known))
    assert found is not None
    assert (found.demand, len(found.pools)) == (20, 1)
    used = pool(user="tmp", size=20, cl_waiting=1)
    found = asked(snapshot(pgbouncers=(with_pools(pool(size=20), used),), roles=known))
    assert found is not None
    assert found.demand == 40


def test_a_database_that_nobody_has_used_yet_counts_as_one_pool() -> None:
    unused = database("logs", pool_size=7, reserve=3)
    found = asked(snapshot(pgbouncers=(with_pools(pool(size=20), databases=(database(), unused)),)))
    assert found is not None
    assert found.demand == 30
    assert [(one.database, one.user, one.most) for one in found.pools] == [("shop", "web", 20), ("logs", "", 10)]


def test_the_caps_of_a_database_and_of_a_user() -> None:
    pools = (pool(size=20), pool(user="batch", size=20))
    assert demand(with_pools(*pools, databases=(database(max_connections=25),))) == 25
    assert demand(with_pools(*pools, config=settings(max_user_connections="8"))) == 16
    users = (BouncerUser("web", max_connections=3), BouncerUser("batch", max_connections=0))
    assert demand(with_pools(*pools, config=settings(max_user_connections="8"), users=users)) == 23


def test_unlimited_pools() -> None:
    assert demand(with_pools(pool(size=0))) is None
    assert demand(with_pools(pool(size=0), databases=(database(max_connections=40),))) == 40
    # Before 1.24 a pool of size 0 opens nothing.
    assert demand(with_pools(pool(size=0, reserve=2), version="1.23.0")) == 2
    found = asked(snapshot(pgbouncers=(with_pools(pool(size=0)),)))
    assert found is not None
    assert sentence(found) == "this configuration can ask for any number of 97 slots"
    assert proposals(found) == ("b1 shop/web: pool_size unlimited to 97",)


def test_what_leads_to_another_server_is_not_counted() -> None:
    other = database("logs", host="10.0.0.10")
    pools = (pool(size=20), pool(database="logs", size=300), pool(database="more", size=50))
    servers = (server(1), server(2, database="logs", remote_pid=999))
    own = session(101, client="10.0.0.1", client_port=40_001, backend_start=ago(65))
    theirs = with_pools(*pools, servers=servers, databases=(database(), other, database("more", host="10.0.0.10")))
    found = asked(snapshot([own], pgbouncers=(theirs,)))
    assert found is not None
    assert [one.database for one in found.pools] == ["shop"]
    # Who may not see the backends cannot know.
    blind = asked(snapshot([own], exact=False, pgbouncers=(theirs,)))
    assert blind is not None
    assert blind.demand == 370


def test_nothing_is_said_without_pools() -> None:
    assert asked(snapshot()) is None
    assert asked(snapshot(pgbouncers=(bouncer(databases=()),))) is None


def test_what_is_not_known_is_said() -> None:
    unseen = bouncer(name="b2", age=None, databases=())
    found = asked(snapshot(pgbouncers=(with_pools(pool(size=None), pool(user="batch", size=5)), unseen)))
    assert found is not None
    assert found.demand == 5
    assert found.not_counted == ("b1 shop/web", "b2")


def test_the_words() -> None:
    def words(size: int, direct: int) -> tuple[str, tuple[str, ...]]:
        found = asked(snapshot(many(direct), pgbouncers=(with_pools(pool(size=size)),)))
        assert found is not None
        return sentence(found), proposals(found)

    assert words(320, 20) == (
        "this configuration can ask for 320 of 97 slots",
        ("b1 shop/web: pool_size 320 to 77",),
    )
    assert words(90, 20) == (
        "this configuration can ask for 90 of 97 slots, with 20 direct sessions beside it: 77 are left",
        ("b1 shop/web: pool_size 90 to 77",),
    )
    assert words(50, 1) == ("this configuration asks for 50 of 97 slots at most, with 1 direct session beside it", ())


def test_the_largest_pools_are_cut_and_the_small_ones_keep_what_they_have() -> None:
    pools = (pool(size=80, reserve=20), pool(user="batch", size=50), pool(user="cron", size=5))
    found = asked(snapshot(many(12), pgbouncers=(with_pools(*pools),)))
    assert found is not None
    assert (found.demand, found.room, found.exceeds, found.fits, found.enough) == (155, 85, True, False, True)
    assert proposals(found) == (
        "b1 shop/web: pool_size 80 to 40, reserve_pool_size 20 to 0",
        "b1 shop/batch: pool_size 50 to 40",
    )


def test_more_pools_than_slots() -> None:
    pools = [pool(user=f"u{number}", size=10) for number in range(30)]
    found = asked(snapshot(many(90), pgbouncers=(with_pools(*pools),)))
    assert found is not None
    assert not found.enough
    assert {(cut.size, cut.reserve) for cut in found.cuts} == {(1, 0)}
    assert proposals(found)[-1] == "30 pools for 7 slots: fewer pools are needed"


def test_the_finding() -> None:
    plain = Thresholds()
    assert list(overcommitted(Case(snapshot(pgbouncers=(with_pools(pool(size=90)),)), plain))) == []
    (found,) = overcommitted(Case(snapshot(many(3), pgbouncers=(with_pools(pool(size=320, reserve=5)),)), plain))
    assert found.sentence == "PgBouncer: this configuration can ask for 325 of 97 slots"
    assert found.evidence == (
        "1 pool; 3 direct sessions",
        "b1 shop/web: pool_size 320 to 94, reserve_pool_size 5 to 0",
    )


sizes = st.integers(0, 60)
pools_ = st.lists(
    st.builds(
        lambda database, user, size, reserve: pool(database=database, user=user, size=size, reserve=reserve),
        st.sampled_from("abc"),
        st.sampled_from("xyz"),
        sizes,
        st.integers(0, 9),
    ),
    unique_by=lambda one: (one.database, one.user),
    max_size=9,
)


@st.composite
def bouncers_(draw: Callable[..., Any], name: str) -> PgBouncer:
    databases = tuple(
        database(one, pool_size=draw(sizes), max_connections=draw(st.sampled_from([0, 0, 5, 30])))
        for one in draw(st.sets(st.sampled_from("abcd")))
    )
    cap = draw(st.sampled_from(["0", "4", "40"]))
    version = draw(st.sampled_from(["1.18.0", "1.25.2"]))
    config = settings(max_user_connections=cap)
    return bouncer(name=name, pools=tuple(draw(pools_)), databases=databases, config=config, version=version)


@given(bouncers_("b1"), bouncers_("b2"), st.integers(0, 120), st.integers(1, 3))
def test_the_cuts_fit_and_no_greater_ones_do(one: PgBouncer, two: PgBouncer, direct: int, processes: int) -> None:
    sample = snapshot(many(direct), pgbouncers=(one, two))
    found = asked(sample, {"b1": processes})
    if found is None:
        return
    assert (found.cuts == ()) is (found.fits or all(cut_none(found)))
    if not found.cuts:
        return
    if found.enough:
        assert after(sample, found, processes) <= found.room
    for cut in found.cuts:
        assert cut.size + cut.reserve >= 1
        assert cut.pool.most is None or cut.size + cut.reserve < cut.pool.most
        assert cut.pool.size is None or cut.size <= cut.pool.size
        assert cut.reserve <= cut.pool.reserve
    heights = {cut.size + cut.reserve for cut in found.cuts}
    assert len(heights) == 1
    if found.enough:
        assert after(sample, found, processes, more=1) > found.room


def cut_none(found: Overcommitment) -> list[bool]:
    """No pool is larger than one server: there is nothing to cut."""
    return [one.most is not None and one.most <= 1 for one in found.pools]


def after(sample: Snapshot, found: Overcommitment, processes: int, more: int = 0) -> int:
    """What the PgBouncers may ask for once the cuts are made, each `more` too small."""
    cuts = {(cut.pool.bouncer, cut.pool.database, cut.pool.user): cut for cut in found.cuts}
    total = 0
    for one in sample.pgbouncers:
        mine = [pool_ for pool_ in found.pools if pool_.bouncer == one.name]
        pipes = []
        for pool_ in mine:
            cut = cuts.get((one.name, pool_.database, pool_.user))
            most = pool_.most if cut is None else cut.size + cut.reserve + more
            pipes.append(Pipe(pool_.database, pool_.user, sure(most)))
        caps = {entry.name: entry.max_connections for entry in one.databases if entry.max_connections}
        cap = one.limit("max_user_connections")
        users = {pool_.user: cap for pool_ in mine if pool_.user and cap}
        total += (processes if one.name == "b1" else 1) * most_servers(pipes, caps, users)
    return total


@given(
    st.lists(st.builds(Pipe, st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 3)), max_size=4),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 4)),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 4)),
)
def test_the_most_is_the_most_that_any_distribution_has(
    pipes: Sequence[Pipe], database_caps: Mapping[str, int], user_caps: Mapping[str, int]
) -> None:
    best = 0
    for chosen in product(*(range(pipe.most + 1) for pipe in pipes)):
        allowed = all(
            sum(n for n, pipe in zip(chosen, pipes, strict=True) if pipe.database == name) <= cap
            for name, cap in database_caps.items()
        ) and all(
            sum(n for n, pipe in zip(chosen, pipes, strict=True) if pipe.user == name) <= cap
            for name, cap in user_caps.items()
        )
        best = max(best, sum(chosen)) if allowed else best
    assert most_servers(pipes, database_caps, user_caps) == best


def test_what_was_given_to_one_pool_may_be_better_with_another() -> None:
    pipes = [Pipe("a", "x", 1), Pipe("a", "y", 1), Pipe("b", "x", 1)]
    caps = {"a": 1, "b": 1}, {"x": 1, "y": 1}
    for ordered in permutations(pipes):
        assert most_servers(ordered, *caps) == 2


@pytest.mark.parametrize("count", [400])
def test_many_pools_are_quick(count: int) -> None:
    pools = [pool(user=f"u{number}", database=f"d{number % 20}", size=20) for number in range(count)]
    caps = [database(f"d{number}", max_connections=50) for number in range(20)]
    theirs = with_pools(*pools, databases=tuple(caps), config=settings(max_user_connections="15"))
    found = asked(snapshot(pgbouncers=(theirs,)))
    assert found is not None
    assert found.demand == 20 * 50
