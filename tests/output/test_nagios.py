"""The plugin's lines, read by a parser that is written from the guideline alone."""

import re
from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.analysis import analyse
from pgheadroom.model.health import Status
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Role
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.model.verdict import Measure, Verdict
from pgheadroom.output.check import judged, not_seen
from pgheadroom.output.nagios import line, plugin_output, plugin_output_of_all
from pgheadroom.rules.verdict.health import overall
from samples import many, pool, roles, snapshot

_PIECE = re.compile(r"('(?:[^']|'')+'|[^\s=']+)=(\S*)")


@dataclass(frozen=True)
class Read:
    """A piece of performance data."""

    value: float
    unit: str
    warning: str
    critical: str

    @property
    def status(self) -> Status:
        if alarms(self.critical, self.value):
            return Status.CRITICAL
        return Status.WARNING if alarms(self.warning, self.value) else Status.OK


def alarms(text: str, value: float) -> bool:
    """The guideline's ranges: `[@]start:end`, alarm outside, with @ inside; ends belong to the range."""
    if not text:
        return False
    inside, text = text.startswith("@"), text.removeprefix("@")
    start, colon, end = text.partition(":")
    if not colon:
        start, end = "0", start
    low = -inf if start == "~" else float(start or 0)
    high = float(end) if end else inf
    assert low <= high
    return (low <= value <= high) is inside


def parse(text: str) -> tuple[str, dict[str, Read]]:
    """The status, and the data by its label."""
    first = text.split("\n")[0]
    told, _, data = first.partition("|")
    status = re.match(r"(OK|WARNING|CRITICAL|UNKNOWN) - ", told)
    assert status is not None
    pieces = {}
    for label, rest in _PIECE.findall(data):
        value, *levels = rest.split(";")
        number = re.fullmatch(r"(-?[0-9.]+)(s|%|B|c)?", value)
        assert number is not None
        levels += ["", ""]
        pieces[label] = Read(float(number[1]), number[2] or "", levels[0], levels[1])
    assert re.sub(_PIECE, "", data).strip() == ""
    return status[1], pieces


@pytest.mark.parametrize(
    ("text", "value", "alarm"),
    [("10", 10, False), ("10", 11, True), ("10", -1, True), ("10:", 9, True), ("10:", 10, False), ("~:10", -5, False),
     ("10:20", 20, False), ("10:20", 21, True), ("@10:20", 20, True), ("@10:20", 21, False)],
)  # fmt: skip
def test_the_parser_reads_the_examples_of_the_guideline(text: str, value: float, alarm: bool) -> None:
    assert alarms(text, value) is alarm


_TIMES = st.integers(0, 40_000).map(lambda one: one / 1000)
_SLOTS = st.one_of(
    st.integers(0, 110), st.integers(0, 110).map(lambda n: f"{n}%"), st.integers(1, 99).map(lambda n: -n)
)


@given(
    used=st.integers(0, 100), limit=st.integers(1, 60), idle=st.integers(0, 12), waited=_TIMES,
    slots=_SLOTS, roles_at=_SLOTS, most=st.integers(0, 12), wait=_TIMES,
)  # fmt: skip
def test_verdict_and_printed_ranges_agree(
    used: int, limit: int, idle: int, waited: float, slots: int | str, roles_at: int | str, most: int, wait: float
) -> None:
    thresholds = Thresholds.from_mapping(
        {
            "usage": [slots, slots],
            "limit": {"warning": roles_at, "critical": roles_at},
            "idle_in_transaction": [most, most],
            "pool_maxwait": [wait, wait],
            "oldest_idle_in_transaction": [5, 5],
        }
    )
    idlers = many(min(used, idle), 5000, state=State.IDLE_IN_TRANSACTION)
    seen = snapshot(
        [*many(used - len(idlers)), *idlers],
        roles=roles(Role("web", False, limit)),
        pgbouncers=(PgBouncer("pgb", pools=(pool(cl_waiting=1, maxwait=waited),)),),
    )
    case = analyse(seen, thresholds)
    told, data = parse(plugin_output(judged(case, only={one.metric for one in case.health})))
    assert Status(told) is overall(case.health)
    by_metric = {one.metric: one.status for one in case.health}
    labels = {
        "used_slots": "connection_usage_percent",
        "fullest_limit": "limit_usage_percent",
        "idle_in_transaction_count": "idle_in_transaction_count",
        "oldest_idle_in_transaction": "oldest_idle_in_transaction_seconds",
        "pool_maxwait": "pool_maxwait_seconds",
        "pool_clients_waiting": "pool_clients_waiting",
    }
    assert {label: data[label].status for label in labels} == {label: by_metric[name] for label, name in labels.items()}
    assert len({label[:19] for label in data}) == len(data)


@given(level=_TIMES, value=_TIMES)
def test_time_that_is_left_alarms_at_the_level_and_below(level: float, value: float) -> None:
    measure = Measure("until_full", value, level, level, "s", less_is_worse=True)
    _, data = parse(plugin_output(Verdict(Status.OK, "", measures=(measure,))))
    assert (data["until_full"].status is Status.CRITICAL) is (value <= level)


@given(st.text())
def test_text_from_a_server_stays_on_its_line_and_begins_no_data(text: str) -> None:
    for told in (line(text), *plugin_output(not_seen(text, text)).split("\n")):
        assert "|" not in told
        assert told.isprintable()
    assert plugin_output(not_seen(text)).count("\n") == 0


def test_labels_of_any_target_can_be_read() -> None:
    verdicts = [
        Verdict(Status.OK, "", name, measures=(Measure("used_slots", 3, 5, 7),)) for name in ("a b", "o'r=x|y", "plain")
    ]
    verdicts.append(Verdict(Status.CRITICAL, "no room", "worst"))
    printed = plugin_output_of_all(verdicts)
    told, data = parse(printed)
    assert told == "CRITICAL"
    assert set(data) == {"'a b.used_slots'", "'o''r_x/y.used_slots'", "plain.used_slots"}
    assert printed.split("\n")[1] == "CRITICAL - worst: no room"
    assert len(printed.split("\n")) == 1 + len(verdicts)


def test_of_all_slots_nobody_has_more() -> None:
    full = plugin_output(judged(analyse(snapshot(many(98)), Thresholds()), "shop"))
    assert "97 of 97 slots and 1 of the reserve used (100%)" in full
    assert "slots used 100%, warning" in full
