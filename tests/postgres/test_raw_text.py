"""Bytes of any database are shown and never raised."""

from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.postgres.raw_text import CODECS, codec_for, read_text

ENCODINGS = ["UTF8", "SQL_ASCII", "LATIN1", "WIN1251", "EUC_JP", "EUC_TW", "MULE_INTERNAL", "made up"]


@given(st.binary(max_size=60), st.sampled_from(ENCODINGS), st.booleans())
def test_any_bytes_can_be_read(raw: bytes, encoding: str, cut: bool) -> None:
    text = read_text(raw, codec_for(encoding), cut=cut)
    text.encode("utf-8")


@given(st.text(), st.sampled_from(ENCODINGS))
def test_utf8_is_read_as_that_in_every_database(text: str, encoding: str) -> None:
    assert read_text(text.encode(), codec_for(encoding)) == text


def test_every_codec_is_known_to_python() -> None:
    assert all("a".encode(codec) == b"a" for codec in CODECS.values())


def test_the_encoding_of_the_database_is_used() -> None:
    assert read_text("Müller".encode("latin-1"), "iso8859-1") == "Müller"
    assert read_text("請求書".encode("euc_jp"), "euc_jp") == "請求書"


def test_what_cannot_be_read_is_shown() -> None:
    assert read_text(b"M\xfcller", "ascii") == r"M\xfcller"


@given(st.text(st.characters(min_codepoint=0x80, max_codepoint=0x10FFFF, exclude_categories=["Cs"])), st.integers(0, 9))
def test_a_cut_in_a_character_leaves_the_characters_before_it(text: str, at: int) -> None:
    raw = text.encode()[:at]
    assert text.startswith(read_text(raw, cut=True))


def test_a_cut_in_euc_jp_leaves_the_characters_before_it() -> None:
    raw = "SELECT '請求書'".encode("euc_jp")
    assert read_text(raw[:-4], "euc_jp", cut=True) == "SELECT '請"


def test_an_end_that_is_not_a_cut_is_kept() -> None:
    # 0xE9 begins a character of three bytes in UTF-8, and is a letter in LATIN1.
    assert read_text(b"caf\xe9", "iso8859-1") == "café"
