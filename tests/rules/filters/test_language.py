from collections.abc import Sequence
from datetime import timedelta
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.errors import EXIT_USAGE
from pgheadroom.model.application import family
from pgheadroom.model.session import LOCAL, Session, State
from pgheadroom.rules.filters.conditions import AGES, NAMES, STATE_WORDS, Condition, Value
from pgheadroom.rules.filters.language import Filter, FilterError, condition, family_condition, parse_filter, pattern
from samples import NOW, ago, hidden, session
from strategies import sessions, texts


def takes(read: Filter, one: Session) -> bool:
    """Whether a filter takes in this session."""
    return read.select([one], NOW) == [one]


def matches(text: str, one: Session) -> bool:
    return takes(parse_filter(text), one)


def test_without_conditions_everything_matches() -> None:
    nothing = parse_filter("  ")
    assert not nothing
    assert takes(nothing, session())


@pytest.mark.parametrize(
    "text",
    [
        "user:web",
        "USER:WEB",
        "user=web",
        "USER=batch,web",
        "app=check*",
        "-user=WEB",
        "state=idle",
        "user:batch,web",
        "db:sh?p",
        "database:SHOP",
        "app:check*",
        "app:CHECK*",
        "application:'checkout'",
        "client:10.0.0.7",
        "client:10.0.0.0/8",
        "client:10.0.0.9/8",
        "client:10.0.*",
        "client:::ffff:10.0.0.7,10.0.0.7",
        "state:idle",
        "state:i",
        "state:idle*",
        "pid:7,100",
        "query:SELECT",
        "query:sel*1",
        'query:"lect 1"',
        'type:"client backend"',
        "type:client*",
        'wait:""',
        "age>4s",
        "age>=5s",
        "age<6",
        "conn>1m",
        "-user:batch",
        "!app:check",
        "check",
        "SHOP",
        "10.0.0",
        "100",
        "user:web check shop",
        '-"other text"',
        "state:idle -user:x",
    ],
)
def test_matches(text: str) -> None:
    assert matches(text, session(100, client="10.0.0.7", since=5))


@pytest.mark.parametrize(
    "text",
    [
        "user:we",
        "user=WEB",
        "db=Shop",
        "app=CHECK*",
        "type='Client backend'",
        "user:batch",
        "db:s?p",
        "app:check",
        'app:"check\\*"',
        "client:10.1.0.0/16",
        "client:local",
        "state:idletx",
        "state:active,aborted",
        "pid:10",
        "query:delete",
        "age>5s",
        "age<5s",
        "xact>0s",
        "running>0s",
        "-user:web",
        "!state:idle",
        "wait:Lock",
        "nothing",
        "user:web nothing",
        "check*",
    ],
)
def test_does_not_match(text: str) -> None:
    assert not matches(text, session(100, client="10.0.0.7", since=5))


def test_waits_by_type_event_or_both() -> None:
    one = session(state=State.ACTIVE, wait_event_type="Lock", wait_event="relation")
    assert all(matches(text, one) for text in ("wait:lock", "wait:relation", "wait:Lock:relation", "wait:Lock:*"))
    assert not matches("wait:IO", one)


def test_states_and_their_short_names() -> None:
    idler, failed = session(state=State.IDLE_IN_TRANSACTION), session(state=State.ABORTED)
    for text in ("state:idletx", 'state:"idle in transaction"', "state:idle_in_transaction"):
        assert matches(text, idler)
        assert not matches(text, failed)
    assert matches("state:idletx,aborted", failed)
    assert matches("state:ab", failed)


def test_clients_on_sockets_and_of_version_6() -> None:
    assert matches("client:local", session(client=LOCAL))
    assert matches("client:2001:db8::/32", session(client="2001:db8:0:0::1"))
    assert matches("client:[2001:db8::1]", session(client="2001:db8:0:0::1"))
    assert matches('client:""', session(client=None))
    assert not matches("client:0.0.0.0/0", session(client=LOCAL))


