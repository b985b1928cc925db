"""Advice as a JSON document."""

from dataclasses import asdict

from pgheadroom.model.advice import Counsel
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.wire.sample import Json

SCHEMA = 1


def counsel_document(counsel: Counsel, snapshot: Snapshot) -> Json:
    """All of it; names and statements are as the server has them."""
    server = snapshot.server
    return {
        "schema": SCHEMA,
        "taken_at": snapshot.taken_at.isoformat(),
        "server": {"name": server.name, "version": server.version, "version_num": server.version_num},
        **asdict(counsel),
    }
