"""The only module that knows prometheus_client: our families as its own, in the form that a scraper asks for."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pgheadroom.model.metrics import Kind, MetricFamily
from pgheadroom.output.families import counter, gauge
from pgheadroom.words.text import safe

Gather = Callable[[], Sequence[MetricFamily]]

_STARTED = time.time()


class Exposition:
    """Serves what `gather` has at the moment; a registry of its own, so that nothing else gets in."""

    def __init__(self, gather: Gather) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Families(gather))

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """The metrics and their content type, as the Accept header wants them."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Families(Collector):
    def __init__(self, gather: Gather) -> None:
        self._gather = gather

    def describe(self) -> Iterable[Metric]:
        """Nothing: what there is changes, and asking for it here would collect it."""
        return []

    def collect(self) -> Iterable[Metric]:
        for family in (*self._gather(), *_process()):
            if family.samples:
                yield _converted(family)


def _converted(family: MetricFamily) -> Metric:
    made = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric: Metric = made(family.name, family.help)
    name = f"{family.name}_total" if family.kind is Kind.COUNTER else family.name
    # Names that differ only in what cannot be shown are one: a series that is there twice ends a scrape.
    series = {tuple((key, safe(value)) for key, value in one.labels): one.value for one in reversed(family.samples)}
    for labels, value in reversed(series.items()):
        metric.add_sample(name, dict(labels), value)
    return metric


def _process() -> list[MetricFamily]:
    found = [
        counter("agent_cpu_seconds", "Processor time of the agent (times(2))", ((), time.process_time())),
        gauge("agent_start_time_seconds", "When the agent started (our clock)", ((), _STARTED)),
    ]
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return found
    size = pages * os.sysconf("SC_PAGE_SIZE")
    return [*found, gauge("agent_resident_memory_bytes", "Memory of the agent (/proc/self/statm)", ((), size))]
