"""What to look for in a log before anything of it is read: few bytes that every line about a refusal has. Pure."""

from collections.abc import Iterable, Sequence
from functools import cache

from pgheadroom.postgres import translated
from pgheadroom.postgres.server_log import respelled, severities, translated_logins

WRONG_PASSWORD, NOT_ALLOWED, NO_DATABASE = "28P01", "28000", "3D000"
NO_RESOURCES = ("53000", "53200", "53400")
NO_ROOM = "53300"
STATES = tuple(state.encode() for state in (NO_ROOM, *NO_RESOURCES, WRONG_PASSWORD, NOT_ALLOWED, NO_DATABASE))
_POOLER = "pooler error"
_OLD_ENCODINGS = (
    "latin-1",
    "iso8859-2",
    "iso8859-9",
    "koi8-r",
    "koi8-u",
    "cp1251",
    "euc_jp",
    "euc_kr",
    "gb18030",
    "big5",
)
"""What logs that are not UTF-8 are written in, by the languages of `translated`."""


def _encoded(texts: Iterable[str]) -> Iterable[bytes]:
    for text in texts:
        for encoding in ("utf-8", *_OLD_ENCODINGS):
            try:
                yield text.encode(encoding)
            except UnicodeEncodeError:
                continue


@cache
def _words() -> tuple[str, ...]:
    """The longest of each text."""
    respelt = (spelling for text, _ in respelled.texts() for spelling in respelled.spellings(text))
    texts = (*translated.texts(), *translated_logins.texts(), *respelt)
    return tuple(dict.fromkeys(max(text.replace("{name}", " ").split(), key=len) for text in texts))


@cache
def of_text() -> tuple[bytes, ...]:
    """Of logs for people: every word for FATAL, as it stands before a message, and what PgBouncer says instead."""
    return tuple(dict.fromkeys((*_encoded(f"{word}:" for word in (*severities.ENDING, _POOLER)),)))


@cache
def _foreign_words() -> tuple[str, ...]:
    return tuple(word for word in _words() if not word.isascii())


def present(needles: Sequence[bytes], text: bytes) -> list[bytes]:
    """Those that the text has."""
    return [needle for needle in needles if needle in text]


def decoded(line: bytes) -> str:
    """The text of a line. One that is not UTF-8 is read in the encoding in which it says something known."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        pass
    for encoding in _OLD_ENCODINGS:
        text = line.decode(encoding, "replace")
        if any(word in text for word in _foreign_words()):
            return text
    return line.decode(errors="replace")
