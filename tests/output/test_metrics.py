"""Metrics: what is told, what is not, and how it is written."""

import csv
import io
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_form
from prometheus_client.parser import text_string_to_metric_families as text_form

from pgheadroom.analysis import analyse
from pgheadroom.history.sticky import Sticky
from pgheadroom.model.bouncer import Setting
from pgheadroom.model.metrics import Kind, MetricFamily, MetricSample
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.compat import EXPORTERS, compat_families
from pgheadroom.output.exposition import openmetrics, prometheus_text
from pgheadroom.output.families import Families, counter, merged
from pgheadroom.output.tables import TABLES, to_csv
from samples import NOW, ago, databases, hidden, many, pool, roles, session, snapshot, waiter
from servers import missing
from strategies import snapshots

PLAIN = Thresholds()


def told(sample: Snapshot, families: Families | None = None) -> dict[str, float]:
    """Each series as it is written, with its value."""
    text = prometheus_text((families or Families("t")).of(analyse(sample, PLAIN)))
    series = [line.rsplit(" ", 1) for line in text.split("\n") if not line.startswith("#")]
    assert len({name for name, _ in series}) == len(series)
    return {name: float(value) for name, value in series}


def of(name: str, found: dict[str, float]) -> dict[str, float]:
    return {key: value for key, value in found.items() if key.startswith(f"pgheadroom_{name}{{")}


def test_slots_limits_locks_and_pools_are_told() -> None:
    crowd = [*many(94, 500), session(1, State.IDLE_IN_TRANSACTION, 400), waiter(2, 1, since=30)]
    sample = snapshot(
        crowd,
        roles=roles(Role("web", False, 96)),
        pgbouncers=(
            PgBouncer("one", pools=(pool(cl_waiting=3, maxwait=1.5, size=5),)),
            PgBouncer("two", pools=(pool(cl_waiting=4),)),
            PgBouncer("gone", pools=(pool(cl_waiting=9),), trouble="no answer"),
        ),
    )
    found = told(sample)
    assert found['pgheadroom_slots_used{target="t"}'] == 96
    assert found['pgheadroom_slots_free{target="t"}'] == 1
    assert found['pgheadroom_slots_free_superuser{target="t"}'] == 4
    assert found['pgheadroom_limit_used_sessions{target="t",kind="role",name="web"}'] == 96
    assert found['pgheadroom_lock_waiters{target="t"}'] == 1
    assert found['pgheadroom_idle_in_transaction_oldest_seconds{target="t"}'] == 400
    assert found['pgheadroom_pool_clients_waiting{target="t",pgbouncer="one",database="shop",user="web"}'] == 3
    assert found['pgheadroom_pools_clients_waiting{target="t",database="shop",user="web"}'] == 7
    assert found['pgheadroom_pgbouncer_up{target="t",pgbouncer="gone"}'] == 0
    assert found['pgheadroom_finding{target="t",family="server-slots"}'] == 1
    assert found['pgheadroom_finding_severity{target="t",family="server-slots"}'] == 3
    assert found['pgheadroom_finding{target="t",family="leak"}'] == 0
    assert sum(of("sessions", found).values()) == sum(of("hog_sessions", found).values()) == 96
    assert of("until_full_seconds", found) == {}


def test_what_cannot_be_seen_has_no_series() -> None:
    found = told(snapshot([session(), hidden(7)], exact=False))
    assert not {name for name in found if name.startswith(("pgheadroom_slots_used", "pgheadroom_slots_free"))}
    assert found['pgheadroom_counts_exact{target="t"}'] == 0
    assert found['pgheadroom_slots_usable{target="t"}'] == 97


def test_labels_stay_bounded_while_the_largest_change() -> None:
    families = Families("t", top=3)
    seen: set[str] = set()
    for number in range(30):
        sample = snapshot(many(5 + number, user=f"user{number}"), taken_at=ago(-number))
        found = of("hog_sessions", told(sample, families))
        assert sum(found.values()) == 5 + number
        seen |= set(found)
    assert len(seen) == 4
    later = of("hog_sessions", told(snapshot(many(2, user="late"), taken_at=ago(-4000)), families))
    assert [value for name, value in later.items() if 'user="late"' in name] == [2]


def test_who_is_in_stays_in_although_another_is_larger() -> None:
    sticky: Sticky[str] = Sticky(1, stays=60)
    assert sticky.choose({"a": 2, "b": 1}, NOW) == ("a",)
    assert sticky.choose({"a": 1, "b": 5}, ago(-30)) == ("a",)
    assert sticky.choose({"b": 5}, ago(-80)) == ("a",)
    assert sticky.choose({"b": 5}, ago(-90)) == ("b",)


