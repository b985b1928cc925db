"""What a message says: as a title with a text, and as JSON. Pure; all of it is safe to show."""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime

from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Finding
from pgheadroom.model.notification import Kind, Message
from pgheadroom.output.json_ import finding_document
from pgheadroom.wire.codec import told_moment
from pgheadroom.words.counts import plural
from pgheadroom.words.durations import duration
from pgheadroom.words.text import safe

SCHEMA = 1
_LONGEST_TITLE, _LONGEST_LINE, _LONGEST = 150, 600, 4000
_MOST_FINDINGS, _MOST_EVIDENCE = 5, 12
_CALL = re.compile(r"@(?=everyone|here|channel|all\b)|<(?=[!@#])", re.IGNORECASE)
"""What calls everybody of a chat: names and queries come from whoever may connect."""


def title(message: Message) -> str:
    """`CRITICAL shop: 97 of 97 slots used`."""
    target = message.target
    if message.kind is Kind.TEST:
        return _line(f"TEST {target}", _LONGEST_TITLE)
    what = message.findings[0].sentence
    if message.kind is Kind.END:
        return _line(f"OK {target}: over after {_lasted(message)}: {what}", _LONGEST_TITLE)
    worse = " is worse" if message.kind is Kind.WORSE else ""
    return _line(f"{message.severity.upper()} {target}{worse}: {what}", _LONGEST_TITLE)


def text(message: Message) -> str:
    """Since when, what, who, the numbers, and what to do."""
    told = "\n".join(_lines(message))
    return told if len(told) <= _LONGEST else told[:_LONGEST].rsplit("\n", 1)[0] + "\n..."


def document(message: Message) -> str:
    """One JSON document, ASCII only. Within a schema number keys keep their meaning; new ones may be added."""
    told = {
        "schema": SCHEMA,
        "kind": message.kind.value,
        "target": message.target,
        "trouble": message.trouble,
        "severity": message.severity.value,
        "title": title(message),
        "text": text(message),
        "since": told_moment(message.began),
        "at": told_moment(message.at),
        "over": told_moment(message.over),
        "seconds": round(message.seconds, 3),
        "times": message.times,
        "command": command(message),
        "findings": [finding_document(one) for one in message.findings],
    }
    return json.dumps(told, ensure_ascii=True, allow_nan=False)


def command(message: Message) -> str:
    """What to run: who it would end is shown, and nobody is ended without `--yes`."""
    where = f" {shlex.quote(message.target)}" if _named(message.target) else ""
    for one in message.findings:
        now = one.proposal
        if now is None or now.verb is None or now.command is not None or safe(now.filter) != now.filter:
            continue
        poolers = " --include-poolers" if now.poolers and now.verb is Verb.TERMINATE else ""
        return f"pgheadroom {now.verb.value}{where} --filter {shlex.quote(now.filter)}{poolers}"
    return f"pgheadroom{where}"


def _named(target: str) -> bool:
    """Whether it is a word of the command line; what is no name of a target is told by user, host and database."""
    return bool(re.fullmatch(r"[\w.-]+", target))


def _lines(message: Message) -> Iterator[str]:
    if message.kind is Kind.TEST:
        yield "Messages arrive here. Nothing is wrong: somebody asked for a test."
        return
    yield _line(_when(message))
    for one in message.findings[:_MOST_FINDINGS]:
        yield ""
        yield from _finding(one, over=message.kind is Kind.END)
    if (more := len(message.findings) - _MOST_FINDINGS) > 0:
        yield f"... {plural(more, 'finding')} more"
    if message.kind is not Kind.END:
        yield ""
        yield f"run: {command(message)}"
    if message.untold:
        yield ""
        yield f"{plural(message.untold, 'trouble')} came and went before this while no message was allowed"


def _when(message: Message) -> str:
    often = f", came {message.times} times" if message.times > 1 else ""
    if message.kind is Kind.END:
        return f"From {_moment(message.began, message.at)} to {_moment(message.over or message.at, message.at)}{often}"
    return f"Since {_moment(message.began, message.at)} ({_lasted(message)}){often}"


def _moment(moment: datetime, like: datetime) -> str:
    """In the zone in which the message was made."""
    zone = like.tzinfo or UTC
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"


def _lasted(message: Message) -> str:
    return duration(message.seconds)


def _finding(one: Finding, *, over: bool) -> Iterator[str]:
    if over:
        yield _line(one.sentence)
        return
    yield _line(f"{one.severity.upper()}: {one.sentence}")
    yield from (_line(f"  {line}") for line in one.evidence[:_MOST_EVIDENCE])
    # What lasts ends the remedy as a rule, in other capitals.
    lasting = "" if one.lasting.lower() in one.remedy.lower() else one.lasting
    for label, said in (("now", one.remedy), ("for good", lasting), ("note", one.caution)):
        if said:
            yield _line(f"{label}: {said}")
    if one.sql:
        # As it is, so that it can be copied; a statement that is cut would do something else.
        yield f"SQL: {safe(one.sql)}"


def _line(said: str, longest: int = _LONGEST_LINE) -> str:
    told = _CALL.sub(lambda match: f"{match[0]} ", safe(said))
    return told if len(told) <= longest else f"{told[:longest]}..."
