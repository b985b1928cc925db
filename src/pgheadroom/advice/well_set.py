"""What is set well, said so that nobody changes it."""

from collections.abc import Collection, Iterator

from pgheadroom.advice.ground import Ground
from pgheadroom.advice.timespans import seconds_of, setting_of
from pgheadroom.model.advice import Advice, WellSet
from pgheadroom.words.counts import plural
from pgheadroom.words.wording import clipped

_TIMEOUTS = (
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "client_connection_check_interval",
    "tcp_keepalives_idle",
)


def well_set(ground: Ground, advised: Collection[Advice]) -> Iterator[WellSet]:
    """Settings and limits that do something, and that no advice is about."""
    keys = {one.key.partition(":")[0] for one in advised}
    for name in _TIMEOUTS:
        seconds = seconds_of(ground.settings.common(name), ground.unit(name))
        if seconds and name not in keys:
            yield WellSet("timeouts", f"{name} is {setting_of(seconds)} ({ground.origin(name, None)})")
    yield from _reserves(ground, keys)
    usable = ground.case.capacity.usable
    bound = [one for one in ground.snapshot.roles.values() if one.limit is not None and 0 < one.limit < usable]
    if bound and not keys & {"limit", "raise"} and not ground.short_of_slots:
        has = f"{plural(len(bound), 'role')} {'has' if len(bound) == 1 else 'have'}"
        yield WellSet("limits", f"{has} a connection limit below the {usable} usable slots")


def _reserves(ground: Ground, keys: Collection[str]) -> Iterator[WellSet]:
    slots = ground.snapshot.settings
    if slots.superuser_reserved and "superuser_reserved_connections" not in keys:
        yield WellSet("slots", f"{plural(slots.superuser_reserved, 'slot')} kept for superusers")
    heirs = sorted(
        name for name, role in ground.snapshot.roles.items() if role.reserved and role.login and not role.superuser
    )
    if slots.reserved and heirs:
        who = ", ".join(map(clipped, heirs[:3])) + (", ..." if len(heirs) > 3 else "")
        yield WellSet("slots", f"{plural(slots.reserved, 'slot')} reserved for {who}")
