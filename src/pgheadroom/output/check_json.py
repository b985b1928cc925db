"""Verdicts as JSON. Keys keep their order and their meaning within a schema number; new ones may be added."""

from collections.abc import Sequence
from dataclasses import asdict

from pgheadroom.model.refusal import Refusal
from pgheadroom.model.verdict import Verdict
from pgheadroom.output.json_ import finding_document, health_document
from pgheadroom.output.nagios import EXIT, worst, worst_first
from pgheadroom.wire.sample import Json

SCHEMA = 1


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


def _refusal(one: Refusal) -> Json:
    return {"door": one.door, "limit": one.limit.value, "name": one.name, "sqlstate": one.sqlstate,
            "message": one.message}  # fmt: skip
