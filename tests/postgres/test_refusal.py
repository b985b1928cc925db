"""libpq's texts as one line. The texts are those of real refusals."""

import pytest

from pgheadroom.model.refusal import Hindrance
from pgheadroom.postgres import translated
from pgheadroom.postgres.exchange import lost
from pgheadroom.postgres.refusal import refusal

AT = 'connection failed: connection to server at "10.0.0.5", port 5432 failed: '
TWICE = AT + "FATAL:  {0}\n" + AT.removeprefix("connection failed: ") + "FATAL:  {0}"
LOCALHOST = """connection failed: connection to server at "127.0.0.1", port 6000 failed: \
FATAL:  sorry, too many clients already
Multiple connection attempts failed. All failures were:
- host: 'localhost', port: 6000, hostaddr: '::1': connection failed: connection to server at "::1", port 6000 failed: \
Connection refused
\tIs the server running on that host and accepting TCP/IP connections?
- host: 'localhost', port: 6000, hostaddr: '127.0.0.1': connection failed: connection to server at "127.0.0.1", \
port 6000 failed: FATAL:  sorry, too many clients already"""

FULL = [
    "sorry, too many clients already",
    "remaining connection slots are reserved for non-replication superuser connections",
    "remaining connection slots are reserved for roles with the SUPERUSER attribute",
    'remaining connection slots are reserved for roles with privileges of the "pg_use_reserved_connections" role',
    'too many connections for role "web"',
    'too many connections for database "shop"',
    "number of requested standby connections exceeds max_wal_senders (currently 3)",
    'number of requested standby connections exceeds "max_wal_senders" (currently 3)',
    "no more connections allowed (max_client_conn)",
    "client connections exceeded (max_db_client_connections)",
]


@pytest.mark.parametrize("said", FULL)
def test_every_way_of_being_full_is_recognised(said: str) -> None:
    found = refusal(f"{AT}FATAL:  {said}")
    assert found.full
    assert found.message.startswith(f"10.0.0.5:5432: {said}")


@pytest.mark.parametrize("said", FULL)
def test_the_same_refusal_twice_is_told_once(said: str) -> None:
    message = refusal(TWICE.format(said)).message
    assert message.count(said) == 1
    assert "\n" not in message


def test_of_several_addresses_the_one_that_answered_is_told() -> None:
    found = refusal(LOCALHOST)
    assert found.full
    assert found.message.startswith("127.0.0.1:6000: sorry, too many clients already")
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            AT + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
            "10.0.0.5:5432: nobody listens there (connection refused)",
        ),
        (
            'connection failed: connection to server on socket "/run/pg/.s.PGSQL.5433" failed: No such file or '
            "directory\n\tIs the server running locally and accepting connections on that socket?",
            "/run/pg:5433: nobody listens there (no such file or directory)",
        ),
        (AT + 'FATAL:  database "shoop" does not exist', '10.0.0.5:5432: database "shoop" does not exist'),
        (
            AT + 'FATAL:  password authentication failed for user "web"',
            '10.0.0.5:5432: password authentication failed for user "web"',
        ),
        (AT + "FATAL:  the database system is starting up", "10.0.0.5:5432: the database system is starting up"),
        ("failed to resolve host 'db9': [Errno -2] Name or service not known", 'no such host: "db9"'),
    ],
)
def test_other_failures_are_one_line(text: str, message: str) -> None:
    found = refusal(text)
    assert found.message == message
    assert not found.full
    assert not found.password_needed


def test_a_timeout_names_the_place_that_was_tried() -> None:
    assert refusal("connection timeout expired", "10.9.9.9:5432").message == "10.9.9.9:5432: no answer in time"


def test_a_timeout_of_several_addresses_is_told_once() -> None:
    """psycopg's words for `host=a,b`, and for a name with two addresses."""
    text = "connection timeout expired\nMultiple connection attempts failed. All failures were:" + "".join(
        f"\n- host: 'db1', port: 5432, hostaddr: '{address}': connection timeout expired" for address in "ab"
    )
    assert refusal(text, "db1:5432").message == "db1:5432: no answer in time"


def test_a_password_that_was_not_given() -> None:
    found = refusal(AT + "fe_sendauth: no password supplied")
    assert found.password_needed
    assert found.message == "10.0.0.5:5432: a password is needed"


def test_a_text_without_a_line_is_still_an_answer() -> None:
    assert refusal("").message == "the connection failed"


def test_a_library_that_the_server_lacks_does_not_mean_that_nobody_listens() -> None:
    said = refusal(
        'connection failed: connection to server at "10.0.0.5", port 5432 failed: '
        'FATAL:  could not access file "auto_explain": No such file or directory'
    )
    assert said.message == '10.0.0.5:5432: could not access file "auto_explain": No such file or directory'
    assert said.hindrance is Hindrance.LOGIN


@pytest.mark.parametrize(
    "said",
    [
        "server closed the connection unexpectedly",
        "SSL error: unexpected eof while reading",
        "SSL SYSCALL error: EOF detected",
        "SSL SYSCALL error: Connection reset by peer",
    ],
)
def test_a_server_that_goes_down_in_the_middle_of_a_login_is_down(said: str) -> None:
    assert refusal(f"connection failed: {AT}{said}").hindrance is Hindrance.DOWN


@pytest.mark.parametrize(
    "said",
    ["FATAL:  the database system is in recovery mode", "Connection refused\n\tIs the server running on that host?"],
)
@pytest.mark.parametrize("at", ['at "10.0.0.5", port 5432', 'on socket "/tmp/.s.PGSQL.5432"'])
def test_while_a_server_restarts_no_other_language_is_looked_through(
    at: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To prepare the texts of all of them takes ten milliseconds, in the moment in which the slots are given away."""
    monkeypatch.setattr(translated, "patterns", lambda: pytest.fail("looked through"))
    assert refusal(f"connection failed: connection to server {at} failed: {said}").hindrance in (
        Hindrance.OPENING,
        Hindrance.DOWN,
    )


def test_a_role_that_is_called_as_a_server_that_starts_is_still_refused_for_its_limit() -> None:
    found = refusal(f"{AT}FATAL:  zu viele Verbindungen von Rolle »failed: FATAL:  the database system is «")
    assert found.full


def test_a_hung_up_connection_is_told_without_the_librarys_own_words() -> None:
    said = (
        "consuming input failed: server closed the connection unexpectedly\n\tThis probably means the server terminated"
    )
    assert str(lost("", said)) == "the connection was lost: server closed the connection unexpectedly"
