"""`pgheadroom notify --test`, and the channels that the agent is given."""

import argparse
import json
import os
from pathlib import Path

import pytest

from pgheadroom import config, config_file
from pgheadroom.cli import diagnostics, main
from pgheadroom.cli.agent import _messenger
from pgheadroom.cli.notifying import channels_of
from pgheadroom.errors import PgHeadroomError, UsageError
from pgheadroom.files import read_by_others

TOKEN = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnostics, "_secrets", set())


def written(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "c.toml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def a_file(out: Path) -> str:
    return f"""
[channels.file]
notify_command = ["/bin/sh", "-c", "cat > {out}"]
[channels.broken]
notify_command = ["/bin/sh", "-c", "echo {TOKEN} no; exit 4", "x", "{TOKEN}"]
[targets.a]
notify_command = ["/bin/sh", "-c", "cat > {out}.own"]
notify = ["file"]
[targets.b]
notify_command = ["/bin/sh", "-c", "cat > {out}.own"]
"""


def test_each_channel_gets_one_message_and_what_became_of_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    given = ["notify", "--config", written(tmp_path, a_file(out)), "--test"]
    assert main(given) == 1
    told = capsys.readouterr()
    assert sorted(told.out.splitlines()) == [
        "broken: not sent: the program ended with exit code 4: *** no", "command:a: sent", "file: sent"]  # fmt: skip
    assert told.err == ""
    assert json.loads(out.read_text())["kind"] == "test"
    assert json.loads(Path(f"{out}.own").read_text())["kind"] == "test"
    assert main([*given, "file"]) == 0
    assert main([*given, "command"]) == 0
    assert capsys.readouterr().out.splitlines() == ["file: sent", "command:a: sent"]


@pytest.mark.parametrize(
    ("text", "arguments", "said"),
    [
        ("", ["--test"], "the configuration has no channel"),
        ("[channels.a]\nnotify_command = ['x']", [], "say --test"),
        ("[channels.a]\nnotify_command = ['x']", ["--test", "b"], "there is no channel 'b'; there are: a"),
        ("[channels.a]\nnotify_command = ['x']", ["--test", "command"], "no target has a notify_command"),
        ("", ["--test", f"json://{TOKEN}"], "takes the name of a channel; its URL belongs into the configuration"),
        ("[channels.a]\nurl_file = 'none'", ["--test"], "No such file or directory (the URL of channel a)"),
    ],
)
def test_wrong_use_is_said_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, arguments: list[str], said: str
) -> None:
    assert main(["notify", "--config", written(tmp_path, text), *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert TOKEN not in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("mode", [0o644, 0o604])
@pytest.mark.parametrize("own_file", [False, True])
def test_a_url_that_others_can_read_is_refused_and_one_that_they_cannot_is_taken(
    tmp_path: Path, mode: int, own_file: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"json://me:{TOKEN}%21@example.com/hook"
    (tmp_path / "hook").write_text(url + "\n")
    text = "url_file = 'hook'" if own_file else f'url = "{url}"'
    path = written(tmp_path, f"[channels.hook]\n{text}")
    secret = tmp_path / ("hook" if own_file else "c.toml")
    secret.chmod(mode)
    with pytest.raises(UsageError) as raised:
        channels_of(config_file.load(path, {}), ["hook"], (), "")
    assert str(raised.value) == f"{secret} holds the URL of channel hook, and others can read it: chmod 600 {secret}"
    secret.chmod(0o600)
    (channel,) = channels_of(config_file.load(path, {}), ["hook"], (), "")
    assert channel.url == url
    assert TOKEN not in repr(channel)
    assert TOKEN not in diagnostics.scrubbed(f"{url} me:{TOKEN}! {TOKEN}%21")


@pytest.mark.parametrize(
    ("mode", "owner", "others"),
    [(0o600, 1000, False), (0o640, 1000, True), (0o604, 1000, True), (0o640, 0, False), (0o644, 0, True)],
)
def test_a_group_may_read_what_is_roots(mode: int, owner: int, others: bool) -> None:
    assert read_by_others(os.stat_result((mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))) is others


def test_a_url_is_no_argument_of_the_agent_and_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agent", "--notify", f"json://{TOKEN}"]) == 2
    told = capsys.readouterr().err
    assert "--notify: takes the name of a channel" in told
    assert TOKEN not in told


def test_a_file_with_more_than_a_url_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, "[channels.a]\nurl_file = 'c.toml'")
    with pytest.raises(PgHeadroomError, match="must hold the URL of channel a, and nothing else"):
        channels_of(config_file.load(path, {}), ["a"], (), "")


@pytest.mark.parametrize(
    ("chosen", "outboxes", "watched"),
    [
        ([], ["file", "command:a", "command:b"], ["a", "b"]),
        (["broken"], ["broken"], ["a", "b", "c"]),
        (["command"], ["command:a", "command:b"], ["a", "b"]),
    ],
)
def test_the_agent_tells_on_the_channels_of_each_target_or_on_those_that_are_chosen(
    tmp_path: Path, chosen: list[str], outboxes: list[str], watched: list[str]
) -> None:
    path = written(tmp_path, a_file(tmp_path / "out") + "[targets.c]\n")
    read = config_file.load(path, {})
    every = [config.settle(read.general, layer, target=name) for name, layer in read.targets.items()]
    messenger = _messenger(every, argparse.Namespace(config=path, notify=chosen))
    assert list(messenger.outboxes) == outboxes
    assert [name for name in "abc" if messenger.take_of(name) is not None] == watched


def test_without_apprise_only_channels_with_a_url_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = "[channels.a]\nnotify_command = ['true']\n[channels.b]\nurl = 'json://x'"
    path = written(tmp_path, text)
    assert main(["notify", "--config", path, "--test", "a"]) == 0
    assert main(["notify", "--config", path, "--test", "b"]) == 2
    assert "channels with a URL are sent through apprise: pip install 'pgheadroom[notify]'" in capsys.readouterr().err
