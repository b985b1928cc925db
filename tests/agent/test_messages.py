"""The finished agent before a real server: a role reaches its limit, and people are told."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from notify.receivers import Webhook, serving
from pgheadroom.demo.servers.cluster import Cluster
from servers import runs, wait_until

TOKEN = "s3cr3t-t0ken"
SECRET_LITERAL = "hunter2"
CONFIG = """
hide_literals = true
notify = ["file", "hook", "hangs", "down"]
notify_when = {{ lasting_seconds = 1, calm_seconds = 1 }}
interval = 0.5
thresholds = {{ idle_in_transaction = [1, 1] }}
[channels.file]
notify_command = ["/bin/sh", "-c", "cat >> {out}; echo >> {out}"]
[channels.hook]
url = "json://127.0.0.1:{hook}/{token}"
[channels.down]
url = "json://127.0.0.1:{free}/{token}"
[channels.hangs]
notify_command = ["/bin/sh", "-c", "echo $$ > {pid}; sleep 1000", "sh", "{token}"]
[targets.shop]
conninfo = "{conninfo}"
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def metric(page: str, name: str) -> float:
    found = re.search(rf"^pgheadroom_{re.escape(name)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else -1.0


def test_who_watches_nothing_is_told_whatever_another_channel_does(
    one_server: Cluster, role: Callable[..., Any], sessions: Callable[..., Any], tmp_path: Path
) -> None:
    out, pid, listen = tmp_path / "out", tmp_path / "pid", free_port()
    hook = Webhook()
    file = tmp_path / "c.toml"
    file.touch(0o600)
    file.write_text(CONFIG.format(out=out, pid=pid, token=TOKEN, hook=hook.server_address[1], free=free_port(),
                                  conninfo=one_server.conninfo()))  # fmt: skip

    def told() -> list[dict[str, Any]]:
        return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []

    def page() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{listen}/metrics", timeout=60) as answer:
            return str(answer.read().decode())

    command = [sys.executable, "-m", "pgheadroom", "agent", "--config", str(file), "--listen", str(listen), "shop"]
    role("noticed", limit=2)
    with serving(hook), subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as agent:
        try:
            held = sessions(2, user="noticed", application_name="app\x1b[31m")
            held[0].execute("BEGIN")
            held[0].execute(f"SELECT '{SECRET_LITERAL}' AS shown")
            wait_until(lambda: len(told()) == 1, "its beginning is told", 60)
            sessions.close_all()  # type: ignore[attr-defined]
            wait_until(lambda: len(told()) == 2 and len(hook.posted) == 2, "its end is told", 60)
            wait_until(lambda: metric(page(), 'notifications_pending{channel="hangs"}') == 2, "one channel hangs", 60)
            seen = metric(page(), 'samples_total{target="shop"}')
            wait_until(lambda: metric(page(), 'samples_total{target="shop"}') > seen + 2, "samples go on", 60)
            last = page()
        finally:
            agent.send_signal(signal.SIGTERM)
            said = agent.communicate(timeout=60)[1]
    assert agent.returncode == 0
    begin, end = told()
    assert (begin["kind"], begin["severity"], end["kind"]) == ("begin", "critical", "end")
    assert {one["key"] for one in begin["findings"]} >= {"role-limit:noticed", "idle-in-transaction"}
    assert re.search(r"SELECT .* AS shown", begin["text"])
    assert begin["trouble"] == end["trouble"]
    assert "Role noticed is at its limit: 2 of 2" in begin["text"]
    assert begin["title"].startswith("CRITICAL shop: ")
    assert re.search(r"^run: pgheadroom (terminate )?shop", begin["text"], re.MULTILINE)
    assert [(one["type"], one["title"]) for one in hook.posted] == [
        ("failure", begin["title"]), ("success", end["title"])]  # fmt: skip
    for channel in ("file", "hook"):
        assert metric(last, f'notifications_total{{channel="{channel}",result="sent"}}') == 2
    assert "channel down: not sent: the connection is refused; next try in 5s" in said
    assert "channel hangs: 2 not sent before the end" in said
    assert "telling of troubles on file, hook, hangs, down" in said
    assert not re.search(r"Traceback|Error", said)
    for text in (said, last, json.dumps(told()), json.dumps(hook.posted)):
        assert TOKEN not in text
        assert SECRET_LITERAL not in text
        assert "\x1b" not in text
    wait_until(lambda: not runs(int(pid.read_text())), "what hangs is ended with the agent", 60)
