"""Only what differs is written, and then the terminal shows what is wanted: for any two pictures."""

import pyte
from hypothesis import example, given
from hypothesis import strategies as st

from pgheadroom.tui.difference import BLANK, Cell, Row, attributes, canonical, difference, restyling
from tui.terminal_cells import cells_of

WIDTH, HEIGHT = 34, 4
STYLES = ("", "1", "2", "1;2", "31", "32;44", "4;31", "7", "3;9;90;107", "38;5;200", "38;2;1;2;3;48;5;17", "1;7;36")
TEXTS = ("a", "b", "z", "│", "█", "é", "e\u0301", "日", "象")


def cells(text: str, style: str) -> Row:
    return [(text, style), *[("", style)] * (text in "日象")]


pieces = st.one_of(
    st.builds(cells, st.sampled_from(TEXTS), st.sampled_from(STYLES).map(canonical)),
    st.integers(1, WIDTH).map(lambda count: [BLANK] * count),
    st.builds(lambda style, count: [(" ", style)] * count, st.just("44"), st.integers(1, 5)),
)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    row: Row = []
    while len(row) < WIDTH:
        row += draw(pieces)
    # Half of a wide character is none; and in the last column pyte puts a combining mark into the next row.
    cut = row[:WIDTH]
    if cut[-1][0] in ("日", "象", "e\u0301"):
        cut[-1] = BLANK
    return cut


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Two pictures: some rows are the same, some differ in a part, some are others."""
    before = [draw(rows()) for _ in range(HEIGHT)]
    after = []
    for row in before:
        kind = draw(st.sampled_from(("same", "other", "part")))
        place = draw(st.integers(0, WIDTH - 2))
        plain = all(cell[0] not in ("日", "象", "") for cell in row[place : place + 2])
        part = [*row[:place], ("X", "31"), BLANK, *row[place + 2 :]] if plain else row
        after.append({"same": row, "other": draw(rows()), "part": part}[kind])
    return before, after


def shown_by(*texts: str) -> list[Row]:
    display = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(display)
    for text in texts:
        stream.feed(text)
    return cells_of(display)


def written(shown: list[Row] | None, wanted: list[Row]) -> str:
    return difference(shown or [None] * HEIGHT, wanted, range(HEIGHT))


@given(neighbours())
def test_the_terminal_shows_what_is_wanted(pair: tuple[list[Row], list[Row]]) -> None:
    before, after = pair
    first, then = written(None, before), written(before, after)
    assert shown_by("\x1b[31;44mgarbage\r\n" * 9 + "\x1b[m", first) == as_the_terminal_has_it(before)
    assert shown_by(first, then) == as_the_terminal_has_it(after)
    assert (then == "") == (before == after)


def as_the_terminal_has_it(picture: list[Row]) -> list[Row]:
    """pyte keeps a combining mark with its character, and knows neither dim nor 256 colours by their numbers."""
    display = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(display)
    for number, row in enumerate(picture):
        stream.feed(f"\x1b[{number + 1}H" + "".join(f"\x1b[0;{style}m{text}" for text, style in row))
    return cells_of(display)


def test_what_stays_is_not_written() -> None:
    before: list[Row] = [[(letter, "") for letter in "the quick brown fox jumps over it."] for _ in range(HEIGHT)]
    after = [list(row) for row in before]
    after[2][10] = ("B", "1")
    assert written(before, after) == "\x1b[3;11H\x1b[1mB\x1b[m"
    after[2][16:] = [BLANK] * (WIDTH - 16)
    assert written(before, after) == "\x1b[3;11H\x1b[1mB\x1b[4C\x1b[K\x1b[m".replace("\x1b[4C", "\x1b[5C")


def test_blanks_are_erased_and_not_written() -> None:
    full: list[Row] = [[("x", "")] * WIDTH for _ in range(HEIGHT)]
    hole = [*full[0][:5], *[BLANK] * 20, *full[0][25:]]
    assert written(full, [hole, *full[1:]]) == "\x1b[1;6H\x1b[20X"
    coloured: Row = [(" ", "44")] * WIDTH
    assert " " * WIDTH in written(full, [coloured, *full[1:]])


@given(st.sampled_from(STYLES), st.sampled_from(STYLES))
@example("1;2", "2")
def test_a_style_is_made_of_another(before: str, after: str) -> None:
    old, new = canonical(before), canonical(after)
    display = pyte.Screen(4, 1)
    pyte.Stream(display).feed(f"\x1b[0;{old}m{restyling(old, new)}x")
    plain = pyte.Screen(4, 1)
    pyte.Stream(plain).feed(f"\x1b[0;{new}mx")
    assert cells_of(display) == cells_of(plain)
    assert len(restyling(old, new)) <= len(f"\x1b[0;{new}m")
    assert attributes(canonical(new)) == attributes(new)


def test_a_cell_is_its_text_and_its_style() -> None:
    cell: Cell = ("x", "31")
    display = pyte.Screen(2, 1)
    pyte.Stream(display).feed("\x1b[31mx")
    assert cells_of(display)[0][0][0] == cell[0]
