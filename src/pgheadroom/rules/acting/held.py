"""What is held, by what was written down; and what the server says of it now. Pure.

A hold is known by what holds it: a second one of the same role keeps what was before the first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pgheadroom.model.hold import Change, ChangeOutcome, Grip, HeldKind, Hold, Holdable, HoldSite, HoldState

Key = tuple[str, HeldKind, int]

Value = TypeVar("Value", int | None, bool | None, str | None)

_TIMEOUT = "idle_in_transaction_session_timeout"
_NOTHING_HAPPENED = frozenset({ChangeOutcome.REFUSED, ChangeOutcome.CHANGED})


def holds(lines: Iterable[Mapping[str, Any]]) -> tuple[Hold, ...]:
    """What is held by the lines of the audit file, in the order in which it was. What is no such line is skipped.

    An action without a result may have happened, and is told until the server says otherwise.
    """
    held: dict[Key, Hold] = {}
    before: dict[str, tuple[Key, Hold | None, bool]] = {}
    for line in lines:
        try:
            _take(line, held, before)
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(held.values())


def _take(line: Mapping[str, Any], held: dict[Key, Hold], under_way: dict[str, tuple[Key, Hold | None, bool]]) -> None:
    action = str(line["action"])
    if line["event"] == "intended":
        told = _hold(line)
        key = (told.server, told.kind, told.oid)
        releases = line["verb"] == "let go"
        under_way[action] = key, held.get(key), releases
        if not releases:
            held[key] = _upon(told, held.get(key))
    elif line["event"] == "result" and action in under_way:
        key, earlier, releases = under_way.pop(action)
        outcome = ChangeOutcome(line["outcome"])
        if outcome in _NOTHING_HAPPENED:
            _put(held, key, earlier)
        elif outcome is not ChangeOutcome.UNKNOWN:
            _put(held, key, None if releases else _confirmed(held.get(key)))


def _put(held: dict[Key, Hold], key: Key, hold: Hold | None) -> None:
    if hold is None:
        held.pop(key, None)
    else:
        held[key] = hold


def _confirmed(hold: Hold | None) -> Hold | None:
    return None if hold is None else _with(hold, hold.before, hold.after, confirmed=True)


def _upon(new: Hold, old: Hold | None) -> Hold:
    """What was before the first is what letting go brings back, unless somebody else has set another value since."""
    if old is None:
        return new
    before = Grip(
        _first(old.before.limit, old.after.limit, new.before.limit),
        _first(old.before.login, old.after.login, new.before.login),
        _first(old.before.timeout, old.after.timeout, new.before.timeout),
    )
    return _with(new, before, new.after.over(old.after), confirmed=False)


def _first(before: Value, set_to: Value, found: Value) -> Value:
    return before if found in (None, set_to) else found


def _with(hold: Hold, before: Grip, after: Grip, *, confirmed: bool) -> Hold:
    return Hold(
        hold.server, hold.kind, hold.oid, hold.name, before, after, hold.since, hold.os_user, hold.host, confirmed
    )


def _hold(line: Mapping[str, Any]) -> Hold:
    told, who = line["hold"], line["who"]
    return Hold(
        server=str(told["server"]),
        kind=HeldKind(told["kind"]),
        oid=int(told["oid"]),
        name=str(told["name"]),
        before=grip_of(told["before"]),
        after=grip_of(told["after"]),
        since=datetime.fromisoformat(line["at"]),
        os_user=str(who["os_user"]),
        host=str(who["host"]),
        confirmed=False,
    )


def grip_of(told: Mapping[str, Any]) -> Grip:
    """From its form in the audit file."""
    limit, login, timeout = told.get("limit"), told.get("login"), told.get(_TIMEOUT)
    return Grip(
        None if limit is None else int(limit),
        None if login is None else bool(login),
        None if timeout is None else str(timeout),
    )


def told_grip(grip: Grip) -> dict[str, int | bool | str]:
    """As it stands in the audit file: only what is touched."""
    values: dict[str, int | bool | str | None] = {"limit": grip.limit, "login": grip.login, _TIMEOUT: grip.timeout}
    return {name: value for name, value in values.items() if value is not None}


def state_of(hold: Hold, now: Holdable | None) -> HoldState:
    """What the server says of it. `now` is None where it is not there any more."""
    if now is None:
        return HoldState.DROPPED
    if hold.after.matches(now.grip):
        return HoldState.HELD
    return HoldState.BACK if hold.before.matches(now.grip) else HoldState.CHANGED


@dataclass(frozen=True, slots=True)
class Held:
    """A hold as it was written down, and what the server says of it."""

    hold: Hold
    now: Holdable | None
    state: HoldState

    @property
    def name(self) -> str:
        """What it is called now."""
        return self.hold.name if self.now is None else self.now.name


def still_held(recorded: Iterable[Hold], site: HoldSite) -> list[Held]:
    """Those on this server, but for what is not held any more."""
    here = [one for one in recorded if one.server == site.server]
    told = [Held(one, now := site.of(one.kind, one.oid), state_of(one, now)) for one in here]
    return [one for one in told if one.state in (HoldState.HELD, HoldState.CHANGED)]


def back(held: Held) -> Change:
    """To what was before, from what we set: what somebody else has set since is not overwritten."""
    hold = held.hold
    return Change(hold.kind, hold.oid, held.name, hold.after, hold.before)