def test_a_running_query_counts_only_while_it_runs() -> None:
    assert matches("query>1h", session(state=State.ACTIVE, query_start=ago(3700)))
    assert not matches("query>1h", session(state=State.IDLE, query_start=ago(3700)))


@pytest.mark.parametrize("column", AGES)
@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
def test_what_is_not_known_matches_no_span_also_not_turned_round(column: str, operator: str) -> None:
    assert not matches(f"{column}{operator}5s", hidden(1))
    assert not matches(f"-{column}{operator}5s", hidden(1))


@given(sessions(), st.sampled_from(sorted(AGES)), st.sampled_from([">", ">=", "<", "<="]), st.integers(0, 10**6))
def test_a_span_turned_round_is_its_opposite_where_it_is_known(
    one: Session, column: str, operator: str, limit: int
) -> None:
    plain, turned = matches(f"{column}{operator}{limit}", one), matches(f"-{column}{operator}{limit}", one)
    assert not (plain and turned)
    assert (plain or turned) == (AGES[column](one) is not None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("usr:web", "did you mean user?"),
        ("colour:red", "there are user, db, app"),
        ("http://x", "Text with : = or ~ needs quotes"),
        ("user:", 'user:"" finds sessions without any'),
        ("user=", 'user:"" finds sessions without any'),
        ("age=10m", "write age>10m"),
        ("user:a,", "needs a value"),
        ("age>", "age> needs a value"),
        ("age:10m", "write age>10m"),
        ("user>3", "write user:3"),
        ("age>soon", "'soon' is not a duration"),
        ("age>1m,2m", "one span"),
        ("age>999999999999999d", "longer than any session"),
        ("pid:x", "not a number"),
        ("client:web1", "a network like 10.0.0.0/8"),
        ("state:busy", "idletx"),
        ("state:", "needs a value"),
        ('app:"x', "a quote is not closed"),
        ("- x", "directly before one"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_what_would_be_right(text: str, told: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == EXIT_USAGE


values = st.one_of(texts, st.text("ab*?\\\"', -:", max_size=6))


@given(values, values)
def test_a_condition_made_from_a_value_finds_exactly_that_value(value: str, other: str) -> None:
    read = parse_filter(condition("app", value))
    assert takes(read, session(application=value))
    assert takes(read, session(application=other)) == (other == value)
    assert not takes(read, session(application=value.swapcase())) or value == value.swapcase()


def test_several_values_are_alternatives_each_exactly() -> None:
    read = parse_filter(condition("user", "web", "We*b,x"))
    assert [takes(read, session(user=name)) for name in ("web", "We*b,x", "WEB", "Wexb,x")] == [
        True, True, False, False,
    ]  # fmt: skip


@given(values)
def test_patterns_take_any_text(text: str) -> None:
    assert matches(pattern("app", f"{text}*"), session(application=text + "rest"))


conditions = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["user", "db", "app", "type", "wait", "query"]),
        st.just(":"),
        st.lists(st.one_of(values.map(Value.exactly), values.map(Value.bare)), min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(
        Condition,
        st.sampled_from(sorted(NAMES)),
        st.just("="),
        st.lists(st.one_of(values.map(Value.exactly), values.map(Value.bare)), min_size=1, max_size=3).map(tuple),
        st.booleans(),
    ),
    st.builds(Condition, st.just("contains"), st.just(":"), values.map(lambda v: (Value.exactly(v),)), st.booleans()),
    st.builds(
        Condition,
        st.just("state"),
        st.just(":"),
        st.lists(st.sampled_from(sorted(STATE_WORDS)).map(Value.exactly), min_size=1).map(tuple),
        st.booleans(),
    ),
    st.builds(
        Condition,
        st.sampled_from(sorted(AGES)),
        st.sampled_from([">", ">=", "<", "<="]),
        st.integers(0, 1000).map(lambda n: (Value.exactly(f"{n}s"),)),
        st.booleans(),
    ),
)


@given(st.lists(conditions, max_size=4).map(tuple))
def test_what_is_written_reads_as_the_same_filter(given_conditions: tuple[Condition, ...]) -> None:
    written = str(Filter(given_conditions))
    assert parse_filter(written).conditions == given_conditions
    assert str(parse_filter(written)) == written


@given(st.text("ab:\"'<>=,*?-! \n\x1b\\pidusert123/.", max_size=25))
def test_any_text_is_read_or_refused_in_one_line_and_what_is_read_stays_the_same(text: str) -> None:
    told = ""
    try:
        read = parse_filter(text)
    except FilterError as mistake:
        told = str(mistake)
    else:
        assert parse_filter(str(read)) == read
    assert told.isprintable()


@given(st.lists(sessions(), max_size=10), st.lists(conditions, max_size=3).map(tuple))
def test_selecting_is_matching_each(given_sessions: Sequence[Session], given_conditions: tuple[Condition, ...]) -> None:
    read = parse_filter(str(Filter(given_conditions)))
    assert read.select(given_sessions, NOW) == [one for one in given_sessions if takes(read, one)]


def test_five_thousand_sessions_are_filtered_between_two_key_presses() -> None:
    everybody = [session(n, user=f"u{n % 9}", client=f"10.0.{n % 9}.{n % 200}", since=n) for n in range(5000)]
    read = parse_filter("user:u* client:10.0.0.0/8 age>1s state:idle -app:x text select")
    durations = []
    for _ in range(5):
        began = thread_time()
        read.select(everybody, NOW + timedelta(seconds=1))
        durations.append(thread_time() - began)
    assert min(durations) < 0.1  # seconds of CPU: about 0.005


# --- wildcards -------------------------------------------------------------------------------------------------------


def means(pieces: list[str], text: str) -> bool:
    """What a pattern means, said as plainly as can be."""
    if not pieces:
        return not text
    if pieces[0] == "*":
        return means(pieces[1:], text) or (bool(text) and means(pieces, text[1:]))
    return bool(text) and (pieces[0] in ("?", text[0]) or pieces[0] == "\\" + text[0]) and means(pieces[1:], text[1:])


@given(st.lists(st.sampled_from(["a", "b", "*", "?", "\\*", "\\?"]), max_size=6), st.text("ab*?\n", max_size=7))
def test_a_pattern_means_what_it_says(pieces: list[str], text: str) -> None:
    value = Value("".join(pieces))
    assert bool(value.expression(exact=True).fullmatch(text)) is means(pieces, text)
    assert bool(value.expression(within=True).fullmatch(text)) is means(["*", *pieces, "*"], text)


@pytest.mark.parametrize("condition", ["app:*a*a*a*a*a*a*b", "query:a*a*a*a*a*a*b", "app~a*a*a*a*a*a*b"])
def test_a_pattern_of_many_stars_is_as_quick_as_another(condition: str) -> None:
    """It took 8 seconds for one name of 64 letters; for these it would take years."""
    long = session(application="a" * 20_000, query="a" * 20_000)
    assert not matches(condition, long)


def test_a_hog_of_several_names_is_filtered_for_exactly_its_members() -> None:
    chosen = parse_filter(f"{family_condition('apps', 'sidekiq *')} {family_condition('host', '10.0.0.7')}")
    assert str(chosen) == 'apps:"sidekiq *" host:10.0.0.7'
    members = [
        session(1, application="sidekiq 1"),
        session(2, application="sidekiq 20 - 10.0.0.7:999", client="10.0.0.1"),
    ]
    others = [
        session(3, application="sidekiq pro"),
        session(4, application="Sidekiq 1"),
        session(5, application="sidekiq 1 2"),
        session(6, application="sidekiq 1 - 10.0.0.8:999"),
    ]
    assert chosen.select([*members, *others], NOW) == members


@given(texts)
def test_the_condition_of_a_family_takes_in_its_name(name: str) -> None:
    one = session(application=name)
    assert takes(parse_filter(family_condition("apps", family(name))), one)
