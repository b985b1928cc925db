"""New servers as copies: initdb takes one to two seconds of a core, a copy of what it made a tenth of that."""

from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.playground import Playground

_initdb = Cluster.initdb


class Templates:
    """The data folders that were made first, by program and encoding, in a folder of their own."""

    def __init__(self) -> None:
        self._ground: Playground | None = None
        self._made: dict[tuple[str, str], Cluster] = {}

    def fill(self, cluster: Cluster, encoding: str) -> None:
        """Stands in for `Cluster.initdb`."""
        kind = (str(cluster.installation.bindir), encoding)
        if kind not in self._made:
            self._made[kind] = self._make(cluster, encoding)
        cluster.ground.run(["cp", "-a", f"{self._made[kind].data}/.", cluster.data])

    def _make(self, like: Cluster, encoding: str) -> Cluster:
        if self._ground is None:
            self._ground = Playground()
        made = Cluster(self._ground, like.installation, self._ground.new_folder(f"template{len(self._made)}"))
        made.data.mkdir(mode=0o700)
        self._ground.give(made.data)
        _initdb(made, encoding)
        return made

    def close(self) -> None:
        if self._ground is not None:
            self._ground.close()
