"""Each outage of the demo, from the start of the program until it is OK again, with the keys that Triage names."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pgheadroom.demo.servers.bouncer import HOW_TO_INSTALL, find_pgbouncer
from pgheadroom.demo.stage import SCENARIOS, Demo, open_demo
from servers import missing
from terminal.emulator import Terminal

CURED_WITHIN = 60.0
"""Seconds: a finding goes four seconds after its cause, names and limits are read every five."""

# By scenario: what its first finding says, and what Enter on it is for.
BY_KEYS = {
    "idle-leak": ("idle; most by billing/billing-api (24)", "end idle sessions of billing/billing-api"),
    "idle-in-transaction": ("sessions idle in transaction", "end the oldest transactions"),
    "lock-pileup": ("deploy/psql, idle in tx", "end pid "),
    "busy": ("run queries at once", "cancel the longest queries"),
    "pool-saturated": ("clients wait for pool shop/web", "end the oldest transactions of the pool"),
}
# By scenario: what its first finding says, the statement that cures it, and what is left to tell then.
BY_STATEMENT = {
    # A storm that is over by then is no longer told, but that its role is held is.
    "storm": ("lambda/lambda opens", r"ALTER ROLE lambda CONNECTION LIMIT \d+;", r"; held since|is held to \d+ since"),
}
# By scenario: what its first finding says, and the statement that H asks about.
BY_HOLD = {"role-limit": ("Role reports is at its limit: 6 of 6", "ALTER ROLE reports CONNECTION LIMIT 12;")}
_ASKED = r"[Tt]ype (\d+)(?: and|, then) Enter"


@pytest.fixture
def triage(monitor: Callable[..., Terminal]) -> Callable[[Demo], Terminal]:
    """The finished program on an outage, on the screen that `t` leads to."""

    def run(demo: Demo) -> Terminal:
        consoles = [word for console in demo.pgbouncers for word in ("--pgbouncer", console)]
        terminal = monitor(demo.conninfo, *consoles, columns=160, lines=50)
        return terminal.press("t").wait_for("▸ FINDINGS")

    return run


@contextmanager
def outage(scenario: str) -> Iterator[Demo]:
    if find_pgbouncer() is None:
        missing(HOW_TO_INSTALL)
    with open_demo(scenario, lambda line: None) as demo:
        yield demo


def first_finding(terminal: Terminal) -> str:
    return terminal.lines[terminal.row_of("▸ FINDINGS") + 2]


def is_ok(terminal: Terminal) -> bool:
    return terminal.lines[0].startswith(" OK ")


def type_the_number(terminal: Terminal) -> None:
    """What the preview asks for. It follows the samples until the first digit is typed, so a number can be stale."""
    for _ in range(5):
        terminal.wait_for_match(_ASKED)
        asked = re.search(_ASKED, terminal.screen())
        assert asked is not None
        terminal.pump(0.5).press(*asked[1], "Enter")
        terminal.wait_until(
            lambda: not re.search(_ASKED, terminal.screen()) or "is not the number" in terminal.screen(),
            "the number is taken or refused",
        )
        if not re.search(_ASKED, terminal.screen()):
            return
    pytest.fail(f"the number changes all the time:\n{terminal.screen()}")


def copied(terminal: Terminal) -> str:
    """What the program asked the terminal last to copy."""
    found = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", terminal.output)
    return base64.b64decode(found[-1]).decode()


def test_every_outage_is_cured() -> None:
    assert {"calm", *BY_KEYS, *BY_STATEMENT, *BY_HOLD} == set(SCENARIOS)


@pytest.mark.parametrize("scenario", BY_KEYS)
def test_the_key_that_triage_names_cures(scenario: str, triage: Callable[[Demo], Terminal]) -> None:
    words, key = BY_KEYS[scenario]
    with outage(scenario) as demo:
        terminal = triage(demo)
        terminal.wait_until(lambda: words in first_finding(terminal), f"{words} first")
        assert not is_ok(terminal)
        terminal.wait_for_match(rf"press Enter\s+{key}").press("Enter")
        type_the_number(terminal)
        terminal.wait_until(lambda: is_ok(terminal), "OK again", CURED_WITHIN)
        terminal.wait_for("nothing wrong found")


@pytest.mark.parametrize("scenario", BY_STATEMENT)
def test_the_statement_that_triage_gives_to_copy_is_what_h_does_and_the_cure_holds(
    scenario: str, triage: Callable[[Demo], Terminal]
) -> None:
    words, statement, rest = BY_STATEMENT[scenario]
    with outage(scenario) as demo:
        terminal = triage(demo)
        terminal.wait_until(lambda: words in first_finding(terminal), f"{words} first")
        assert not is_ok(terminal)
        terminal.press("y").wait_for("sent to the clipboard")
        assert re.fullmatch(statement, copied(terminal))
        assert copied(terminal) in terminal.screen()
        terminal.press("H").wait_for("Hold lambda back").press("a").wait_for_match(statement)
        type_the_number(terminal)
        terminal.wait_until(lambda: is_ok(terminal), "OK again", CURED_WITHIN)
        terminal.wait_for_match(rest)
        for _ in range(8):
            assert is_ok(terminal.pump(0.5)), "who was ended came back"


@pytest.mark.parametrize("scenario", BY_HOLD)
def test_the_limit_that_h_offers_cures_in_four_keys_and_l_gives_back_what_was(
    scenario: str, triage: Callable[[Demo], Terminal]
) -> None:
    words, statement = BY_HOLD[scenario]
    with outage(scenario) as demo:
        terminal = triage(demo)
        terminal.wait_until(lambda: words in first_finding(terminal), f"{words} first")
        assert not is_ok(terminal)
        terminal.press("H").wait_for("Another limit for reports").press("a").wait_for(statement)
        say_yes(terminal)
        terminal.wait_until(lambda: is_ok(terminal), "OK again", CURED_WITHIN)
        terminal.wait_for("nothing wrong found").wait_for("reports: limit 12 since")
        terminal.press("L").wait_for("ALTER ROLE reports CONNECTION LIMIT 6;")
        say_yes(terminal)
        # Nobody is put out: those who got in meanwhile stay above the limit.
        terminal.wait_until(lambda: "Role reports is at its limit" in first_finding(terminal), "the trouble of before")


def say_yes(terminal: Terminal) -> None:
    """A yes counts when the question has stood there for a moment."""
    for _ in range(20):
        terminal.pump(0.5).press("y").pump(0.5)
        if "y  Yes" not in terminal.screen():
            return
    pytest.fail(f"the question stands:\n{terminal.screen()}")
