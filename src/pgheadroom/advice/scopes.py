"""For whom a setting is: as few as it takes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pgheadroom.advice.observed import NO_REST, Rest, Whose
from pgheadroom.advice.statements import Scope

_MANY_ROLES = 3
_TOOLS = re.compile(
    r"psql|pgcli|pgadmin.*|dbeaver.*|datagrip.*|heidisql.*|navicat.*|tableplus.*|postico.*|dbvisualizer.*|"
    r"azure data studio.*|toad.*|sqlworkbench.*|sql workbench.*",
    re.IGNORECASE,
)
"""How tools call themselves in which a person types."""


def is_tool_of_people(application: str) -> bool:
    """Whether a person sits before it, by its name."""
    return bool(_TOOLS.fullmatch(application.strip()))


def scopes_of(groups: Iterable[Whose]) -> Iterator[tuple[Scope, Sequence[Whose]]]:
    """The narrowest scopes for these groups: a role in its database, a role that is in several, a database where many
    roles of it do the same."""
    left = list(groups)
    for database in sorted({one.database for one in left}):
        theirs = [one for one in left if one.database == database]
        if len({one.user for one in theirs}) >= _MANY_ROLES:
            yield Scope(None, database), theirs
            left = [one for one in left if one.database != database]
    for user in sorted({one.user for one in left}):
        theirs = [one for one in left if one.user == user]
        databases = {one.database for one in theirs}
        yield Scope(user, databases.pop() if len(databases) == 1 else None), theirs


def merged(rests: Mapping[Whose, Rest], scope: Scope) -> Rest:
    """Of all whom a setting for this scope would reach, also those that nothing is said about."""
    reached = [
        rest
        for whose, rest in rests.items()
        if scope.role in (None, whose.user) and scope.database in (None, whose.database)
    ]
    if not reached:
        return NO_REST
    return Rest(
        max((one.used_again for one in reached if one.used_again is not None), default=None),
        max((one.open for one in reached if one.open is not None), default=None),
        sum(one.resting for one in reached),
    )
