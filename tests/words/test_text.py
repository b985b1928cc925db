"""What is done to a text from outside before it goes anywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.words.sql_names import quoted
from pgheadroom.words.text import copyable, safe


def test_a_copied_text_keeps_its_lines_and_tabs_and_nothing_that_a_terminal_obeys() -> None:
    odd = "SELECT\t1;\r\n-- \x1b[201~rm -rf /\x07\x9b31m \u202eevil\u2066\nSELECT 'ä'"
    assert copyable(odd) == "SELECT\t1;\n-- \ufffd[201~rm -rf /\ufffd\ufffd31m \ufffdevil\ufffd\nSELECT 'ä'"


@pytest.mark.parametrize("char", [*map(chr, (0xA0, 0x1680, 0x2002, 0x202F, 0x205F, 0x2800, 0x3000))])
def test_what_looks_like_a_blank_is_one_and_is_told_from_one_in_sql(char: str) -> None:
    assert safe(f"a{char}b") == "a b"
    assert quoted(f"a{char}b") == f'U&"a\\{ord(char):04X}b"'


@pytest.mark.parametrize("char", [*map(chr, (0xAD, *range(0x200B, 0x200E), 0x3164, 0xFE0F, 0xFEFF))])
def test_what_is_not_seen_is_not_there(char: str) -> None:
    assert safe(f"a{char}b") == "ab"


def test_what_a_terminal_may_obey_or_reorder_is_replaced() -> None:
    for char in map(
        chr, (0x1B, 0x7F, 0x85, 0x9B, 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070))
    ):
        assert safe(f"a{char}b") == "a\ufffdb"


@given(st.text())
def test_whatever_it_was_it_is_one_line_that_can_be_printed_and_stays_so(text: str) -> None:
    told = safe(text)
    assert told.isprintable()
    assert safe(told) == told
    assert len(told) <= len(text)


@given(st.text())
def test_what_is_copied_is_safe_in_each_line(text: str) -> None:
    for line in copyable(text).split("\n"):
        assert all(safe(part) == part for part in line.split("\t"))
