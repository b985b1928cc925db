"""However our process ends, its servers end and its folder goes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from demo.processes import alive, command_line, descendants
from pgheadroom.demo.servers import keeper
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.demo.servers.installation import WHEEL, Installation
from pgheadroom.demo.servers.playground import Playground
from servers import ONE_MAJOR, installation_of, missing, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")

PLAY = """
import time
from pgheadroom.demo.stage import open_demo
with open_demo("calm", lambda line: None) as demo:
    print(demo.conninfo.split()[0].partition("=")[2], flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_survives_a_signal(number: signal.Signals) -> None:
    installation_of(ONE_MAJOR)
    player = subprocess.Popen(
        [sys.executable, "-c", PLAY], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with player:
        assert player.stdout is not None
        folder = Path(player.stdout.readline().strip()).parent
        started = descendants(player.pid)
        assert len(started) > 10
        assert folder.exists()
        player.send_signal(number)
        player.wait()
    wait_until(lambda: not any(alive(pid) for pid in started), "every process has ended")
    wait_until(lambda: not folder.exists(), "the folder is gone")


@pytest.mark.parametrize("delay", [0.15, 0.4, 0.8])
def test_interrupted_start_leaves_nothing(delay: float) -> None:
    """Ctrl-C while the servers start."""
    installation_of(ONE_MAJOR)
    with tempfile.TemporaryDirectory(prefix="pgh-") as parent:
        Path(parent).chmod(0o755)
        env = {**os.environ, "TMPDIR": parent}
        quiet = subprocess.DEVNULL
        with subprocess.Popen([sys.executable, "-c", PLAY], env=env, stdout=quiet, stderr=quiet) as player:
            with pytest.raises(subprocess.TimeoutExpired):
                player.wait(delay)
            started = descendants(player.pid)
            player.send_signal(signal.SIGINT)
        wait_until(lambda: not any(alive(pid) for pid in started), "every process has ended")
        wait_until(lambda: not list(Path(parent).iterdir()), "the folder is gone")


def test_the_keeper_needs_nothing_but_python_and_keeps_its_folder_only_while_we_are_there(tmp_path: Path) -> None:
    """Started as the demo starts it: what it imported of ours, or of site-packages, would not be found."""
    folder = tmp_path / "folder"
    folder.mkdir()
    command = [sys.executable, "-I", "-S", keeper.__file__]
    done = subprocess.run(command, input=json.dumps({"folder": str(folder)}) + "\n", capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not folder.exists()


def test_exception_ends_the_servers() -> None:
    grounds: list[Playground] = []

    def fail_beside_a_server() -> None:
        with Playground() as ground:
            grounds.append(ground)
            Cluster.create(ground, installation_of(ONE_MAJOR)).start()
            raise RuntimeError("by accident")

    with pytest.raises(RuntimeError, match="by accident"):
        fail_beside_a_server()
    assert not grounds[0].folder.exists()
    assert not [pid for pid in descendants(os.getpid()) if str(grounds[0].folder) in command_line(pid)]


def test_frozen_server_is_ended_too() -> None:
    with Playground() as ground:
        cluster = Cluster.create(ground, installation_of(ONE_MAJOR))
        cluster.start()
        assert cluster.pid is not None
        os.kill(cluster.pid, signal.SIGSTOP)
        pid = cluster.pid
    assert not alive(pid)
    assert not ground.folder.exists()


def shared_memory_of(pid: int) -> list[str]:
    """The System V segments that the process `pid` created: the fifth column is its creator."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[4] == str(pid)]


def test_killed_server_leaves_no_shared_memory() -> None:
    with Playground() as ground:
        cluster = Cluster.create(ground, installation_of(ONE_MAJOR))
        cluster.start()
        pid = cluster.pid
        assert pid is not None
        cluster.kill()
        assert shared_memory_of(pid)
    assert not shared_memory_of(pid)


def test_closing_twice_is_fine() -> None:
    ground = Playground()
    ground.close()
    ground.close()
    assert not ground.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")
def test_programs_out_of_the_servers_users_reach(tmp_path: Path) -> None:
    """A wheel below /root, which the servers' user may not enter."""
    original = installation_of(ONE_MAJOR)
    packages, wheel, home = original.bindir.parents[2], original.bindir.parents[1], original.bindir.parents[0]
    if wheel.name != WHEEL:
        missing("the wheel is not installed")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for part in (home, packages / f"{WHEEL}.libs"):
        shutil.copytree(part, closed / part.relative_to(packages))
    installation = Installation(original.major, original.version, closed / original.bindir.relative_to(packages))
    with Playground() as ground:
        cluster = Cluster.create(ground, installation)
        cluster.start()
        assert ground.folder in cluster.installation.bindir.parents
        psycopg.connect(cluster.conninfo()).close()
    assert not ground.folder.exists()


def test_two_playgrounds_at_once(new_cluster: Callable[..., Cluster]) -> None:
    mine = new_cluster()
    with Playground() as other:
        theirs = Cluster.create(other, mine.installation)
        theirs.start()
    psycopg.connect(mine.conninfo()).close()
