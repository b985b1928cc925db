"""`pgheadroom rules`: alert rules for Prometheus and a dashboard for Grafana, by the configuration's thresholds."""

import argparse
import json
import os
from collections.abc import Mapping

from pgheadroom import config
from pgheadroom.cli.connection import configuration_of
from pgheadroom.cli.diagnostics import put
from pgheadroom.config import Layer
from pgheadroom.errors import EXIT_OK
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.alerts import rules as alert_rules
from pgheadroom.output.dashboard import dashboard


def rules(flags: argparse.Namespace) -> int:
    """Print them. No server is asked.

    Raises:
        UsageError: The configuration has a mistake.
    """
    every = _thresholds(flags)
    if flags.kind == "prometheus":
        put(alert_rules(every))
    else:
        put(json.dumps(dashboard(next(iter(every.values()))), indent=2))
    return EXIT_OK


def _thresholds(flags: argparse.Namespace) -> Mapping[str, Thresholds]:
    """Of each target; of none by name where the configuration has none."""
    read = configuration_of(flags, os.environ)
    layers = dict(read.targets) or {"": Layer()}
    return {name: config.settle(read.general, layer).thresholds for name, layer in layers.items()}
