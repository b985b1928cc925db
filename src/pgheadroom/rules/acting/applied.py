"""What was applied of advice, by what was written down; and what the server says of it now. Pure.

An applied value is no hold: it is to stay. One upon another at the same place is undone the last one first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pgheadroom.model.advice import Advice
from pgheadroom.model.applied import Alteration, Applied, AppliedState, ApplySite, Found, Spot
from pgheadroom.model.hold import ChangeOutcome
from pgheadroom.model.session import seconds_between
from pgheadroom.rules.acting.apply import place_words, statements_of, value_words
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe

_NOTHING_HAPPENED = frozenset({ChangeOutcome.REFUSED, ChangeOutcome.CHANGED})


def applied(lines: Iterable[Mapping[str, Any]]) -> tuple[Applied, ...]:
    """What is applied by the lines of the audit file, in the order in which it was. What is no such line is skipped.

    An action without a result may have happened, and is told until the server says otherwise.
    """
    stand: dict[str, Applied] = {}
    undoing: dict[str, str] = {}
    for line in lines:
        try:
            _take(line, stand, undoing)
        except (KeyError, TypeError, ValueError):
            continue
    return tuple(stand.values())


def _take(line: Mapping[str, Any], stand: dict[str, Applied], undoing: dict[str, str]) -> None:
    action = str(line["action"])
    if line["event"] == "intended":
        if undone := line["applied"].get("undoes"):
            undoing[action] = str(undone)
        else:
            stand[action] = _read(action, line)
    elif line["event"] == "result":
        outcome = ChangeOutcome(line["outcome"])
        happened = outcome not in (*_NOTHING_HAPPENED, ChangeOutcome.UNKNOWN)
        if action in undoing and happened:
            stand.pop(undoing[action], None)
        elif action in stand and outcome in _NOTHING_HAPPENED:
            del stand[action]
        elif action in stand and happened:
            stand[action] = replace(stand[action], confirmed=True)


def _read(action: str, line: Mapping[str, Any]) -> Applied:
    told, who = line["applied"], line["who"]
    return Applied(
        action=action,
        server=str(told["server"]),
        key=str(told["key"]),
        alteration=Alteration(
            Spot(
                str(told["parameter"]),
                _text(told["role"]),
                _text(told["database"]),
                int(told["role_oid"]),
                int(told["database_oid"]),
            ),
            _text(told["before"]),
            _text(told["after"]),
        ),
        since=datetime.fromisoformat(line["at"]),
        os_user=str(who["os_user"]),
        host=str(who["host"]),
        confirmed=False,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def told_alteration(alteration: Alteration) -> dict[str, str | int | None]:
    """As it stands in the audit file."""
    spot = alteration.spot
    return {
        "parameter": spot.parameter,
        "role": spot.role,
        "role_oid": spot.role_oid,
        "database": spot.database,
        "database_oid": spot.database_oid,
        "before": alteration.before,
        "after": alteration.after,
    }


@dataclass(frozen=True, slots=True)
class Standing:
    """Applied advice as it was written down, and what the server says of it."""

    applied: Applied
    found: Found
    state: AppliedState

    @property
    def spot(self) -> Spot:
        """As it is called now."""
        return self.found.spot


def still_applied(recorded: Iterable[Applied], site: ApplySite) -> list[Standing]:
    """Those on this server that can be undone, in the order in which they were applied: at each place the last one, but
    for what is not there any more."""
    last: dict[tuple[str, int, int], Standing] = {}
    for one in recorded:
        spot = one.alteration.spot
        found = site.at(spot) if one.server == site.server else None
        if found is None or not found.there:
            continue
        state = _state(one.alteration, found)
        if state is AppliedState.BACK:
            continue
        last.pop(spot.key, None)
        last[spot.key] = Standing(one, found, state)
    return list(last.values())


def _state(alteration: Alteration, found: Found) -> AppliedState:
    if found.value == alteration.after:
        return AppliedState.SET
    return AppliedState.BACK if found.value == alteration.before else AppliedState.CHANGED


def applied_words(one: Standing, now: datetime) -> str:
    """`limit:web: CONNECTION LIMIT 5 for role web, before no limit; since 3m by dba on jump`; safe to show."""
    written = one.applied
    alteration, spot = written.alteration, one.spot
    told = f"{safe(written.key)}: {value_words(spot, alteration.after)} for {place_words(spot)}, before "
    since = duration(seconds_between(written.since, now))
    told += f"{value_words(spot, alteration.before)}; since {since} by {safe(written.os_user)} on {safe(written.host)}"
    if one.state is AppliedState.CHANGED:
        told += f"; somebody else has set {value_words(spot, one.found.value)} since"
    return told if written.confirmed else f"{told}; what came of it was not written down"


@dataclass(frozen=True, slots=True)
class AppliedPiece(Advice):
    """Advice that is applied, to stand in one list with what is advised.

    Attributes:
        is_changed: Whether somebody else has set another value since.
    """

    is_changed: bool = False

    @staticmethod
    def key_of(one: Standing) -> str:
        return f"applied:{one.applied.action}"


def applied_pieces(standing: Sequence[Standing], now: datetime) -> tuple[AppliedPiece, ...]:
    """One for each, the newest first."""
    return tuple(_piece(one, now) for one in reversed(standing))


def _piece(one: Standing, now: datetime) -> AppliedPiece:
    written, spot = one.applied, one.spot
    since = duration(seconds_between(written.since, now))
    changed = f"Somebody else has set {value_words(spot, one.found.value)} since." * (one.state is AppliedState.CHANGED)
    return AppliedPiece(
        key=AppliedPiece.key_of(one),
        kind="applied",
        title=f"{value_words(spot, written.alteration.after)} for {place_words(spot)}, since {since}",
        seen=(
            f"Applied {since} ago by {safe(written.os_user)} on {safe(written.host)} ({safe(written.key)}); before, it "
            f"was {value_words(spot, written.alteration.before)}.",
            changed,
        ),
        why="",
        source="",
        do=statements_of(spot, written.alteration.after),
        undo=statements_of(spot, written.alteration.before),
        role=spot.role or "",
        is_changed=bool(changed),
    )


def back(one: Standing) -> Alteration:
    """To what was before, from what stands there now, which was shown."""
    return Alteration(one.spot, one.found.value, one.applied.alteration.before)
