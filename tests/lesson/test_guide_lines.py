"""The panel of a lesson as lines."""

from collections.abc import Sequence
from typing import Any

from pgheadroom.demo.guides import guide_of
from pgheadroom.lesson.guide_lines import guide_lines, panel_size, strip_lines
from pgheadroom.lesson.progress import Look, Progress, advance
from pgheadroom.rules.facts.capacity import capacity
from pgheadroom.view.cells import line_width, plain, to_ascii
from samples import many, snapshot

GUIDE = guide_of("idle-leak", "sh dba")


def at(ticked: Sequence[Any] | range | set[int] = (), passed: Sequence[Any] | range | set[int] = ()) -> Progress:
    seen = snapshot(many(90))
    first = advance(GUIDE, Progress(), Look("overview"), seen, capacity(seen), (), ())
    return Progress(frozenset(ticked), frozenset(passed), first.seen)


def column(progress: Progress, height: int = 30, **given: bool) -> list[str]:
    return [plain(line).rstrip() for line in guide_lines(GUIDE, progress, 35, height, **given)]


def test_done_steps_are_ticked_the_present_one_is_told_the_next_are_named() -> None:
    lines = column(at({0, 2}, {0, 1, 2}))
    assert lines[0].endswith("step 4 of 6")
    assert lines[1:4] == ["  ✓ Something is wrong", "  – Who holds the slots", "  ✓ What they do"]
    assert lines[5:8] == [
        "▸ ACT: Hold it back",
        "  Who is ended comes back, so a",
        "  limit comes first. Press t, then",
    ]
    assert "  · Do it" in lines
    assert "  · Did it help?" in lines
    assert lines[-1] == "F2 hides this"


def test_keys_are_told_from_words() -> None:
    cells = {cell for line in guide_lines(GUIDE, at({0, 1, 2}, {0, 1, 2}), 35, 30) for cell in line}
    assert {"t", "H", "a", "F2"} == {cell.text for cell in cells if cell.style == "key"}


def test_without_unicode() -> None:
    lines = [to_ascii(line) for line in column(at({0}, {0, 1}), ascii_only=True)]
    assert lines[1:3] == ["[x] Something is wrong", "[-] Who holds the slots"]
    assert all(line.isascii() for line in lines)


def test_the_present_step_stays_whole_where_titles_do_not_fit() -> None:
    progress = at({0, 1, 2, 3}, {0, 1, 2, 3})
    tall, low = column(progress, 40), column(progress, 12)
    text = tall[tall.index("▸ ACT: Do it") :]
    assert low[-1] == "F2 hides this"
    assert set(text[: text.index("")]) <= set(low)
    assert "  ✓ Something is wrong" not in low


def test_every_line_fills_its_width() -> None:
    for height in (5, 12, 40):
        drawn = guide_lines(GUIDE, at({0}, {0}), 35, height)
        assert [line_width(line) for line in drawn] == [35] * height
    for width in (60, 80, 119):
        assert {line_width(line) for line in strip_lines(GUIDE, at({0}, {0}), width, 5)} == {width}


def test_a_strip_tells_the_present_step_only() -> None:
    title, *text = [plain(line).rstrip() for line in strip_lines(GUIDE, at({0}, {0}), 80, 5)]
    assert title.startswith("─ GUIDE  UNDERSTAND: Who holds the slots ──")
    assert title.endswith(" step 2 of 6 · F2 hides")
    assert text == [
        "Press 1 for Overview. HOGS lists who holds the slots, the greediest first:",
        "billing-api. Press Enter on it: Sessions, narrowed to it.",
    ]


def test_a_narrow_strip_keeps_the_title_of_the_step() -> None:
    title = plain(strip_lines(GUIDE, at({0, 1, 2, 3}, {0, 1, 2, 3}), 40, 4)[0])
    assert "ACT: Do it" in title
    assert title.endswith("5/6 · F2")


def test_a_strip_without_room_says_that_there_is_more() -> None:
    lines = [plain(line).rstrip() for line in strip_lines(GUIDE, at(), 60, 2)]
    assert len(lines) == 2
    assert lines[1].endswith("…")


def test_where_the_panel_goes() -> None:
    assert panel_size(GUIDE, at(), 120, 24) == (38, 0)
    assert panel_size(GUIDE, at(), 119, 60) == (0, 5)
    assert panel_size(GUIDE, at(), 80, 24) == (0, 5)
    assert panel_size(GUIDE, at(), 60, 15) == (0, 4)
    assert panel_size(GUIDE, at(), 80, 9) == (0, 0)


def test_what_is_said_at_the_end() -> None:
    lines = column(at(range(6), range(6)))
    assert lines[0].endswith("all 6 done")
    assert "▸ Done" in lines
