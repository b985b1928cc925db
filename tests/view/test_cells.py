"""Which part of a line is sent again, and what a terminal without Unicode gets."""

from pgheadroom.view.cells import Cell, changed_span, spread, to_ascii
from sure import sure


def test_only_what_differs_is_sent_again() -> None:
    before = spread([Cell("SLOTS 9/35")], [Cell("reserve 0/5")], 40)
    after = spread([Cell("SLOTS 8/35")], [Cell("reserve 0/5")], 40)
    assert changed_span(before, before) is None
    assert changed_span(before, after) == (0, 10)


def test_the_same_end_in_another_column_is_sent_again() -> None:
    """A screen that became narrower: what stands at the right has moved, though it says the same."""
    wide, narrow = (spread([Cell("SLOTS 9/35")], [Cell("reserve 0/5")], width) for width in (60, 40))
    for before, after in ((wide, narrow), (narrow, wide)):
        first, end = sure(changed_span(before, after))
        assert first == 10
        assert end == 60


def test_a_pooler_s_arrow_without_unicode() -> None:
    assert to_ascii("pooler ←12") == "pooler <12"