def test_somebody_who_is_called_other_is_counted_with_the_rest() -> None:
    one = session(1, user="other", application="other", database="other")
    assert list(of("hog_sessions", told(snapshot([one]))).values()) == [1]


@given(snapshots(), st.text(max_size=5), st.text(max_size=5))
def test_whatever_is_seen_is_written_so_that_it_can_be_read(sample: Snapshot, name: str, other: str) -> None:
    strange = [session(1, application=name), session(2, application=other)]
    text = openmetrics(Families(name).of(analyse(sample, PLAIN)) + Families().of(analyse(snapshot(strange), PLAIN)))
    label = r'[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"'
    line = re.compile(rf"# (HELP|TYPE) pgheadroom_\w+ .+|pgheadroom_\w+(\{{{label}(,{label})*\}})? -?[0-9.e+-]+|# EOF")
    assert all(line.fullmatch(one) for one in text.split("\n"))
    assert text.endswith("# EOF")


def test_counters_bear_total_where_each_form_wants_it() -> None:
    families = merged([[counter("x", "X", ((("a", '"\\'),), 2))], [counter("x", "X", ((), 3))]])
    assert openmetrics(families).split("\n") == [
        "# HELP pgheadroom_x X", "# TYPE pgheadroom_x counter",
        'pgheadroom_x_total{a="\\"\\\\"} 2', "pgheadroom_x_total 3", "# EOF",
    ]  # fmt: skip
    assert "# TYPE pgheadroom_x_total counter" in prometheus_text(families)
    with pytest.raises(ValueError, match="no value"):
        prometheus_text([MetricFamily("x", Kind.GAUGE, "X", [MetricSample((), float("inf"))])])


def test_promtool_finds_nothing_to_complain_of() -> None:
    sample = snapshot(many(95), pgbouncers=(PgBouncer("one", pools=(pool(),)),), roles=roles(Role("web", False, 96)))
    promtool_is_content(prometheus_text(Families("t").of(analyse(sample, PLAIN))))


def promtool_is_content(text: str) -> None:
    """Skips without promtool; call it last."""
    program = shutil.which("promtool")
    if program is None:
        missing("promtool is not installed (Debian: prometheus)")
    done = subprocess.run([program, "check", "metrics"], input=text + "\n", capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_names_of_other_exporters_say_what_they_promise() -> None:
    crowd = [*many(5), session(1, State.ACTIVE, 30), session(2, State.STARTING, database=None)]
    most = Setting("max_client_conn", "100", None, True)
    bouncer = PgBouncer("one", pools=(pool(cl_waiting=2, maxwait=1.25),), config=(most,))
    sample = snapshot(crowd, authenticating=2, pgbouncers=(bouncer,), databases=databases(Database("shop", None)))
    text = prometheus_text(compat_families(analyse(sample, PLAIN), EXPORTERS, "t"))
    found = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.split("\n") if line[0] != "#")}
    counts = {name: value for name, value in found.items() if name.startswith("pg_stat_activity_count")}
    assert sum(counts.values()) == analyse(sample, PLAIN).capacity.used == 9
    assert counts['pg_stat_activity_count{target="t",datname="shop",state="idle"}'] == 5
    assert counts['pg_stat_activity_count{target="t",datname="shop",state="disabled"}'] == 0
    assert found['pg_stat_activity_max_tx_duration{target="t",datname="shop",state="active"}'] == 30
    assert found['pg_settings_max_connections{target="t"}'] == 100
    shop = 'target="t",pgbouncer="one",database="shop",user="web"'
    assert found[f"pgbouncer_pools_client_maxwait_seconds{{{shop}}}"] == 1.25
    assert found['pgbouncer_config_max_client_connections{target="t",pgbouncer="one"}'] == 100
    for form, parse in ((prometheus_text, text_form), (openmetrics, open_form)):
        assert list(parse(form(compat_families(analyse(sample, PLAIN), EXPORTERS, "t")) + "\n"))


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_csv_that_no_spreadsheet_runs(table: str) -> None:
    crowd = [*many(94, 500, application="=cmd()\n"), waiter(1, 500, since=90)]
    case = analyse(snapshot(crowd, pgbouncers=(PgBouncer("one", pools=(pool(),)),)), PLAIN)
    rows = list(csv.DictReader(io.StringIO(to_csv(case, table))))
    assert len(rows) == {"sessions": 95, "hogs": len(case.hogs), "locks": len(case.locks), "pools": 1}.get(
        table, len(case.findings)
    )
    assert all(None not in row and not str(value).startswith("=") for row in rows for value in row.values())
    if table == "hogs":
        assert rows[0]["application"] == "'=cmd() "
