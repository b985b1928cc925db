from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.thresholds import Levels, Threshold, Thresholds, Unit, parse_threshold


@pytest.mark.parametrize(
    ("given_text", "amount", "unit"),
    [
        ("80%", 80, Unit.PERCENT),
        ("80 %", 80, Unit.PERCENT),
        ("-5", 5, Unit.LEFT),
        (-5, 5, Unit.LEFT),
        ("20", 20, Unit.NUMBER),
        (2.5, 2.5, Unit.NUMBER),
    ],
)
def test_the_three_ways_to_write_a_threshold(given_text: float | str, amount: float, unit: Unit) -> None:
    assert parse_threshold(given_text) == Threshold(amount, unit)


@pytest.mark.parametrize("wrong", ["", "x", "-5%", "80%%", True, float("nan"), float("inf"), "1e3"])
def test_anything_else_is_refused(wrong: bool | float | str) -> None:
    with pytest.raises(ValueError, match="is not a number, per cent like '80%'"):
        parse_threshold(wrong)


def test_when_each_kind_is_reached() -> None:
    assert [parse_threshold("80%").reached(value, 97) for value in (77, 78)] == [False, True]
    assert [parse_threshold(-5).reached(value, 97) for value in (91, 92)] == [False, True]
    assert [parse_threshold(10).reached(value) for value in (9, 10)] == [False, True]
    with pytest.raises(ValueError, match="needs a ceiling"):
        parse_threshold("80%").reached(1)


@given(st.one_of(st.integers(-1000, 1000), st.integers(0, 1000).map(lambda n: f"{n}%")), st.integers(0, 200))
def test_what_is_written_reads_the_same_and_a_fuller_server_never_leaves_it(written: int | str, ceiling: int) -> None:
    threshold = parse_threshold(written)
    assert parse_threshold(str(threshold)) == threshold
    reached = [threshold.reached(value, ceiling) for value in range(ceiling + 2)]
    assert reached == sorted(reached)
    assert not ceiling or threshold.percent_of(ceiling) * ceiling / 100 == pytest.approx(threshold.level(ceiling))


def test_the_articles_defaults() -> None:
    default = Thresholds()
    assert default.usage == Levels(Threshold(80, Unit.PERCENT), Threshold(90, Unit.PERCENT))
    assert (default.idle_in_transaction.warning.amount, default.idle_in_transaction.critical.amount) == (10, 20)
    assert (default.long_query_seconds, default.long_queries.warning.amount) == (300, 5)


def test_a_configuration_file_says_only_what_differs() -> None:
    read = Thresholds.from_mapping(
        {
            "usage": [-10, -5],
            "limit": ["70%", 3],
            "long_query_seconds": "10m",
            "oldest_idle_in_transaction": ["5m", 1800],
            "pool_maxwait": {"critical": 9},
            "waiting_for_locks": ["10%", "20%"],
            "until_full": ["20m", "5m"],
        }
    )
    assert read.usage == Levels(Threshold(10, Unit.LEFT), Threshold(5, Unit.LEFT))
    assert read.long_query_seconds == 600
    assert read.oldest_idle_in_transaction == Thresholds().oldest_idle_in_transaction
    assert read.pool_maxwait == Levels(Threshold(1), Threshold(9))
    assert read.waiting_for_locks.critical == Threshold(20, Unit.PERCENT)
    assert read.until_full == Levels(Threshold(1200), Threshold(300))
    assert read.long_queries == Thresholds().long_queries
    assert Thresholds.from_mapping({}) == Thresholds()


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"usege": [1, 2]}, "usege: there is no such threshold; there are usage, limit"),
        ({"usage": "80%"}, "usage: must be \\[warning, critical\\]"),
        ({"usage": [1]}, "usage: must be \\[warning, critical\\]"),
        ({"usage": {}}, "usage: must be"),
        ({"usage": {"warn": 1}}, "usage: must be"),
        ({"usage": ["90%", "80%"]}, "usage: the warning 90% must come before the critical 80%"),
        ({"usage": [-5, -10]}, "usage: the warning -5 must come before"),
        ({"usage": [True, 1]}, "usage: 'True' is not a number, per cent"),
        ({"pool_clients_waiting": ["5%", 9]}, "pool_clients_waiting: '5%' is not a number, at least 0"),
        ({"long_queries": [-5, 9]}, "long_queries: '-5' is not a number, or per cent of the usable slots"),
        ({"until_full": ["2m", "10m"]}, "until_full: the warning 120 must be longer than the critical 600"),
        ({"pool_maxwait": ["soon", 9]}, "pool_maxwait: 'soon' is not seconds, or a duration like '5m'"),
        ({"long_query_seconds": [1, 2]}, "long_query_seconds: '\\[1, 2\\]' is not seconds"),
        ({"long_query_seconds": -1}, "long_query_seconds: '-1' is not seconds"),
    ],
)
def test_a_mistake_names_the_key_and_what_is_allowed(mapping: Mapping[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Thresholds.from_mapping(mapping)
