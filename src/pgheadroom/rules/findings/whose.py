"""Who may change what: words of an ordinary server, and of a managed one, whose customers have neither a superuser nor
the settings' file.
"""

from pgheadroom.rules.facts.case import Case


def where_set(case: Case) -> str:
    """How a setting of the server is changed."""
    service = case.snapshot.service
    return service.settings if service is not None else "ALTER SYSTEM, then pg_reload_conf()"


def where_written(case: Case) -> str:
    """Where a setting of the server stands."""
    service = case.snapshot.service
    return service.settings if service is not None else "postgresql.conf"


def administrator(case: Case) -> str:
    """Who may grant the predefined roles."""
    service = case.snapshot.service
    return f"a member of {service.admin}" if service is not None else "a superuser"
