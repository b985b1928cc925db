"""The records of a log: each format, however the bytes come in pieces. Lines are those of real servers."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.model.turned_away import Reason, Who
from pgheadroom.postgres.server_log.cutting import LONGEST
from pgheadroom.postgres.server_log.format import Format
from pgheadroom.postgres.server_log.meaning import turned_away
from pgheadroom.postgres.server_log.prefix import pattern_of
from pgheadroom.postgres.server_log.records import Reader, Record

PREFIX = "%m [%p] %q%u@%d %h "
TEXT = """\
2026-11-28 19:00:17.001 UTC [71] LOG:  database system is ready to accept connections
2026-11-28 19:00:17.123 UTC [72] web@shop 10.0.0.5 FATAL:  sorry, too many clients already
2026-11-28 19:00:17.124 UTC [73] web@shop 10.0.0.6 ERROR:  syntax error at or near "x"
2026-11-28 19:00:17.124 UTC [73] web@shop 10.0.0.6 STATEMENT:  select 'FATAL:  sorry, too many clients already'
\t2026-11-28 19:00:17.123 UTC [72] web@shop 10.0.0.5 FATAL:  sorry, too many clients already
2026-11-28 19:00:17.125 UTC [74] batch@shop [local] FATAL:  too many connections for role "batch"
2026-11-28 19:00:17.126 UTC [75] eve@shop 10.0.0.7 FATAL:  password authentication failed for user "eve"
2026-11-28 19:00:17.126 UTC [75] eve@shop 10.0.0.7 DETAIL:  Connection matched file "pg_hba.conf" line 1
2026-11-28 19:00:17.127 UTC [76] eve@shpo 10.0.0.7 FATAL:  database "shpo" does not exist
"""
CSV = '''\
2026-11-28 19:00:17.123 UTC,"web","shop",72,"10.0.0.5:4411",65b.48,1,"",2026-11-28 19:00:17 UTC,,0,FATAL,53300,\
"sorry, too many clients already",,,,,,,,,"","not initialized",,0
2026-11-28 19:00:17.124 UTC,"web","shop",73,"10.0.0.6:4411",65b.49,1,"",2026-11-28 19:00:17 UTC,,0,ERROR,42601,"no",,,\
,,,"select '53300
2026-11-28 19:00:17.123 UTC,""web"",""shop"",72,""10.0.0.5:1"",65b.48,1,"""",,,0,FATAL,53300,""sorry"",'
",,,"psql","client backend",,0
2026-11-28 19:00:17.125 UTC,"batch","shop",74,"[local]",65b.4a,1,"",2026-11-28 19:00:17 UTC,,0,FATAL,53300,\
"too many connections for role ""batch""",,,,,,,,,"","client backend",,0
2026-11-28 19:00:17.126 UTC,"eve","shop",75,"10.0.0.7:1",65b.4b,1,"",2026-11-28 19:00:17 UTC,,0,FATAL,28P01,\
"password authentication failed for user ""eve""","Connection matched",,,,,,,,"","client backend",,0
2026-11-28 19:00:17.127 UTC,"eve","shpo",76,"10.0.0.7:1",65b.4b,1,"",2026-11-28 19:00:17 UTC,,0,FATAL,3D000,\
"database ""shpo"" does not exist",,,,,,,,,"","client backend",,0
'''
JSON = "".join(
    json.dumps({"timestamp": "2026-11-28 19:00:17.123 UTC", "pid": 7, "error_severity": "FATAL", **one}) + "\n"
    for one in (
        {"user": "web", "dbname": "shop", "remote_host": "10.0.0.5", "remote_port": 4411, "state_code": "53300",
         "message": "sorry, too many clients already"},
        {"user": "web", "error_severity": "ERROR", "state_code": "42601", "statement": '"state_code":"53300"\nFATAL'},
        {"user": "batch", "dbname": "shop", "remote_host": "[local]", "state_code": "53300",
         "message": 'too many connections for role "batch"'},
        {"user": "eve", "dbname": "shop", "remote_host": "10.0.0.7", "state_code": "28P01",
         "message": 'password authentication failed for user "eve"'},
        {"user": "eve", "dbname": "shpo", "remote_host": "10.0.0.7", "state_code": "3D000",
         "message": 'database "shpo" does not exist'},
    )
)  # fmt: skip
LOGS = {Format.TEXT: TEXT, Format.CSV: CSV, Format.JSON: JSON}
REFUSED = [
    Who(Reason.SERVER, "10.0.0.5", "web", "shop"),
    Who(Reason.ROLE, "local", "batch", "shop"),
    Who(Reason.LOGIN, "10.0.0.7", "eve", "shop"),
    Who(Reason.NO_DATABASE, "10.0.0.7", "eve", "shpo"),
]


def who(records: list[Record]) -> list[Who]:
    return [found for record in records if (found := turned_away(record)) is not None]


def read(kind: Format, *pieces: bytes, prefix: str | None = PREFIX) -> list[Who]:
    reader = Reader(kind, prefix)
    return [one for piece in (*pieces, b"") for one in who(reader.feed(piece))]


@pytest.mark.parametrize("kind", Format)
def test_each_format_tells_who_was_refused_and_why_and_no_statement_counts(kind: Format) -> None:
    assert read(kind, LOGS[kind].encode()) == REFUSED


SORRY = "FATAL:  sorry, too many clients already"
HEAD = "2026-11-28 19:00:17.123 UTC [7] "


@pytest.mark.parametrize(
    "forged",
    [
        f"{HEAD}x\n{SORRY}@shop 10.0.0.5 FATAL:  role",
        f"{HEAD}a@b 1.1.1.1 {SORRY}@shop 10.0.0.5 FATAL:  role",
        f"{HEAD}a@b 1.1.1.1 {SORRY}\n@shop 10.0.0.5 FATAL:  role",
        f"{HEAD}x\n{HEAD}web@shop 10.0.0.5 {SORRY}\n 127.0.0.1 FATAL:  role",
        f"{HEAD}x\n\n\t\n{HEAD}web@shop 10.0.0.5 {SORRY}",
    ],
)
def test_a_line_that_a_client_wrote_with_its_name_is_not_believed(forged: str) -> None:
    real = f"{HEAD}web@shop 10.0.0.5 {SORRY}\n"
    background = f"{HEAD}LOG:  checkpoint starting: time\n"
    statement = f"{HEAD}web@shop 10.0.0.5 LOG:  statement: select\n\t1\n"
    log = real + background + real + statement + real + forged + "\n\tno such role\n" + 3 * statement + real + real
    assert read(Format.TEXT, log.encode()) == 5 * [Who(Reason.SERVER, "10.0.0.5", "web", "shop")]
    at = log.index(forged) + len(forged)
    assert len(read(Format.TEXT, log[:at].encode(), log[at:].encode())) == 5


@given(st.sampled_from(Format), st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_records(kind: Format, cuts: list[int]) -> None:
    log = LOGS[kind].encode()
    edges = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    pieces = [log[start:end] for start, end in pairwise(edges)]
    assert read(kind, *pieces) == REFUSED


@given(st.sampled_from(Format), st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_make_a_reader_fail(kind: Format, pieces: list[bytes]) -> None:
    read(kind, *pieces, b"\n")


@given(st.text(max_size=40))
def test_any_prefix_can_be_read(prefix: str) -> None:
    pattern_of(prefix)


@pytest.mark.parametrize("kind", Format)
def test_after_a_loss_it_goes_on_at_the_next_record(kind: Format) -> None:
    log = LOGS[kind].encode()
    reader = Reader(kind, PREFIX)
    assert len(who([*reader.feed(log[:200]), *reader.feed(b"")])) <= 1
    reader.lose()
    first = log.index(b"\n", log.index(b"batch") - 80) if kind is Format.TEXT else log.index(b"batch") - 40
    assert who(reader.feed(b"10.0.0.5 FATAL:  sorry, too many clients already\n")) == []
    rest = log[first:] if kind is Format.TEXT else log[log.rindex(b"\n", 0, first) + 1 :]
    assert who([*reader.feed(rest), *reader.feed(b"")])[-3:] == REFUSED[1:]


@pytest.mark.parametrize("kind", Format)
def test_a_record_of_a_megabyte_is_kept_in_part_and_what_follows_is_read(kind: Format) -> None:
    log = LOGS[kind]
    statement = "x" * 1_000_000
    long = {
        Format.TEXT: f"2026-11-28 19:00:17.1 UTC [1] LOG:  {statement}\n\tmore\x1b[2J\n",
        Format.CSV: f'2026-11-28 19:00:17.1 UTC,,,1,,,1,,,,0,LOG,00000,"{statement}\n""\n{statement}",,,,"","",,0\n',
        Format.JSON: json.dumps({"message": statement}) + "\n",
    }[kind]
    assert read(kind, (long + log).encode()) == REFUSED
    assert all(len(record.message) <= LONGEST for record in Reader(kind, PREFIX).feed((long + log).encode()))


@pytest.mark.parametrize(
    ("prefix", "line", "expected"),
    [
        ("", "FATAL:  sorry, too many clients already", Who(Reason.SERVER)),
        ("%t ", "2026-11-28 19:00:17 CET FATAL:  sorry, too many clients already", Who(Reason.SERVER)),
        (
            "%n %e <%r> %a ",
            "1785.123 53300 <10.1.1.1(5432)> [unknown] FATAL:  too many connections for database \"a b\"",
            Who(Reason.DATABASE, "10.1.1.1", "", "a b"),
        ),
        (
            "%-10u|%8p|%d: ",
            "web       |     123|shop: FATAL:  53300: remaining connection slots are reserved for roles with the "
            "SUPERUSER attribute",
            Who(Reason.SUPERUSER_RESERVE, "", "web", "shop"),
        ),
        (
            "%m [%p] %h ",
            "2026-11-28 19:00:17.123 +03 [7] ::1 ВАЖНО:  извините, уже слишком много клиентов",
            Who(Reason.SERVER, "::1"),
        ),
        (None, "Nov 28 db1 postgres[7]: [5-1] FATAL:  sorry, too many clients already", Who(Reason.SERVER)),
        ("%m [%p] ", "other prefix FATAL:  sorry, too many clients already", Who(Reason.SERVER)),
        (
            None,
            "2026-11-28 19:00:17.123 UTC [9] WARNING C-0x5: shop/web@10.0.0.5:4411 pooler error: no more connections "
            "allowed (max_client_conn)",
            Who(Reason.POOLER, "10.0.0.5", "web", "shop"),
        ),
        (None, 'FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "a", database "b", SSL off', Who(Reason.LOGIN)),
        ("%e ", "53200 FATAL:  out of memory", Who(Reason.RESOURCES)),
        ("%e ", "53300 FATAL:  words that nobody knows", Who(Reason.UNCLEAR)),
    ],
)  # fmt: skip
def test_lines_for_people_are_read_by_their_prefix_or_without(prefix: str | None, line: str, expected: Who) -> None:
    assert read(Format.TEXT, line.encode() + b"\n", prefix=prefix) == [expected]


@pytest.mark.parametrize(
    "line",
    [
        "STATEMENT:  select 'FATAL:  sorry, too many clients already'",
        "ERROR:  sorry, too many clients already",
        "[5-2] #011FATAL:  sorry, too many clients already",
        "57P01 FATAL:  terminating connection due to administrator command",
        "FATAL:  terminating connection: too many connections are no reason",
    ],
)
def test_what_only_looks_like_a_refusal_is_none(line: str) -> None:
    assert read(Format.TEXT, line.encode() + b"\n", prefix=None) == []


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("latin-1", "FATAL:  désolé, trop de clients sont déjà connectés"),
        ("koi8-r", "ВАЖНО:  извините, уже слишком много клиентов"),
        ("cp1251", "ВАЖНО:  извините, уже слишком много клиентов"),
        ("euc_jp", "FATAL:  現在クライアント数が多すぎます"),
        ("gb18030", "致命错误:  对不起, 已经有太多的客户"),
    ],
)
def test_a_log_in_an_old_encoding_is_read(encoding: str, line: str) -> None:
    assert read(Format.TEXT, line.encode(encoding) + b"\n", prefix="") == [Who(Reason.SERVER)]


def test_moments_are_read_without_the_name_of_their_zone() -> None:
    read = {kind: Reader(kind, PREFIX).feed(LOGS[kind].encode()) for kind in Format}
    assert {next(one.moment for one in found if one.user) for found in read.values()} == {"2026-11-28 19:00:17.123"}
