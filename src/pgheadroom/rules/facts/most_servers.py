"""The most server connections that pools may have together under caps of databases and users.

It is the greatest flow from databases to users through pools: a pool takes no more than its own size, all pools of a
database no more than the database's cap, all pools of a user no more than the user's.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple


class Pipe(NamedTuple):
    """A pool, as far as it matters here."""

    database: str
    user: str
    most: int


_Node = tuple[str, str]


def most_servers(pipes: Sequence[Pipe], database_caps: Mapping[str, int], user_caps: Mapping[str, int]) -> int:
    """The most that fit through all pipes. A database or user without a cap is not limited."""
    if not database_caps and not user_caps:
        return sum(pipe.most for pipe in pipes)
    room = _rooms(pipes, database_caps, user_caps)
    total = 0
    while path := _way_through(room):
        step = min(room[one][other] for one, other in pairwise(path))
        for one, other in pairwise(path):
            room[one][other] -= step
            room[other][one] = room[other].get(one, 0) + step
        total += step
    return total


_SOURCE: _Node = ("", "source")
_SINK: _Node = ("", "sink")


def _rooms(
    pipes: Sequence[Pipe], database_caps: Mapping[str, int], user_caps: Mapping[str, int]
) -> dict[_Node, dict[_Node, int]]:
    everything = sum(pipe.most for pipe in pipes)
    room: dict[_Node, dict[_Node, int]] = {_SOURCE: {}, _SINK: {}}
    for pipe in pipes:
        database, user = ("database", pipe.database), ("user", pipe.user)
        room[_SOURCE][database] = database_caps.get(pipe.database, everything)
        onward = room.setdefault(database, {})
        onward[user] = onward.get(user, 0) + pipe.most
        room.setdefault(user, {})[_SINK] = user_caps.get(pipe.user, everything)
    return room


def _way_through(room: Mapping[_Node, Mapping[_Node, int]]) -> list[_Node]:
    """The shortest way with room left, by breadth-first search (Edmonds and Karp); empty when there is none."""
    came_from: dict[_Node, _Node] = {_SOURCE: _SOURCE}
    waiting = deque([_SOURCE])
    while waiting and _SINK not in came_from:
        here = waiting.popleft()
        for there, left in room[here].items():
            if left > 0 and there not in came_from:
                came_from[there] = here
                waiting.append(there)
    if _SINK not in came_from:
        return []
    path = [_SINK]
    while path[-1] != _SOURCE:
        path.append(came_from[path[-1]])
    return path[::-1]
