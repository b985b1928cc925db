"""Connection strings: put together as psql does, and never shown with a password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom.conninfo import holds_password, is_conninfo, without_passwords
from pgheadroom.errors import UsageError
from pgheadroom.postgres import conninfo


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop", False),
        ("host=db1", True),
        ("postgresql://db1/shop", True),
        ("postgres://db1", True),
        ("my shop", False),
    ],
)
def test_what_libpq_takes_for_a_conninfo(text: str, expected: bool) -> None:
    assert is_conninfo(text) is expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://web:hunter2@db1/shop", "postgresql://web:***@db1/shop"),
        ("postgresql://web:hun@ter2@db1/shop", "postgresql://web:***@db1/shop"),
        ("postgresql://db1/shop?user=web&password=hunter2&x=y", "postgresql://db1/shop?user=web&password=***&x=y"),
        ("host=db1 password=hunter2 user=web", "host=db1 password=*** user=web"),
        ("password = 'hun ter2' host=db1", "password = *** host=db1"),
        (r"password='hun\'ter2' host=db1", "password=*** host=db1"),
        ("too many words: 'password=hunter2'", "too many words: 'password=***"),
        ("postgresql://web:hun/ter2@db1/shop", "postgresql://web:***@db1/shop"),
        ("Host=db1;Username=web;Password=hunter2", "Host=db1;Username=web;Password=***"),
        ("host=db1 sslpassword=hunter2", "host=db1 sslpassword=***"),
        ("postgresql://db1?sslpassword=hunter2", "postgresql://db1?sslpassword=***"),
        ("oauth_client_secret='hun ter2' host=db1", "oauth_client_secret=*** host=db1"),
    ],
)
def test_a_password_is_never_shown(text: str, shown: str) -> None:
    assert without_passwords(text) == shown
    assert holds_password(text)


@pytest.mark.parametrize(
    "text", ["shop", "host=db1 passfile=x", "postgresql://web@db1:5432/shop", "postgresql://:5432/"]
)
def test_what_holds_no_password(text: str) -> None:
    assert not holds_password(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_every_password_survives_composing_and_is_hidden(password: str) -> None:
    text = conninfo.compose({"host": "db1", "password": password, "user": "web"})
    assert conninfo.parse(text) == {"host": "db1", "password": password, "user": "web"}
    assert without_passwords(text) == "host=db1 password=*** user=web"


def test_later_parameters_win() -> None:
    assert conninfo.parse(conninfo.merge("host=a port=1", "postgresql://b", {"user": "c"})) == {
        "host": "b",
        "port": "1",
        "user": "c",
    }


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", "default server"),
        ("shop", "shop"),
        ("postgresql://web:hunter2@db1:6543/shop", "web@db1:6543/shop"),
        ("host=/run/postgresql user=web password=hunter2", "web@/run/postgresql"),
        ("user=web dbname=shop", "web@shop"),
        ("port=6543", ":6543"),
        ("service=prod", "service prod"),
    ],
)
def test_labels_hold_no_secret(text: str, label: str) -> None:
    assert conninfo.label(text) == label


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2 host='a",
        "password=x hunter2",
        "postgresql://web:x@hunter2@db1",
        "postgresql://web:hunter2%zz@db1",
        "postgresql://web:hunter2/x@db1/shop",  # libpq reads host web, port hunter2
        "postgresql://web:123/hunter2@db1/shop",  # and database hunter2@db1/shop
        "host=db1;user=web;password=hunter2",  # and host db1;user=web;password=hunter2
        "user=web;pwd=hunter2",
    ],
)
def test_what_libpq_cannot_read_is_one_line_without_the_secret(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        conninfo.parse(text)
    assert "\n" not in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(UsageError, match='invalid connection option "shop"'):
        conninfo.parse("shop=1")


@given(st.tuples(st.text("/?@:=&1.", max_size=6), st.text("/?@:=&1.", max_size=6)))
def test_no_piece_of_a_password_that_is_not_escaped_becomes_a_name(around: tuple[str, str]) -> None:
    before, after = around
    try:
        name = conninfo.label(f"postgresql://bob:{before}hunter2{after}@db1/shop")
    except UsageError as error:
        name = str(error)
    assert "hunter2" not in name


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://bob:x@db1/shop",
        "postgresql://db1/shop?user=me@db1",
        "postgresql:///shop?host=/run",
        "postgresql://bob:S3?@db1/shop",
    ],
)
def test_an_at_sign_where_it_belongs(text: str) -> None:
    assert conninfo.parse(text)
