"""Settings: defaults < file < environment < flags, and mistakes told by file, line, key and what is allowed."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgheadroom import config, config_file, files, toml
from pgheadroom.config import Layer, Settings, settle
from pgheadroom.config_file import Configuration
from pgheadroom.errors import ConfigError
from pgheadroom.model.thresholds import Thresholds

FILE = """\
interval = "500ms"
protected_roles = ["replicator"]

[thresholds]
usage = ["70%", "85%"]

[targets.production]
conninfo = "host=db1 user=monitor"
pgbouncer = ["host=pool1 port=6432 dbname=pgbouncer", "host=pool2 port=6432 dbname=pgbouncer"]
interval = 2
read_only = true
protected_roles = ["payments"]

[targets.production.thresholds]
long_query_seconds = "10m"

[targets.test]
conninfo = "host=db2"
"""


def test_a_file() -> None:
    read = config_file.parse(FILE, "config.toml")
    assert read.general == Layer(interval=0.5, protected_roles=("replicator",), thresholds={"usage": ["70%", "85%"]})
    assert read.targets["production"].pgbouncers == (
        "host=pool1 port=6432 dbname=pgbouncer",
        "host=pool2 port=6432 dbname=pgbouncer",
    )
    assert read.targets["test"] == Layer(conninfo="host=db2")


def test_a_targets_settings_lie_over_the_general_ones() -> None:
    read = config_file.parse(FILE, "config.toml")
    settings = settle(read.general, read.targets["production"], target="production")
    assert (settings.interval, settings.read_only, settings.conninfo) == (2.0, True, "host=db1 user=monitor")
    assert settings.thresholds == Thresholds.from_mapping({"usage": ["70%", "85%"], "long_query_seconds": 600})


def test_protected_roles_add_up() -> None:
    read = config_file.parse(FILE, "config.toml")
    assert settle(read.general, read.targets["production"]).protected_roles == ("replicator", "payments")


def test_the_environment_lies_over_the_file_and_the_flags_over_both() -> None:
    environ = {
        "PGHEADROOM_INTERVAL": "5",
        "PGHEADROOM_READ_ONLY": "0",
        "PGHEADROOM_HIDE_LITERALS": "1",
        "PGHEADROOM_ASCII": "yes",
    }
    read = config_file.parse(FILE, "config.toml")
    layers = (read.general, read.targets["production"], config.from_environment(environ))
    assert settle(*layers).interval == 5.0
    assert settle(*layers).read_only is False
    assert settle(*layers).hide_literals is True
    assert settle(*layers).ascii_only is True
    assert settle(*layers, Layer(interval=0.2, read_only=True)).interval == 0.2
    assert settle(*layers, Layer(interval=0.2, read_only=True)).read_only is True


def test_nothing_said_leaves_the_defaults() -> None:
    assert settle() == settle(Layer(), Layer(), Layer()) == Settings()
    assert Settings().interval == 1.0


_LAYERS = st.builds(
    Layer,
    conninfo=st.none() | st.sampled_from(["host=a", "host=b"]),
    interval=st.none() | st.floats(0.2, 60),
    read_only=st.none() | st.booleans(),
    hide_literals=st.none() | st.booleans(),
    ascii_only=st.none() | st.booleans(),
    pgbouncers=st.none() | st.sampled_from([(), ("host=p",)]),
    protected_roles=st.lists(st.sampled_from("abc")).map(tuple),
)


@given(st.lists(_LAYERS))
def test_the_last_layer_that_says_something_wins(layers: list[Layer]) -> None:
    settings = settle(*layers)
    for name, default in (("interval", 1.0), ("read_only", False), ("hide_literals", False), ("pgbouncers", ())):
        said = [getattr(layer, name) for layer in layers if getattr(layer, name) is not None]
        assert getattr(settings, name) == (said[-1] if said else default)
    assert set(settings.protected_roles) == {role for layer in layers for role in layer.protected_roles}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "interval = 2\nread_onli = true",
            "c.toml, line 2: read_onli: is not a setting (did you mean read_only?); allowed",
        ),
        ("interval = 100", "c.toml, line 1: interval: 100 is out of range; allowed: 0.2 to 60 seconds"),
        ("interval = true", "c.toml, line 1: interval: must be 0.2 to 60 seconds"),
        ("interval = 'soon'", "c.toml, line 1: interval: 'soon' is not an interval"),
        ("read_only = 1", "c.toml, line 1: read_only: must be true or false"),
        ("protected_roles = [1]", "c.toml, line 1: protected_roles: must be a list of texts"),
        ("\n[thresholds]\nusage = ['x', 'y']", "c.toml, line 3: thresholds.usage: 'x' is not"),
        ("\n[thresholds]\nusge = [1, 2]", "c.toml, line 3: thresholds.usge: there is no such threshold"),
        ("thresholds = 3", "c.toml, line 1: thresholds: must be a table"),
        (
            "[targets.a]\nconninfo = 'host=a'\n[targets.b]\nhost = 'b'",
            "c.toml, line 4: targets.b.host: is not a setting",
        ),
        ("[targets.a]\nconninfo = ''", "c.toml, line 2: targets.a.conninfo: must be a text that is not empty"),
        ("[targets.a]\nascii = true", "c.toml, line 2: targets.a.ascii: is not a setting"),
        (
            '[targets."a b"]\nintervall = 1',
            "c.toml, line 2: targets.a b.intervall: is not a setting (did you mean interval?)",
        ),
        ("[targets.snapshot]\nconninfo = 'host=a'", "c.toml, line 1: targets.snapshot: is a command"),
        ("[targets]\na = 'host=a'", "c.toml, line 2: targets.a: must be a table: [targets.a]"),
        ("targets = 1", "c.toml, line 1: targets: must be tables"),
        ("interval = = 2", "c.toml, line 1: not TOML: "),
        ("interval = 2\n\n[targets.a\nb = 1", "c.toml, line 3: not TOML: "),
        ("interval = 2\nread_only = true\nread_only = false", "c.toml, line 3: not TOML: "),
        ("interval = 2\nprotected_roles = ['a',\n\n", "c.toml, line 2: not TOML: "),
        ("hide_literals = 'yes'", "c.toml, line 1: hide_literals: must be true or false"),
        ("\n\n[thresholds]\n# a remark\nusage = [1, 2, 3]", "c.toml, line 5: thresholds.usage: must be [warning, crit"),
        ("[thresholds]\nusage = ['90%', '80%']", "c.toml, line 2: thresholds.usage: the warning 90% must come before"),
        ("[thresholds]\nusage = [-5, -10]", "c.toml, line 2: thresholds.usage: the warning -5 must come before"),
        (
            "[thresholds]\nuntil_full = ['1m', '5m']",
            "c.toml, line 2: thresholds.until_full: the warning 60 must",
        ),
        ("[thresholds]\nlimit = {warning = 'x'}", "c.toml, line 2: thresholds.limit: 'x' is not a number, per cent"),
        ("\nthresholds = { usage = 5 }", "c.toml, line 2: thresholds.usage: must be [warning, critical]"),
        ("thresholds.usage = 5", "c.toml, line 1: thresholds.usage: must be [warning, critical]"),
        ("[targets]\na.intervall = 1", "c.toml, line 2: targets.a.intervall: is not a setting"),
        ("targets = { a = { intervall = 1 } }", "c.toml, line 1: targets.a.intervall: is not a setting"),
        ("[targets.'a.b']\nx = '[targets.a]'", "c.toml, line 2: targets.a.b.x: is not a setting"),
        ("[[targets.a]]\nconninfo = 'x'", "c.toml, line 1: targets.a: must be a table: [targets.a]"),
        (
            'protected_roles = ["""\nintervall = 1""",\n  1]\n',
            "c.toml, line 1: protected_roles: must be a list of texts",
        ),
        ('[targets.a]\nconninfo = """\nx = 1"""\nx = 2', "c.toml, line 4: targets.a.x: is not a setting"),
        ("# interval\ninterval = 0\r\n", "c.toml, line 2: interval: 0 is out of range; allowed: 0.2 to 60 seconds"),
        (
            "[targets.a.thresholds]\nusage = 5",
            "c.toml, line 2: targets.a.thresholds.usage: must be [warning, critical]",
        ),
    ],
)
def test_a_mistake_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config_file.parse(text, "c.toml")
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGHEADROOM_INTERVAL", "never"),
        ("PGHEADROOM_READ_ONLY", "perhaps"),
        ("PGHEADROOM_HIDE_LITERALS", "some"),
        ("PGHEADROOM_ASCII", "2"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"environment variable {name}: .*allowed"):
        config.from_environment({name: value})


def test_several_pgbouncers_in_one_variable() -> None:
    text = "host=a dbname=pgbouncer; postgresql://b/pgbouncer\nhost=c;\n"
    said = config.from_environment({"PGHEADROOM_PGBOUNCER": text})
    assert said.pgbouncers == ("host=a dbname=pgbouncer", "postgresql://b/pgbouncer", "host=c")


def test_where_the_file_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dba")
    assert config_file.default_path({"XDG_CONFIG_HOME": "/etc/xdg"}) == Path("/etc/xdg/pgheadroom/config.toml")
    assert config_file.default_path({"XDG_CONFIG_HOME": "relative"}) == Path("/home/dba/.config/pgheadroom/config.toml")
    assert config_file.default_path({}) == Path("/home/dba/.config/pgheadroom/config.toml")


def test_the_default_file_may_be_missing_and_a_named_one_not(tmp_path: Path) -> None:
    assert config_file.load(None, {"XDG_CONFIG_HOME": str(tmp_path)}) == Configuration()
    with pytest.raises(ConfigError, match="there is no such file"):
        config_file.load(str(tmp_path / "none.toml"), {})
    with pytest.raises(ConfigError, match="there is no such file"):
        config_file.load(None, {"PGHEADROOM_CONFIG": str(tmp_path / "none.toml")})


def test_a_folder_or_bytes_in_the_files_place_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        config_file.load(str(tmp_path), {})
    (tmp_path / "c.toml").write_bytes(b"interval = 1\nascii = \xff\xfe")
    with pytest.raises(ConfigError, match=r"c\.toml, line 2: it is not UTF-8"):
        config_file.load(str(tmp_path / "c.toml"), {})


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
@pytest.mark.parametrize(
    "secret",
    [
        "conninfo = 'host=a password=hunter2'",
        "pgbouncer = ['postgresql://u:hunter2@b/pgbouncer']",
        "doors = ['user=rescue password=hunter2']",
    ],
)
def test_a_password_that_others_can_read_is_warned_of_and_not_told(
    tmp_path: Path, mode: int, warned: bool, secret: str
) -> None:
    path = tmp_path / "c.toml"
    path.write_text(f"[targets.production]\n{secret}\n")
    path.chmod(mode)
    warnings = config_file.load(str(path), {}).warnings
    assert bool(warnings) is warned
    assert all("production" in line and "hunter2" not in line for line in warnings)


def test_a_readable_file_without_a_password_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(FILE)
    path.chmod(0o644)
    assert config_file.load(str(path), {}).warnings == ()


# --- what nobody should have to wait for -----------------------------------------------------------------------------


def test_a_mistake_far_down_is_told_with_a_few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look reads the file up to a line: one for each line took ten seconds."""
    looks = []
    read = toml.document

    def look(text: str) -> dict[str, Any]:
        looks.append(len(text))
        return read(text)

    monkeypatch.setattr(toml, "document", look)
    text = "".join(f"[targets.t{number}]\nconninfo = 'host=db{number}'\n" for number in range(1000)) + "interval = 0\n"
    with pytest.raises(ConfigError, match=r"^c\.toml, line 2001: targets\.t999\.interval: 0 is out of range"):
        config_file.parse(text, "c.toml")
    assert len(looks) < 20


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ('protected_roles = [\n  "a", # ] \n  "]",\n]\n', 5),
        ("protected_roles = ['''\n[targets''', \"\"\"\n[\\\"\"\"\", 'x']\n", 4),
        ('ascii = true # interval = """\n', 2),
        ("[targets.a]\nconninfo = '#'\n[targets.b.thresholds]\n", None),
    ],
)
def test_the_line_behind_what_goes_over_several(before: str, line: int | None) -> None:
    with pytest.raises(ConfigError) as raised:
        config_file.parse(f"{before}interval = 0\n", "c.toml")
    assert str(raised.value).startswith(f"c.toml, line {line or 4}: ")


