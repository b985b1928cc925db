"""What the tests of this folder share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from pgheadroom.demo.servers.cluster import Cluster
from wire import Wire, wire_beside


@pytest.fixture
def wire(one_server: Cluster) -> Iterator[Wire]:
    """Between the program and the shared server: `wire.conninfo()`."""
    with wire_beside(one_server.port) as wire:
        yield wire


@pytest.fixture
def wire_to() -> Iterator[Callable[[Cluster], Wire]]:
    """As `wire`, to a server of the test's own."""
    with ExitStack() as stack:
        yield lambda cluster: stack.enter_context(wire_beside(cluster.port))
