"""Version numbers stand in one place, under names."""

import re
from pathlib import Path

import pgheadroom

SOURCES = Path(pgheadroom.__file__).parent
NUMBER = re.compile(r"\b(?:90_?[0-9]00|1[3-9][0-9]_?[0-9]{3})\b|[=(, ]\(1, (?:1[6-9]|2[0-9])\b")


def test_the_pattern_finds_what_is_meant() -> None:
    for written in ("150000", "170_003", "90_600", "since=(1, 24)", "x >= (1, 25, 2)"):
        assert NUMBER.search(written), written
    for other in ("random(1, 500)", "(1, 3)", "uniform(1, 22)", "40_000", "1000000"):
        assert not NUMBER.search(other), other


def test_no_other_module_knows_a_version_by_its_number() -> None:
    found = {
        f"{path.relative_to(SOURCES)}: {line.strip()}"
        for path in SOURCES.rglob("*.py")
        if path.name != "versions.py"
        for line in path.read_text().splitlines()
        if NUMBER.search(line) and not line.lstrip().startswith(("#", '"""')) and "for instance" not in line
    }
    assert found == set()
