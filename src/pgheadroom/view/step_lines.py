"""The decision flow as lines: the path that the live data takes, question by question."""

from collections.abc import Sequence

from pgheadroom.model.decision import Step
from pgheadroom.view.cells import Cell, Line, fit_line
from pgheadroom.words.text import wrap


def step_lines(steps: Sequence[Step], width: int) -> list[Line]:
    """Each step with its answer, then the way that is taken; each line fitted to `width`."""
    lines: list[list[Cell]] = []
    for step in steps:
        taken = next((branch.label for branch in step.branches if branch.taken and branch.label), "")
        sign = {"question": "? ", "action": "→ ", "end": "● "}[step.kind]
        style = "strong" if step.kind == "question" else "accent"
        lines.append([Cell(sign, "key"), Cell(step.text, style), Cell(f"  {taken}" if taken else "", "warn")])
        lines += [
            [Cell("  │ ", "rule"), Cell(piece, "dim")] for piece in wrap(step.answer, max(10, width - 4)) if piece
        ]
    return [fit_line(line, width) for line in lines]
