"""Where the words, flags, targets and variables of a command line lead."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from pgheadroom.cli import connection, flags
from pgheadroom.config import Layer, Settings
from pgheadroom.config_file import Configuration
from pgheadroom.errors import NoConnection, UsageError
from pgheadroom.postgres import conninfo

TARGETS = Configuration(
    targets={
        "production": Layer(
            conninfo="host=db1 hostaddr=10.0.0.1 user=monitor dbname=shop",
            pgbouncers=("host=pool1 dbname=pgbouncer",),
            interval=5.0,
        )
    }
)


def located(*arguments: str) -> tuple[str, dict[str, str]]:
    target, place = connection.locate(flags.parse(arguments)[1], TARGETS)
    return target, conninfo.parse(place or "")


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ([], {}),
        (["shop"], {"dbname": "shop"}),
        (["shop", "web"], {"dbname": "shop", "user": "web"}),
        (["-d", "shop", "web"], {"dbname": "shop", "user": "web"}),
        (["-U", "web", "shop"], {"dbname": "shop", "user": "web"}),
        (["host=db2 dbname=shop"], {"host": "db2", "dbname": "shop"}),
        (["-d", "host=db2 dbname=shop"], {"host": "db2", "dbname": "shop"}),
        (
            ["postgresql://web@db2:6543/shop", "-p", "5432"],
            {"user": "web", "host": "db2", "port": "5432", "dbname": "shop"},
        ),
        (["host=db2 dbname=shop", "-d", "other"], {"host": "db2", "dbname": "other"}),
        (["-d", "production"], {"dbname": "production"}),
        (["snapshot", "-d", "snapshot"], {"dbname": "snapshot"}),
        (["service=prod", "-h", "db3"], {"service": "prod", "host": "db3"}),
        ([""], {}),
    ],
)
def test_words_and_flags_are_laid_over_each_other(arguments: Sequence[str], parameters: Mapping[str, str]) -> None:
    assert located(*arguments) == ("", parameters)


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        (["production"], {"host": "db1", "hostaddr": "10.0.0.1", "user": "monitor", "dbname": "shop"}),
        (["production", "-h", "db2"], {"host": "db2", "user": "monitor", "dbname": "shop"}),
        (
            ["production", "-d", "other", "-U", "me"],
            {"host": "db1", "hostaddr": "10.0.0.1", "user": "me", "dbname": "other"},
        ),
        (
            ["-i", "1", "snapshot", "production", "me"],
            {"host": "db1", "hostaddr": "10.0.0.1", "user": "me", "dbname": "shop"},
        ),
    ],
)
def test_a_targets_name_is_the_target_and_flags_lie_over_it(
    arguments: Sequence[str], parameters: Mapping[str, str]
) -> None:
    assert located(*arguments) == ("production", parameters)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["shop", "web", "more"], "too many words on the command line: 'more'"),
        (["-U", "web", "-d", "shop", "more"], "too many words"),
        (["shop", "snapshot"], "write the command first: pgheadroom snapshot"),
        (["nonsense=1"], 'invalid connection option "nonsense"'),
    ],
)
def test_what_cannot_be_read_is_one_line(arguments: Sequence[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        located(*arguments)


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    path = tmp_path / "config.toml"
    path.write_text(
        "interval = 3\n[targets.production]\nconninfo = 'host=db1'\npgbouncer = ['host=pool1']\nread_only = true\n"
    )
    return str(path)


def settled(config_file: str, *arguments: str, **environ: str) -> Settings:
    return connection.settings_of(flags.parse(["--config", config_file, *arguments])[1], environ)


def test_defaults_file_environment_flags(config_file: str) -> None:
    assert settled(config_file).interval == 3.0
    assert settled(config_file, PGHEADROOM_INTERVAL="4").interval == 4.0
    assert settled(config_file, "-i", "5", PGHEADROOM_INTERVAL="4").interval == 5.0
    settings = settled(config_file, "production")
    assert (settings.target, settings.read_only, settings.pgbouncers) == ("production", True, ("host=pool1",))
    assert settled(config_file, "production", "--pgbouncer", "host=a", "--pgbouncer", "host=b").pgbouncers == (
        "host=a",
        "host=b",
    )


def test_doors_of_the_target_the_variable_and_the_flags(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[targets.production]\nconninfo = 'host=db1'\ndoors = ['user=rescue', 'host=/run/postgresql']\n")
    file = str(path)
    assert settled(file).doors == ()
    assert settled(file, "production").doors == ("user=rescue", "host=/run/postgresql")
    assert settled(file, "production", PGHEADROOM_DOOR="user=a; user=b").doors == ("user=a", "user=b")
    assert settled(file, "--door", "user=c", "--door", "user=d", PGHEADROOM_DOOR="user=a").doors == ("user=c", "user=d")


def test_a_door_that_libpq_cannot_read_is_said_before_anything_is_tried(config_file: str) -> None:
    with pytest.raises(UsageError, match='door 2: connection string: invalid connection option "nonsense"'):
        settled(config_file, "--door", "user=a", "--door", "nonsense=1")


def test_a_pgbouncer_that_libpq_cannot_read_is_said_before_anything_is_tried(config_file: str) -> None:
    with pytest.raises(UsageError, match='PgBouncer 2: connection string: invalid connection option "nonsense"'):
        settled(config_file, "--pgbouncer", "host=a", "--pgbouncer", "nonsense=1")


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("conninfo = 'nonsense=1'", "conninfo"),
        ("doors = ['user=rescue', 'nonsense=1']", "doors"),
        ("pgbouncer = ['host=pool1', 'nonsense=1']", "pgbouncer"),
    ],
)
def test_a_target_that_libpq_cannot_read_is_told_by_its_place(tmp_path: Path, line: str, key: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"[targets.test]\n[targets.production]\n{line}\n")
    with pytest.raises(UsageError) as raised:
        connection.settings_of(flags.parse(["production", "--config", str(path)])[1], {})
    place = f"{path}, line 3: targets.production.{key}: connection string: "
    assert str(raised.value) == f'{place}invalid connection option "nonsense"'


# --- the password ----------------------------------------------------------------------------------------------------


class Asked:
    """Stands in for the server: wants a password, and remembers what it was given."""

    def __init__(self, wants: str | None) -> None:
        self.wants = wants
        self.given: list[str | None] = []

    async def __call__(self, password: str | None) -> str:
        self.given.append(password)
        if password != self.wants:
            raise NoConnection("no password supplied", password_needed=password is None)
        return "open"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_terminal_is_there", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda prompt: "hunter2")


async def opened(attempt: Callable[[str | None], Awaitable[str]], *arguments: str) -> str:
    parsed = flags.parse(arguments)[1]
    return await connection.opened(attempt, connection.settings_of(parsed, {"XDG_CONFIG_HOME": "/nonexistent"}), parsed)


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    ("arguments", "wants", "given"),
    [([], None, [None]), ([], "hunter2", [None, "hunter2"]), (["-W"], "hunter2", ["hunter2"])],
)
async def test_it_is_asked_for_when_the_server_or_the_user_wants_it(
    arguments: Sequence[str], wants: str | None, given: Sequence[str | None]
) -> None:
    attempt = Asked(wants)
    assert await opened(attempt, *arguments) == "open"
    assert attempt.given == given


@pytest.mark.usefixtures("typed")
@pytest.mark.parametrize(
    ("arguments", "wants", "given"),
    [(["-w"], "hunter2", [None]), ([], "other", [None, "hunter2"]), (["-W"], "other", ["hunter2"])],
)
async def test_it_is_not_asked_for_with_w_nor_twice(
    arguments: Sequence[str], wants: str, given: Sequence[str | None]
) -> None:
    attempt = Asked(wants)
    with pytest.raises(NoConnection):
        await opened(attempt, *arguments)
    assert attempt.given == given


async def test_without_a_terminal_it_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_terminal_is_there", lambda: False)
    attempt = Asked("hunter2")
    with pytest.raises(NoConnection, match="no password supplied"):
        await opened(attempt)
    with pytest.raises(UsageError, match=r"\.pgpass"):
        await opened(attempt, "-W")
    assert attempt.given == [None]
