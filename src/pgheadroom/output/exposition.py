"""Metrics as text: OpenMetrics, and Prometheus' older form, which node_exporter and promtool read. Pure.

Source: the OpenMetrics specification 1.0, and Prometheus' text exposition format 0.0.4.
"""

from collections.abc import Iterable
from math import isfinite

from pgheadroom.model.metrics import Kind, MetricFamily, MetricSample
from pgheadroom.words.text import safe


def openmetrics(families: Iterable[MetricFamily]) -> str:
    """With its end mark, without a line break behind it."""
    return "\n".join([*_lines(families, in_type=""), "# EOF"])


def prometheus_text(families: Iterable[MetricFamily]) -> str:
    """The older form, without a line break at its end."""
    return "\n".join(_lines(families, in_type="_total"))


def _lines(families: Iterable[MetricFamily], in_type: str) -> Iterable[str]:
    for family in families:
        if family.samples:
            name = family.name + (in_type if family.kind is Kind.COUNTER else "")
            yield f"# HELP {name} {_escaped(family.help)}"
            yield f"# TYPE {name} {family.kind}"
            sample_name = family.name + ("_total" if family.kind is Kind.COUNTER else "")
            # Names that differ only in what cannot be shown are one: a series that is there twice ends a scrape.
            series = {_labels(one): one.value for one in reversed(family.samples)}
            yield from (f"{sample_name}{labels} {_value(value)}" for labels, value in reversed(series.items()))


def _labels(one: MetricSample) -> str:
    told = ",".join(f'{name}="{_escaped(value)}"' for name, value in one.labels)
    return f"{{{told}}}" if told else ""


def _escaped(text: str) -> str:
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')


def _value(value: float) -> str:
    if not isfinite(value):
        raise ValueError(f"{value} is no value of a metric")
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(float(value))
