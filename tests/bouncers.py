"""PgBouncers made by hand, for tests of what is pure."""

from typing import Any

from pgheadroom.model.bouncer import BouncerClient, BouncerDatabase, ServerConnection, Setting
from pgheadroom.model.pool import PgBouncer


def client(number: int = 1, **given: Any) -> BouncerClient:
    """An idle client from 10.0.0.7; `link=` makes it use a server."""
    plain: dict[str, Any] = {
        "user": "web",
        "database": "shop",
        "state": "active" if given.get("link") else "idle",
        "address": "10.0.0.7",
        "port": 50_000 + number,
        "application": "checkout",
        "waited": 0.0,
        "age": 60.0,
        "quiet": 1.0,
        "ptr": f"0xc{number}",
        "link": "",
        "os_pid": 0,
        "tls": "",
        "id": number,
    }
    return BouncerClient(**{**plain, **given})


def server(number: int = 1, **given: Any) -> ServerConnection:
    """A server connection over TCP with pid 100 + number and local port 40000 + number; `link=` has it used."""
    plain: dict[str, Any] = {
        "database": "shop",
        "user": "web",
        "state": "active" if given.get("link") else "idle",
        "address": "10.0.0.9",
        "port": 5432,
        "local_port": 40_000 + number,
        "remote_pid": 100 + number,
        "application": "checkout",
        "ptr": f"0x5{number}",
        "link": "",
        "age": 65.0,
        "quiet": 1.0,
    }
    return ServerConnection(**{**plain, **given})


def linked(number: int = 1, **of_client: Any) -> tuple[BouncerClient, ServerConnection]:
    """A client and the server connection that it uses."""
    return client(number, link=f"0x5{number}", **of_client), server(number, link=f"0xc{number}")


def database(name: str = "shop", **given: Any) -> BouncerDatabase:
    """20 servers a pool, and no other cap."""
    plain: dict[str, Any] = {
        "name": name,
        "host": "10.0.0.9",
        "port": 5432,
        "database": name,
        "force_user": "",
        "mode": "",
        "pool_size": 20,
        "min_pool_size": 0,
        "reserve": 0,
        "max_connections": 0,
        "current_connections": 0,
        "max_client_connections": 0,
        "current_client_connections": 0,
        "paused": False,
        "disabled": False,
    }
    return BouncerDatabase(**{**plain, **given})


def settings(**given: str) -> tuple[Setting, ...]:
    return tuple(Setting(key, value, None, True) for key, value in given.items())


def bouncer(**given: Any) -> PgBouncer:
    """A PgBouncer 1.25.2 that we may command."""
    plain: dict[str, Any] = {"name": "b1", "version": "1.25.2", "admin": True, "databases": (database(),)}
    return PgBouncer(**{**plain, **given})
