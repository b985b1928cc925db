"""The table of findings, and one finding told whole."""

from datetime import datetime

from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.session import seconds_between
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.view.columns import Column
from pgheadroom.words.durations import duration
from pgheadroom.words.text import wrap

SEVERITY_STYLES = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.NOTICE: "dim"}
_LABEL = 13


def _severity(finding: Finding, now: datetime) -> Cell:
    return Cell("clears", "ok") if finding.clearing else Cell(finding.severity.name, SEVERITY_STYLES[finding.severity])


def _sentence(finding: Finding, now: datetime) -> Cell:
    return Cell(finding.sentence, "dim" if finding.clearing else SEVERITY_STYLES[finding.severity])


def _since(finding: Finding, now: datetime) -> Cell:
    return Cell(duration(seconds_between(finding.since, now)), "dim" if finding.since is None else "")


def _slots(finding: Finding, now: datetime) -> Cell:
    return Cell(str(finding.slots), "strong") if finding.slots else Cell("-", "dim")


FINDING_COLUMNS: tuple[Column[Finding], ...] = (
    Column("severity", "severity", 8, _severity),
    Column("since", "for", 6, _since, align=">", importance=1),
    Column("slots", "slots", 5, _slots, align=">", importance=2),
    Column("sentence", "what is wrong", 30, _sentence, flex=1),
)


def finding_lines(finding: Finding, width: int) -> list[Line]:
    """The finding told whole, in lines of `width` cells: what to press comes before why, for hurry is usual."""
    parts = [
        ("press Enter", (finding.proposal.label,) if finding.proposal else (), "key"),
        ("what to do", (finding.remedy,), ""),
        ("y copies SQL", (finding.sql,), "accent"),
        ("know before", (finding.caution,), "warn"),
        ("it worked if", (finding.proof,), ""),
        ("evidence", finding.evidence, ""),
        ("for good", (finding.lasting,), ""),
    ]
    style = f"{SEVERITY_STYLES[finding.severity]} strong"
    sentence = f"It clears, and was: {finding.sentence}" if finding.clearing else finding.sentence
    lines: list[Line] = [fit_line([Cell(piece, style)], width) for piece in wrap(sentence, max(10, width))]
    for label, texts, style in parts:
        pieces = [piece for text in texts if text for piece in wrap(text, max(10, width - _LABEL))]
        for index, piece in enumerate(pieces):
            head = Cell(f"{label if index == 0 else '':<{_LABEL}}", "heading")
            lines.append(fit_line([head, Cell(piece, style)], width))
    return lines
