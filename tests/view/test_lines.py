"""Lines of cells: cut, filled, broken and put side by side, never wider than they may be and with nothing lost."""

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.view.bars import shares, sparkline, stacked
from pgheadroom.view.cells import (
    Cell,
    Line,
    fit_line,
    line_width,
    packed,
    plain,
    spread,
    spread_first_fitting,
    to_ascii,
    wrap_line,
)
from pgheadroom.words.text import pieces_of, safe, wrap

words = st.one_of(
    st.sampled_from(["a", "word", "a_very_long_name_of_something", "path/to/a/file", "日本語の名前", "  ", " "]),
    st.text(max_size=12).map(safe),
)
lines = st.lists(st.builds(Cell, words, st.sampled_from(["", "key", "bad"])), max_size=6)
widths = st.integers(2, 80)


def letters(some: list[Line] | list[str]) -> str:
    return "".join("".join(one if isinstance(one, str) else plain(one) for one in some).split())


@given(lines, st.integers(0, 80))
def test_a_fitted_line_has_exactly_its_width(line: list[Cell], width: int) -> None:
    assert line_width(fit_line(line, width)) == width


@given(lines, widths)
def test_a_broken_line_has_pieces_of_the_width_and_nothing_is_lost(line: list[Cell], width: int) -> None:
    pieces = wrap_line(line, width, indent="")
    assert all(line_width(piece) <= width for piece in pieces)
    assert letters(pieces) == letters([tuple(line)])


@given(lines, st.integers(6, 80))
def test_later_pieces_are_indented(line: list[Cell], width: int) -> None:
    _, *later = wrap_line(line, width, indent="   ")
    assert all(plain(piece).startswith("   ") and line_width(piece) <= width for piece in later)


def test_a_word_that_is_written_in_two_styles_is_not_torn() -> None:
    line = [Cell("press "), Cell("K", "key"), Cell(", then yes")]
    assert [plain(piece).rstrip() for piece in wrap_line(line, 7, "")] == ["press", "K, then", "yes"]


def test_a_word_longer_than_a_line_is_broken_where_it_has_joints() -> None:
    line = [Cell("x idle_in_transaction_timeout y")]
    assert [plain(piece) for piece in wrap_line(line, 22, "  ")] == ["x idle_in_transaction_", "  timeout y"]
    assert list(pieces_of("idle_in_transaction_session_timeout", 20)) == ["idle_in_transaction_", "session_timeout"]
    assert list(pieces_of("abcdefgh", 3)) == ["abc", "def", "gh"]


@given(words, widths)
def test_pieces_of_a_word_are_the_word(word: str, width: int) -> None:
    assert "".join(pieces_of(word, width)) == word


@given(st.lists(words, max_size=8).map(" ".join), widths)
def test_wrapped_text_fits_and_is_whole(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert letters(pieces) == letters([text])
    assert all(line_width([Cell(piece)]) <= width for piece in pieces)


@given(st.lists(lines, max_size=5), widths)
def test_parts_side_by_side_are_whole(parts: list[list[Cell]], width: int) -> None:
    packed_lines = packed(parts, width)
    assert [cell for line in packed_lines for cell in line] == [cell for part in parts for cell in part]


@given(lines, lines, st.integers(0, 80))
def test_both_ends_of_a_line_have_its_width(left: list[Cell], right: list[Cell], width: int) -> None:
    assert line_width(spread(left, right, width)) == width
    assert line_width(spread_first_fitting([left, []], [right, []], width)) == width


@given(st.lists(st.integers(0, 500), max_size=9), st.integers(0, 120), st.integers(0, 1000))
def test_shares_never_take_more_than_the_width_and_leave_nobody_out(counts: list[int], width: int, more: int) -> None:
    total = sum(counts) + more
    cells = shares(counts, width, total)
    assert sum(cells) <= width
    there = [count for count in counts if count]
    assert len(there) > width or [count > 0 for count in counts] == [one > 0 for one in cells]
    parts = [(count, "x", "") for count in counts]
    assert line_width(stacked(parts, width, total)) == sum(cells)


@given(st.lists(st.one_of(st.none(), st.floats(-10, 1000)), max_size=40), st.floats(0, 100))
def test_a_trend_has_a_sign_for_each_value_and_a_gap_where_there_was_none(
    values: list[float | None], ceiling: float
) -> None:
    line = sparkline(values, ceiling)
    assert [sign == " " for sign in line] == [value is None for value in values]


@given(st.text(max_size=30).map(safe))
def test_ascii_takes_as_many_cells(text: str) -> None:
    told = to_ascii(text)
    assert told.isascii()
    assert len(told) == line_width([Cell(text)])
