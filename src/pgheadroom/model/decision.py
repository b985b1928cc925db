"""The decision flow: questions, what the live data answers, and where that leads."""

from dataclasses import dataclass
from typing import Literal

from pgheadroom.model.finding import Proposal

StepKind = Literal["question", "action", "end"]


@dataclass(frozen=True, slots=True)
class Branch:
    """A way on from a step.

    Attributes:
        label: What the answer has to be; empty where there is but one way.
        to: The key of the step it leads to; empty where it leads nowhere yet.
        taken: Whether the path goes this way.
    """

    label: str
    to: str
    taken: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the flow. Its texts are safe to show, except for the filter of `now`.

    Attributes:
        text: The question, or what to do.
        answer: What the data says, with the numbers; also for questions that the path does not come to.
        taken: Whether it is on the path.
        finding: The key of the finding that says more; empty where there is none.
        proposal: What a key press opens at this step.
        sql: One statement that belongs to it; empty where there is none.
    """

    key: str
    kind: StepKind
    text: str
    answer: str
    branches: tuple[Branch, ...]
    taken: bool
    finding: str = ""
    proposal: Proposal | None = None
    sql: str = ""
