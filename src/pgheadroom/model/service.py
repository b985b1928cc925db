"""Managed services: who runs a server for others, and what cannot be done there."""

from collections.abc import Collection
from typing import NamedTuple


class Service(NamedTuple):
    """A service that keeps the superuser, the settings' file and pg_hba.conf to itself.

    Sources: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.PostgreSQL.CommonDBATasks.Roles.html,
    https://cloud.google.com/sql/docs/postgres/users, and
    https://learn.microsoft.com/azure/postgresql/flexible-server/security-manage-database-users.

    Attributes:
        admin: The role that its customers have in place of a superuser.
        settings: Where its customers change the server's settings.
        signs: Words in a host's name, or in a refusal, that only it has.
    """

    name: str
    admin: str
    settings: str
    signs: tuple[str, ...]


RDS = Service(
    "Amazon RDS", "rds_superuser", "the DB parameter group", (".rds.amazonaws.com", "rds_reserved", "rds_superuser")
)
SERVICES = (
    RDS,
    Service("Cloud SQL", "cloudsqlsuperuser", "the instance's database flags", ("/cloudsql/", "cloudsqlsuperuser")),
    Service("Azure", "azure_pg_admin", "the server parameters", (".postgres.database.azure.com", "azure_pg_admin")),
)


def service_of_roles(roles: Collection[str]) -> Service | None:
    """Whose server it is, by the roles that are there."""
    return next((service for service in SERVICES if service.admin in roles), None)


def service_of_words(*texts: str) -> Service | None:
    """Whose server it is, by what it says or how it is called."""
    return next((one for one in SERVICES if any(sign in text for sign in one.signs for text in texts)), None)
