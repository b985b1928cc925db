"""Messages made by hand."""

from dataclasses import replace
from typing import Any

from pgheadroom.model.action import Verb
from pgheadroom.model.finding import Finding, Proposal, Severity
from pgheadroom.model.notification import Kind, Message
from samples import NOW, ago

LEAK = Finding(
    "leak:web/shop",
    Severity.CRITICAL,
    "web/shop leaks: 3 to 40 sessions in 5m",
    ("40 sessions, 38 idle", "the oldest is idle for 7m"),
    "End the idle ones, then fix the pool.",
    proposal=Proposal(Verb.TERMINATE, "user=web state:idle age>5m", "end them"),
    lasting="Limit the role.",
    sql="ALTER ROLE web CONNECTION LIMIT 20;",
    caution="New sessions only.",
)


def message(kind: Kind = Kind.BEGIN, finding: Finding = LEAK, **given: Any) -> Message:
    return replace(Message(kind, "shop", "leak:web/shop@x", Severity.CRITICAL, (finding,), ago(192), NOW), **given)
