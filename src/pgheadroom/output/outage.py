"""Metrics while a server has no room for us: what is full goes on being told, and does not vanish in the very outage.

A refusal is knowledge: who is refused for a limit knows that it is reached. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence

from pgheadroom.analysis import Analysis
from pgheadroom.model.capacity import Capacity
from pgheadroom.model.health import Status
from pgheadroom.model.metrics import Labels, MetricFamily, MetricSample
from pgheadroom.model.refusal import Refusal, RefusedBy
from pgheadroom.output.families import STATUS_NUMBERS, gauge, with_labels

_CRITICAL, _UNKNOWN = STATUS_NUMBERS[Status.CRITICAL], STATUS_NUMBERS[Status.UNKNOWN]
_SEVEREST = 3
_FAMILY_OF = {
    RefusedBy.SERVER: "server-slots",
    RefusedBy.SUPERUSER_RESERVE: "server-slots",
    RefusedBy.RESERVE: "server-slots",
    RefusedBy.ROLE: "role-limit",
    RefusedBy.DATABASE: "database-limit",
}
_Series = Mapping[tuple[str, Labels], float]


def outage_families(
    case: Analysis | None, families: Sequence[MetricFamily], refusals: Sequence[Refusal], target: str
) -> list[MetricFamily]:
    """While there is no connection: the families of the last sample, with what is known better in their place.

    Args:
        case: The last sample, however old; None where there was none.
        families: Of it, while they are worth telling.
        refusals: Of doors without room; empty where that is not the trouble.
    """
    limits = [one.limit for one in refusals if one.full]
    known = [with_labels(one, (("target", target),)) for one in (_known(case, limits) if limits else _unknown())]
    told = {(family.name, one.labels): one.value for family in known for one in family.samples}
    there = {family.name for family in families}
    return [*(_replaced(family, told) for family in families), *(one for one in known if one.name not in there)]


def _replaced(family: MetricFamily, told: _Series) -> MetricFamily:
    known = {labels: value for (name, labels), value in told.items() if name == family.name}
    kept = {one.labels: one.value for one in family.samples} | known
    return MetricFamily(family.name, family.kind, family.help, [MetricSample(*one) for one in kept.items()])


def _unknown() -> Iterator[MetricFamily]:
    """How it does now, nobody can say."""
    yield gauge("status", "3 UNKNOWN: there is no connection (our connection)", ((), _UNKNOWN))


def _known(case: Analysis | None, limits: Sequence[RefusedBy]) -> Iterator[MetricFamily]:
    yield gauge("status", "2 CRITICAL: there is no room for us (the server's refusal)", ((), _CRITICAL))
    found = dict.fromkeys(_FAMILY_OF[limit] for limit in limits if limit in _FAMILY_OF)
    labels: list[Labels] = [(("family", name),) for name in found]
    yield gauge("finding", "1 for what refuses us (the server's refusal)", *((one, 1) for one in labels))
    yield gauge("finding_severity", "3 critical (the server's refusal)", *((one, _SEVEREST) for one in labels))
    if case is not None and "server-slots" in found:
        yield from _slots(case.capacity, limits)


def _slots(slots: Capacity, limits: Sequence[RefusedBy]) -> Iterator[MetricFamily]:
    """Of a server whose settings are known from before: at least so many are used."""
    least = slots.usable
    if RefusedBy.SUPERUSER_RESERVE in limits:
        least = max(least, slots.max_connections - slots.superuser_reserved)
    if RefusedBy.SERVER in limits:
        least = slots.max_connections
    beyond_superusers = max(0, slots.max_connections - slots.superuser_reserved)
    settings = "as before the refusals (pg_settings)"
    yield gauge("slots_max", f"All slots, {settings}", ((), slots.max_connections))
    yield gauge("slots_usable", f"Slots that an ordinary role may take, {settings}", ((), slots.usable))
    yield gauge("slots_used", "Slots that are taken, at least (the server's refusal)", ((), least))
    in_reserve = max(slots.in_reserve, least - slots.usable)
    yield gauge(
        "reserve_used", "Slots of both reserves that are taken, at least (the server's refusal)", ((), in_reserve)
    )
    yield gauge("slots_free", "Slots left for an ordinary role (the server's refusal)", ((), 0))
    if least >= beyond_superusers:
        yield gauge("slots_free_reserved", "Slots left for a member (the server's refusal)", ((), 0))
    if RefusedBy.SERVER in limits:
        yield gauge("slots_free_superuser", "Slots left for a superuser (the server's refusal)", ((), 0))
