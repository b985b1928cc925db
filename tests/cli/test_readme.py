"""The README tells what the program has: every command, flag, variable and setting."""

import argparse
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pgheadroom import config, config_file
from pgheadroom.cli import demo, flags
from pgheadroom.cli.commands import COMMANDS, MONITOR
from pgheadroom.demo.stage import SCENARIOS
from pgheadroom.model.finding import Severity
from pgheadroom.model.health import Status
from pgheadroom.model.notification import Timing
from pgheadroom.model.thresholds import Thresholds

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def options(name: str) -> set[str]:
    shown = [action for action in flags.build_parser(name)._actions if action.help != argparse.SUPPRESS]
    return {option for action in shown for option in action.option_strings}


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != MONITOR])
def test_every_command_is_told_in_the_help_and_the_readme(name: str) -> None:
    assert f"| `pgheadroom {name}` |" in README
    assert f"pgheadroom {name} " in flags.build_parser(MONITOR).format_help()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_flag_is_told(name: str) -> None:
    missing = {option for option in options(name) if not re.search(rf"^\| .*`{re.escape(option)}[ `]", README, re.M)}
    assert not missing


def test_the_readme_tells_no_flag_that_there_is_not() -> None:
    there_are = set().union(*(options(name) for name in COMMANDS))
    told = set(re.findall(r"`(--[a-z]+(?:[.-][a-z]+)*)", README))
    assert told <= there_are


MESSAGES, EXAMPLE = re.findall(r"```toml\n(.*?)```", README, re.S)


def test_the_configuration_of_the_readme_is_read() -> None:
    read = config_file.parse(EXAMPLE, "README.md")
    assert set(read.targets) == {"production", "test"}
    assert set(read.general.thresholds) == {field.name for field in fields(Thresholds)}


def test_the_thresholds_of_the_readme_are_the_defaults() -> None:
    assert Thresholds.from_mapping(config_file.parse(EXAMPLE, "README.md").general.thresholds) == Thresholds()


def test_the_channels_of_the_readme_are_read_and_when_they_are_told_is_the_default() -> None:
    read = config_file.parse(MESSAGES, "README.md")
    assert read.targets["production"].notify == tuple(read.channels) == ("mail", "pager")
    (defaults,) = re.findall(r"`(notify_when = .*?)`", README)
    assert config.settle(config_file.parse(defaults, "README.md").general).timing == Timing()
    assert set(config_file.parse(defaults, "README.md").general.notify_when) == {
        field.name for field in fields(Timing) if field.name != "quiet_hours"
    }


def test_the_words_for_how_bad_it_is_are_told() -> None:
    (told,) = (line for line in README.splitlines() if line.startswith("The data is on stdout"))
    assert {word.value for word in (*Status, *Severity)} <= set(re.findall(r"`(\w+)`", told))


def test_every_variable_is_told() -> None:
    sources = [path.read_text() for path in (ROOT / "src/pgheadroom").glob("**/*.py") if "demo" not in path.parts]
    used = set().union(*(re.findall(r"\bPGHEADROOM_[A-Z_]+", source) for source in sources))
    assert used
    assert all(f"`{name}`" in README for name in used)


def test_every_scenario_is_told() -> None:
    assert all(f"| `{name}` |" in README for name in SCENARIOS)
    assert demo.DEFAULT_SCENARIO in SCENARIOS


def test_systemd_takes_the_unit_and_finds_the_service_little_exposed(tmp_path: Path) -> None:
    (unit,) = re.findall(r"```ini\n(# /etc/systemd/.*?)```", README, re.DOTALL)
    file = tmp_path / "pgheadroom.service"
    file.write_text(unit.replace("/opt/pgheadroom/bin/pgheadroom", sys.executable))
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd")
    done = subprocess.run([program, "verify", file], capture_output=True, text=True, check=False)
    assert file.name not in done.stderr
    command = [program, "security", "--offline=true", "--threshold=20", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd judges no unit that it has not loaded")
    assert done.returncode == 0, done.stdout[-100:]
