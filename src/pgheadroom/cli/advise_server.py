"""`pgheadroom advise` on the server: what keeps it from happening again, from what is seen and what is set."""

import argparse
import asyncio
import json

from pgheadroom.advice.bouncer_plan import Upstream
from pgheadroom.advice.ground import Ground
from pgheadroom.advice.registry import counsel
from pgheadroom.cli import bouncer_set, terminal
from pgheadroom.cli.diagnostics import put, say
from pgheadroom.cli.looking import ground_of
from pgheadroom.cli.source import open_source
from pgheadroom.config import Settings
from pgheadroom.errors import EXIT_OK, UsageError
from pgheadroom.postgres.ahead import Ahead


def advise(flags: argparse.Namespace, settings: Settings, ahead: Ahead | None) -> int:
    """Look, once or for `--watch`, and print the advice. Errors as of the command."""
    ground, upstream = asyncio.run(_ground(settings, flags, ahead))
    written = flags.write_pgbouncer is not None
    if flags.snippet is not None:
        put(_snippet(ground, upstream, flags.snippet))
    else:
        put(bouncer_set.write_set(ground, upstream, flags) if written else _printed(ground, flags))
    return EXIT_OK


def _snippet(ground: Ground, upstream: Upstream, library: str) -> str:
    """For the application that has most sessions; the other numbers are said beside."""
    from pgheadroom.advice.pool_sizes import pool_needs
    from pgheadroom.advice.snippets import snippet

    needs = pool_needs(ground)
    if not needs:
        raise UsageError("--snippet: too little was seen of how sessions are used; watch for longer")
    for other in needs[1:]:
        say(f"{other.user}/{other.application}: {other.of_each} for each of {other.instances}")
    unfollowed = any(one.setting("max_prepared_statements") in (None, "0") for one in ground.snapshot.pgbouncers)
    return snippet(library, needs[0], upstream, prepared=not unfollowed)


async def _ground(settings: Settings, flags: argparse.Namespace, ahead: Ahead | None) -> tuple[Ground, Upstream]:
    source = await open_source(settings, flags, ahead=ahead)
    try:
        return await ground_of(source, settings, flags.watch), await source.ask(bouncer_set.upstream_of)
    finally:
        await source.close()


def _printed(ground: Ground, flags: argparse.Namespace) -> str:
    told = counsel(ground)
    if flags.watch is None:
        say("this was one look; --watch 10m looks for so long, and then knows how sessions are used")
    if flags.format == "json":
        from pgheadroom.output.advice_json import counsel_document

        return json.dumps(counsel_document(told, ground.snapshot), indent=2, ensure_ascii=True)
    from pgheadroom.output.advice_text import render

    return render(told, terminal.text_width())
