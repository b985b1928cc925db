"""Verdicts as JSON, and back as far as the lines of a plugin need it.

Keys keep their order and their meaning within a schema number; new ones may be added.
"""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from pgheadroom.errors import WrongDocument
from pgheadroom.model.health import Status
from pgheadroom.model.refusal import Refusal
from pgheadroom.model.verdict import Measure, Verdict
from pgheadroom.output.json_ import finding_document, health_document
from pgheadroom.output.nagios import EXIT, worst, worst_first
from pgheadroom.wire.sample import Json

SCHEMA = 1
_OF_MEASURE = tuple(field.name for field in fields(Measure))


def verdict_document(one: Verdict) -> Json:
    """One server."""
    return {"schema": SCHEMA, **_verdict(one)}


def verdicts_document(verdicts: Sequence[Verdict]) -> Json:
    """Several servers, the worst first."""
    status = worst(verdicts)
    return {
        "schema": SCHEMA,
        "status": status.value,
        "exit": EXIT[status],
        "targets": [_verdict(one) for one in worst_first(verdicts)],
    }


def _verdict(one: Verdict) -> Json:
    return {
        "target": one.target,
        "status": one.status.value,
        "exit": EXIT[one.status],
        "summary": one.summary,
        "details": list(one.details),
        "health": [health_document(metric) for metric in one.health],
        "measures": [asdict(measure) for measure in one.measures],
        "findings": [finding_document(finding) for finding in one.findings],
        "refusals": [_refusal(refusal) for refusal in one.refusals],
    }


def reported_document(told: Sequence[Json], verdicts: Sequence[Verdict], *, several: bool) -> Json:
    """As those above, of what another process has judged: its documents, or where it told nothing the verdicts."""
    if not told:
        return verdicts_document(verdicts) if several else verdict_document(verdicts[0])
    if not several:
        return {"schema": SCHEMA, **told[0]}
    status = worst(verdicts)
    return {"schema": SCHEMA, "status": status.value, "exit": EXIT[status], "targets": list(told)}


def read_verdict(told: Any) -> Verdict:
    """What a document says of one server, without what only JSON tells: metrics, findings, refusals.

    Raises:
        WrongDocument: It is no such document.
    """
    try:
        measures = tuple(Measure(**{key: one[key] for key in _OF_MEASURE if key in one}) for one in told["measures"])
        texts = told["summary"], told["target"], *told["details"]
        if not all(isinstance(text, str) for text in texts) or not all(map(_is_number, measures)):
            raise WrongDocument("is no verdict")
        return Verdict(Status(told["status"]), texts[0], texts[1], texts[2:], measures)
    except (KeyError, TypeError, ValueError):
        raise WrongDocument("is no verdict") from None


def _is_number(one: Measure) -> bool:
    values = (one.value, *(each for each in (one.warning, one.critical, one.ceiling) if each is not None))
    return all(isinstance(each, (int, float)) for each in values) and one.unit in ("", "s")


def _refusal(one: Refusal) -> Json:
    return {"door": one.door, "limit": one.limit.value, "name": one.name, "sqlstate": one.sqlstate,
            "message": one.message}  # fmt: skip
