"""Advice as a JSON document."""

from dataclasses import asdict

from pgheadroom.model.advice import Advice, Counsel
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.rules.acting.apply import by_hand
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
        "advice": [_piece(one) for one in counsel.advice],
    }


def _piece(piece: Advice) -> Json:
    """`applies` is whether `advise --apply KEY` can do it."""
    return asdict(piece) | {"applies": not by_hand(piece)}
