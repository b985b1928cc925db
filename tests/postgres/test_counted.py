"""What the server counts of its sessions."""

import asyncio
from typing import Any

import psycopg

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.postgres.sampling import Probe
from servers import Sessions


async def test_sessions_are_counted_with_how_they_ended(
    server: Cluster, sessions: Sessions, superuser: "psycopg.Connection[Any]"
) -> None:
    probe = await Probe.open(server.conninfo())
    try:
        before = (await probe.sample()).session_totals
        if server.major < 14:
            assert before is None
            return
        assert before is not None
        (victim,) = sessions(1)
        superuser.execute("SELECT pg_terminate_backend(%s)", (victim.info.backend_pid,))
        async with asyncio.timeout(60):  # statistics are told with a delay
            while True:
                probe.hurry()
                now = (await probe.sample()).session_totals
                if now is not None and now.killed > before.killed and now.begun > before.begun:
                    break
                await asyncio.sleep(0.1)
    finally:
        await probe.close()
