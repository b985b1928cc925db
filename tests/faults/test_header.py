"""The right end of the top line, where the server takes longer for a sample than the interval allows."""

from dataclasses import replace

import pytest

from pgheadroom.view.cells import line_width, plain
from pgheadroom.view.header import Freshness, header
from samples import snapshot


def top_line(took: float, interval: float, width: int, age: float = 1.0) -> str:
    line = header(replace(snapshot(), round_trip=took), "db1", Freshness(age, interval), width)
    assert line_width(line) == width
    return plain(line)


@pytest.mark.parametrize("width", [80, 120, 160])
def test_a_sample_that_takes_longer_than_the_interval_is_said(width: int) -> None:
    assert top_line(4.23, 1.0, width).endswith("a sample takes 4.2s")
    assert "takes" not in top_line(0.9, 1.0, width)
    assert "takes" not in top_line(4.23, 5.0, width)


def test_with_room_it_also_says_what_was_wanted() -> None:
    assert top_line(4.23, 1.0, 160).endswith(" 1s old, not every 1s: a sample takes 4.2s")
    assert top_line(0.3, 1.0, 160).endswith(" 1s old, every 1s 300ms round trip")
