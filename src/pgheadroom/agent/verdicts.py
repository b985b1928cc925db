"""What the agent tells a check: the verdict on its newest sample, or why there is none to judge by."""

import time
from collections.abc import Collection, Iterable

from pgheadroom.agent.watched import STARTING, Watched
from pgheadroom.model.verdict import Verdict
from pgheadroom.output.check import judged, no_room, not_seen
from pgheadroom.output.check_json import verdicts_document
from pgheadroom.wire.sample import Json

TOO_OLD = 30.0
"""Seconds after which a sample says nothing of now; three intervals if that is longer."""


def told(every: Iterable[Watched], only: Collection[str]) -> Json:
    """The document of `check --all --format json`, each target with how its sample came about.

    Args:
        only: As of `output.check.judged`.
    """
    now = time.monotonic()
    seen = {one.name: (one.seen, _verdict(one, now, only)) for one in every}
    document = verdicts_document([verdict for _, verdict in seen.values()])
    for target in document["targets"]:
        at = seen[target["target"]][0]
        target["age_seconds"] = None if at.case is None else round(now - at.at, 3)
        target["reason"] = at.reason
    return document


def _verdict(one: Watched, now: float, only: Collection[str]) -> Verdict:
    seen = one.seen
    if seen.refusals:
        return no_room(seen.refusals, seen.advice, one.name)
    if seen.case is None or seen.reason:
        why = "it has only begun to ask" if seen.reason == STARTING else seen.trouble
        return not_seen(f"the agent has no sample: {why}", one.name)
    age = now - seen.at
    if age > max(TOO_OLD, 3 * one.interval):
        return not_seen(f"the agent's newest sample is {age:.0f} s old", one.name)
    if lacking := sorted(set(only) - {metric.metric for metric in seen.case.health}):
        return not_seen(f"{', '.join(lacking)}: not known yet, or no PgBouncer is watched", one.name)
    return judged(seen.case, one.name, only)
