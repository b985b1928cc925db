"""New servers as copies: initdb takes one to two seconds of a core, a copy of what it made a tenth of that.

A pytest plugin. What initdb made is kept in one folder that all processes of a run have.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground

_GIVEN = "pgheadroom_templates"
_initdb = Cluster.initdb
_ground = pytest.StashKey[Playground]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """pytest-xdist is about to start one of its processes: tell it where the folder is."""
    node.workerinput[_GIVEN] = str(_folder(node.config))


def _folder(config: pytest.Config) -> Path:
    given = getattr(config, "workerinput", {}).get(_GIVEN)
    if given is None and _ground not in config.stash:
        config.stash[_ground] = Playground()
        config.add_cleanup(config.stash[_ground].close)
    return Path(given) if given is not None else config.stash[_ground].folder


@pytest.fixture(scope="session", autouse=True)
def _new_servers_are_copies(pytestconfig: pytest.Config) -> Iterator[None]:
    _folder(pytestconfig)  # now: a test that counts its own processes starts none for it
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cluster, "initdb", lambda cluster, encoding: _fill(cluster, encoding, _folder(pytestconfig)))
        yield


def _fill(cluster: Cluster, encoding: str, folder: Path) -> None:
    """Stands in for `Cluster.initdb`."""
    made = folder / f"{cluster.installation.version}-{encoding}"
    with _alone(folder / f"{made.name}.lock"):
        if not made.exists():
            _make(cluster, encoding, made)
    cluster.ground.run(["cp", "-a", f"{made}/.", cluster.data])


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(like: Cluster, encoding: str, made: Path) -> None:
    """In another folder first: who finds it has to find the whole of it."""
    making = Cluster(like.ground, like.installation, made.with_suffix(".making"))
    for folder in (making.folder, making.data):
        folder.mkdir(mode=0o700, exist_ok=True)
        like.ground.give(folder)
    _initdb(making, encoding)
    making.data.rename(made)
