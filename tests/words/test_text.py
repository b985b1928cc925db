"""What is done to a text from outside before it goes anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.words.text import copyable, safe


def test_a_copied_text_keeps_its_lines_and_tabs_and_nothing_that_a_terminal_obeys() -> None:
    odd = "SELECT\t1;\r\n-- \x1b[201~rm -rf /\x07\x9b31m \u202eevil\u2066\nSELECT 'ä'"
    assert copyable(odd) == "SELECT\t1;\n-- \ufffd[201~rm -rf /\ufffd\ufffd31m \ufffdevil\ufffd\nSELECT 'ä'"


@given(st.text())
def test_what_is_copied_is_safe_in_each_line(text: str) -> None:
    for line in copyable(text).split("\n"):
        assert all(safe(part) == part for part in line.split("\t"))
