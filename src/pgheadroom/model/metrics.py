"""Metrics as Prometheus knows them: families of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNTER = "counter"


Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MetricSample:
    """One series at one moment. Values of labels are as the server sent them: whoever writes them makes them safe."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """Everything of one name.

    Attributes:
        name: In base units; a counter's without `_total`, which only its samples bear.
        help: What it is, and after it where it is from: the view and column, or the command of PgBouncer.
    """

    name: str
    kind: Kind
    help: str
    samples: Sequence[MetricSample] = ()
