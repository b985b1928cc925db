"""Who waits for whom, from the direct blockers of each: who holds the lock, and who stands ahead in the queue.

Leaders stand for parallel workers, and 0 for a prepared transaction. Until deadlock_timeout strikes there can be
cycles, so nothing here follows edges without remembering where it was; a queue can be thousands deep, so nothing
recurses.

Sets of waiters are bits of an int: how many wait behind each of thousands is counted in milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pgheadroom.model import versions
from pgheadroom.model.locks import PREPARED, LockNode, NodeKind
from pgheadroom.model.session import Session, State, seconds_between
from pgheadroom.model.snapshot import LockRequest, Snapshot
from pgheadroom.rules.facts.kept import of_equals


def lock_places(snapshot: Snapshot) -> "tuple[Place, ...]":
    """Where everybody stands who waits for a lock, or is waited for, in a forest that is flattened depth-first.

    Roots come first that have most waiting behind them. Who waits for several is placed once, under the one with most
    waiting behind. Who waits for nobody we know of (the holder just let go) stands alone at depth 0. A cycle that no
    root holds up starts at the one with most waiting behind it.
    """
    blockers = _blockers(snapshot)
    return _places(blockers) if blockers else ()


def is_login(node: LockNode) -> bool:
    """Whether this waiter is a connection that still authenticates."""
    if node.session is None:
        return node.request is not None and bool(node.request.blocked_by)
    return node.session.state is State.STARTING


@dataclass(frozen=True, slots=True)
class _Graph:
    """Pids and edges, parallel workers replaced by their leaders.

    Attributes:
        blockers: By waiter: whom it waits for, in the server's order.
        index: By pid, waiters and holders: its bit.
        directly_behind: By bit: the bits of those that name it.
    """

    blockers: dict[int, tuple[int, ...]]
    index: dict[int, int]
    directly_behind: list[int]


class Place(NamedTuple):
    """What of a node depends on who waits for whom, and on nothing else. As in `LockNode`."""

    pid: int
    depth: int
    waiting_behind: int
    blocked_by: tuple[int, ...]
    root_pid: int
    in_cycle: bool
    waits: bool


@of_equals
def _places(blockers: dict[int, tuple[int, ...]]) -> tuple[Place, ...]:
    """The forest, flattened depth-first. Where nobody moved it is that of the sample before: it is most of the work."""
    graph = _graph(blockers)
    behind = _everybody_behind(graph)
    counts = {pid: _others(graph, behind, pid) for pid in graph.index}
    children = _children(_parents(graph, counts, behind))
    for siblings in children.values():
        siblings.sort(key=lambda pid: (counts[pid], -pid))
    places: list[Place] = []
    todo = [(pid, 0, pid) for pid in children[None]]
    while todo:
        pid, depth, root = todo.pop()
        todo.extend((child, depth + 1, root) for child in children.get(pid, ()))
        in_cycle = bool(behind[graph.index[pid]] >> graph.index[pid] & 1)
        places.append(Place(pid, depth, counts[pid], blockers.get(pid, ()), root, in_cycle, pid in blockers))
    return tuple(places)


def _graph(blockers: dict[int, tuple[int, ...]]) -> _Graph:
    everybody = sorted(set(blockers).union(*blockers.values()))
    # The head of a queue gets the highest bit: what it knows of those behind spares asking each of them.
    queue = sorted(everybody, key=lambda pid: len(blockers.get(pid, ())), reverse=True)
    index = {pid: bit for bit, pid in enumerate(queue)}
    directly_behind = [0] * len(index)
    for waiter, named in blockers.items():
        bit = 1 << index[waiter]
        for blocker in named:
            directly_behind[index[blocker]] |= bit
    return _Graph(blockers, index, directly_behind)


def _blockers(snapshot: Snapshot) -> dict[int, tuple[int, ...]]:
    """By waiter, sorted by pid so that equal samples look equal. A request in pg_locks is a wait, too."""
    everybody = (*snapshot.sessions, *snapshot.processes)
    waiting = [one for one in everybody if one.blocked_by or (one.wait_event_type == "Lock" and one.waits_for_lock)]
    if not waiting and not snapshot.lock_requests:
        return {}
    leaders = {one.pid: one.leader_pid for one in everybody if one.leader_pid is not None}
    found: dict[int, tuple[int, ...]] = {
        leaders.get(request.pid, request.pid): request.blocked_by for request in snapshot.lock_requests
    }
    for one in waiting:
        pid = leaders.get(one.pid, one.pid)
        named = tuple(leaders.get(blocker, blocker) for blocker in one.blocked_by) if leaders else one.blocked_by
        found[pid] = found.get(pid, ()) + named
    return {pid: tuple(dict.fromkeys(blocker for blocker in found[pid] if blocker != pid)) for pid in sorted(found)}


def _finishing_order(direct: list[int]) -> list[int]:
    """Depth-first: outside of cycles, everybody comes after all who wait behind it."""
    order: list[int] = []
    unseen = (1 << len(direct)) - 1
    for start in range(len(direct)):
        if not unseen >> start & 1:
            continue
        unseen &= ~(1 << start)
        path = [start]
        while path:
            ahead = direct[path[-1]] & unseen
            if ahead:
                bit = ahead.bit_length() - 1
                unseen ^= 1 << bit
                path.append(bit)
            else:
                order.append(path.pop())
    return order


def _everybody_behind(graph: _Graph) -> list[int]:
    """By bit: the bits of all who wait for it, directly or behind others; its own where it waits for itself."""
    direct = graph.directly_behind
    last = sum(1 << bit for bit, mask in enumerate(direct) if not mask)
    known = [0] * len(direct)
    finished = 0
    for node in _finishing_order(direct):
        found, todo = direct[node] & last, direct[node] & ~last
        while todo:
            bit = todo.bit_length() - 1
            found |= known[bit] | 1 << bit
            if not finished >> bit & 1:  # in a cycle: what is not known yet is walked
                todo |= direct[bit]
            todo &= ~found
        known[node] = found
        finished |= 1 << node
    return known


def _others(graph: _Graph, behind: list[int], pid: int) -> int:
    bit = graph.index[pid]
    return (behind[bit] & ~(1 << bit)).bit_count()


def _parents(graph: _Graph, counts: Mapping[int, int], behind: list[int]) -> dict[int, int | None]:
    """By pid, whom it is shown under; None at depth 0."""
    parents: dict[int, int | None] = dict.fromkeys(graph.index)
    for waiter, named in graph.blockers.items():
        parents[waiter] = max(named, key=counts.__getitem__, default=None)
    reached = _reached(parents, [pid for pid, parent in parents.items() if parent is None])
    stranded = [pid for pid in graph.index if pid not in reached]
    while stranded:
        # Only cycles get here: their members point at each other. One of each must hang where it can be reached.
        parents |= _cut_cycles(graph, counts, behind, stranded, reached)
        reached = _reached(parents, [pid for pid, parent in parents.items() if parent is None])
        stranded = [pid for pid in stranded if pid not in reached]
    return parents


def _cut_cycles(
    graph: _Graph, counts: Mapping[int, int], behind: list[int], stranded: list[int], reached: set[int]
) -> dict[int, int | None]:
    """Of each cycle that waits for nobody else who is stranded: one member, and where it hangs."""
    # Who is in one cycle has the same ones behind it, itself among them; nobody else has.
    cycles: dict[int, list[int]] = {}
    for pid in stranded:
        if behind[graph.index[pid]] >> graph.index[pid] & 1:
            cycles.setdefault(behind[graph.index[pid]], []).append(pid)
    cut: dict[int, int | None] = {}
    for mask, members in cycles.items():
        outside = (one for pid in members for one in graph.blockers[pid] if behind[graph.index[one]] != mask)
        if reached.issuperset(outside):
            placed = {pid: [one for one in graph.blockers[pid] if one in reached] for pid in members}
            entry = max(members, key=lambda pid: (bool(placed[pid]), counts[pid], -pid))
            cut[entry] = max(placed[entry], key=counts.__getitem__, default=None)
    return cut


def _children(parents: Mapping[int, int | None]) -> dict[int | None, list[int]]:
    children: dict[int | None, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    return children


def _reached(parents: Mapping[int, int | None], roots: list[int]) -> set[int]:
    children = _children(parents)
    reached = set(roots)
    todo = list(roots)
    while todo:
        below = children.get(todo.pop(), ())
        reached.update(below)
        todo.extend(below)
    return reached


def lock_nodes(snapshot: Snapshot, places: Sequence[Place]) -> tuple[LockNode, ...]:
    """Those who stand at these places, as they are in this sample."""
    if not places:
        return ()
    rows, requests = _rows(snapshot), _requests(snapshot)
    nodes: list[LockNode] = []
    for pid, depth, waiting_behind, blocked_by, root, in_cycle, waits in places:
        session, request = rows.get(pid), requests.get(pid)
        waited = _waited(snapshot, session, request) if waits else None
        prepared = snapshot.prepared if pid == PREPARED else ()
        kind = _kind(pid, session)
        nodes.append(
            LockNode(
                pid, session, depth, waiting_behind, blocked_by, root, request, kind, in_cycle, waited, waits, prepared
            )
        )
    return tuple(nodes)


def _rows(snapshot: Snapshot) -> dict[int, Session]:
    return {one.pid: one for one in (*snapshot.processes, *snapshot.sessions)}


def _requests(snapshot: Snapshot) -> dict[int, LockRequest]:
    """By waiter; where a leader and its workers all wait, the leader's own, else the oldest known."""
    leaders = {one.pid: one.leader_pid for one in snapshot.processes if one.leader_pid is not None}
    found: dict[int, LockRequest] = {}
    for request in snapshot.lock_requests:
        found.setdefault(leaders.get(request.pid, request.pid), request)
    return found | {request.pid: request for request in snapshot.lock_requests}


def _kind(pid: int, session: Session | None) -> NodeKind:
    if pid == PREPARED:
        return "prepared"
    if session is None:
        return "unknown"
    return "session" if session.is_client or not session.backend_type else "process"


def _waited(snapshot: Snapshot, session: Session | None, request: LockRequest | None) -> float | None:
    """`waitstart` where there is one; in the first instant of a wait, and before 14, since the query began at most."""
    if request is not None and request.since is not None:
        return seconds_between(request.since, snapshot.taken_at)
    if request is not None and snapshot.server.version_num >= versions.WAITSTART_SINCE:
        return 0.0
    return seconds_between(session.query_start if session is not None else None, snapshot.taken_at)
