"""What the preview of a bulk action says around its list."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pgheadroom.model.action import Target, Verb
from pgheadroom.model.plan import Plan
from pgheadroom.rules.acting.frozen import Since
from pgheadroom.rules.filters.language import Filter
from pgheadroom.view.cells import Cell
from pgheadroom.view.confirmation import consequences, only, pooler_warning, short_queries
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe

_COLUMNS = {"user": "role", "db": "database", "app": "application"}


def chosen_line(verb: Verb, chosen: Filter, marked: int) -> list[Cell]:
    """What is done to whom, and the keys that change it."""
    words = "cancel the queries of" if verb is Verb.CANCEL else "terminate"
    if marked:
        whom = Cell(f"{plural(marked, 'marked session')}", "accent")
    elif chosen:
        whom = Cell(safe(str(chosen)), "accent")
    else:
        whom = Cell("nobody yet: choose above, or / a filter", "warn")
    return [Cell("v ", "key"), Cell(f"{words}  ", "strong"), Cell("/ ", "key"), whom]


def names_line(names: Iterable[tuple[str, list[str]]]) -> list[Cell]:
    """Each different name that is taken in, where the filter does not name exactly one: `app` may take in `APP`."""
    told = [f"{plural(len(some), _COLUMNS[column])} {', '.join(map(_named, some))}" for column, some in names]
    return [Cell("takes in ", "heading"), Cell(" · ".join(told), "warn")] if told else []


def _named(name: str) -> str:
    return safe(name) or "(none)"


def list_remark(plan: Plan, since: Since) -> str:
    """The list's age, and how many are not in it."""
    parts = [f"{duration(since.seconds)} old"] if plan.targets else []
    if plan.left_out:
        parts.append(f"{len(plan.left_out)} left out")
    return " · ".join(parts)


def consequence_line(verb: Verb, plan: Plan, now: datetime) -> list[Cell]:
    """What it will do, and what to know before."""
    if not plan.targets:
        return []
    warnings = [
        short_queries(verb, plan.targets, now),
        pooler_warning(plan) if plan.poolers else "",
        f"{plural(len(plan.superusers), 'target')} of a superuser" if plan.superusers else "",
    ]
    told = [Cell(" · " + warning, "warn") for warning in warnings if warning]
    return [Cell("  ".join(consequences(verb, plan))), *told]


def only_line(verb: Verb, targets: Sequence[Target]) -> list[Cell]:
    """On what condition each of them is signalled."""
    condition = only(verb, targets) if targets else ""
    return [Cell(f"each only {condition}", "dim")] if condition else []


def since_line(since: Since) -> list[Cell]:
    """What became of the list since: nobody else is signalled, and none of those who left or changed."""
    counts = [(since.gone, "gone"), (since.changed, "changed"), (since.new, "new")]
    told = [f"{count} {word}" for count, word in counts if count]
    if not told:
        return []
    return [Cell(f"since then {', '.join(told)}: left alone · ", "warn"), Cell("r ", "key"), Cell("renews the list")]