def test_nested_as_nobody_writes_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^c\.toml: not TOML that anybody writes: it is nested too deeply$"):
        config_file.parse("interval = " + "[" * 20_000 + "]" * 20_000, "c.toml")


def test_a_pipe_is_read_and_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    monkeypatch.setattr(files, "_PIPE_WITHIN", 0.05)
    with pytest.raises(ConfigError, match="nothing came within"):
        config_file.load(str(pipe), {})
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    with pytest.raises(ConfigError, match="nothing came within"):
        config_file.load(str(pipe), {})
    read, write = os.pipe()
    os.write(write, b"interval = 2\n")
    os.close(write)
    assert config_file.load(f"/dev/fd/{read}", {}).general.interval == 2
    for file in (reader, writer, read):
        os.close(file)


def test_what_has_no_end_is_no_configuration() -> None:
    with pytest.raises(ConfigError, match="larger than 4 MB"):
        config_file.load("/dev/zero", {})


@pytest.mark.parametrize("value", ["9" * 400, f'"{"9" * 400}d"', "1e300", "inf", "nan"])
@pytest.mark.parametrize(
    "key", ["interval", "thresholds.usage", "thresholds.long_query_seconds", "thresholds.pool_maxwait"]
)
def test_a_number_that_no_clock_has_is_a_mistake_of_one_line(key: str, value: str) -> None:
    pair = value if key in ("interval", "thresholds.long_query_seconds") else f"[1, {value}]"
    with pytest.raises(ConfigError, match=r"^c\.toml, line 1: "):
        config_file.parse(f"{key} = {pair}\n", "c.toml")
