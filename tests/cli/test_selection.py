"""The filter flags of terminate and cancel say what the monitor's filter would."""

import contextlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom import quantities
from pgheadroom.cli import flags
from pgheadroom.cli.selection import selection
from pgheadroom.errors import UsageError
from pgheadroom.rules.filters.language import parse_filter


def chosen(*arguments: str) -> str:
    return str(selection(flags.parse(["terminate", *arguments])[1]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--idle-longer", "10m"], "state:idle age>10m"),
        (["--idle-in-transaction-longer", "300s"], "state:idletx,aborted age>5m"),
        (["--transaction-longer", "1h30m"], "xact>90m"),
        (["--query-longer", "1h"], "state:active running>1h"),
        (["--state", "idle in transaction"], 'state:"idle in transaction"'),
        (["--user", "web", "--database", "shop"], "db=shop user=web"),
        (["--application", "check*"], "app=check*"),
        (["--client", "10.0.0.0/8"], "client:10.0.0.0/8"),
        (["--filter", "-app:x age>1s", "--user", "web"], "user=web -app:x age>1s"),
    ],
)
def test_what_each_flag_says(arguments: Sequence[str], said: str) -> None:
    assert parse_filter(chosen(*arguments)) == parse_filter(said)


def test_a_users_name_is_no_pattern() -> None:
    assert chosen("--user", "web*") == r'user="web\*"'


@pytest.mark.parametrize("arguments", [[], ["--yes"], ["--filter", ""], ["--filter", "  "], ["--limit", "3"]])
def test_everybody_is_never_meant_by_leaving_everything_out(arguments: Sequence[str]) -> None:
    with pytest.raises(UsageError, match="at least one filter"):
        chosen(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--client", "10.0.0.0/99"], "is not an address"),
        (["--state", "sleeping"], "there is no state 'sleeping'"),
        (["--filter", "usr:web"], "did you mean user"),
        (["--filter", 'app:"x'], "a quote is not closed"),
    ],
)
def test_a_filter_that_cannot_be_read_is_wrong_use(arguments: Sequence[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        chosen(*arguments)


@given(st.integers(0, 10**12))
def test_a_duration_as_written_reads_the_same(milliseconds: int) -> None:
    written = quantities.written(milliseconds / 1000)
    assert round(quantities.seconds(written) * 1000) == milliseconds


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert quantities.seconds(text) >= 0
