"""Reading the bytes that a server calls text. Pure.

The text of `pg_stat_activity` comes from shared memory as the session wrote it, in the encoding of *its* database; no
server converts it. So our session asks for SQL_ASCII, which means no conversion, and the bytes are read here.
"""

import codecs

CODECS = {
    "UTF8": "utf-8",
    "SQL_ASCII": "ascii",
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "WIN866": "cp866",
    "WIN874": "cp874",
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
    "WIN1253": "cp1253",
    "WIN1254": "cp1254",
    "WIN1255": "cp1255",
    "WIN1256": "cp1256",
    "WIN1257": "cp1257",
    "WIN1258": "cp1258",
    "EUC_JP": "euc_jp",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_KR": "euc_kr",
    "EUC_CN": "gb2312",
}
"""Python's codec for a server encoding. EUC_TW and MULE_INTERNAL have none."""


def codec_for(encoding: str) -> str:
    """The codec for a database's encoding as PostgreSQL calls it, `ascii` for one that Python does not know."""
    return CODECS.get(encoding, "ascii")


def read_text(raw: bytes, codec: str = "utf-8", *, cut: bool = False) -> str:
    """Bytes as text: never raises, and shows what it cannot read as `\\x..`.

    Valid UTF-8 is taken for that whatever the database says: it is never so by accident for more than a few bytes,
    and in SQL_ASCII databases it is the usual case.

    Args:
        codec: That of the session's database.
        cut: The text was cut at some byte: the beginning of a character at its end is left out.
    """
    if raw.isascii():
        return raw.decode("ascii")
    for candidate in ("utf-8", codec):
        try:
            return codecs.getincrementaldecoder(candidate)("strict").decode(raw, final=not cut)
        except UnicodeDecodeError:
            continue
    # Strict failed twice; the multi-byte codec would still know most of it.
    return raw.decode(codec, "backslashreplace")
