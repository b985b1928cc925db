"""The agent as a scraper meets it, before a real server."""

import asyncio
import base64
import itertools
import shutil
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from pgheadroom.agent.collector import Exposition
from pgheadroom.agent.serving import Pages, Server, place_of
from pgheadroom.agent.verdicts import told
from pgheadroom.agent.watched import Watched
from pgheadroom.agent.web_config import WebConfig, load
from pgheadroom.analysis import Analysis, Memory
from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import Cluster
from pgheadroom.errors import UsageError
from pgheadroom.live.source import LiveSource
from pgheadroom.model.ports import Post
from pgheadroom.model.snapshot import Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.families import gauge
from samples import many, snapshot
from servers import fetch, missing, wait_until

Serve = Callable[..., str]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SECRET = "$2b$04$kZXDx01EwcdqHlPHsW/77OrpKmTdVJB3QnL09AUFPiReeD2QH81cu"


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server on a free port: the beginning of its address."""
    running: list[Server] = []

    def start(pages: Pages | None = None, config: WebConfig | None = None) -> str:
        plain = Pages(Exposition(lambda: [gauge("x", "X", ((("a", "ü\x01"),), 1))]).scrape, lambda: False, lambda _: {})
        server = Server(("127.0.0.1", 0), pages or plain, config or WebConfig())
        server.start()
        running.append(server)
        return f"http{'s' if server.tls else ''}://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.stop()


def get(url: str, context: ssl.SSLContext | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, content type and body."""
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers["Content-Type"], refused.read().decode()


def test_pages_are_served_in_the_form_that_is_asked_for(serve: Serve) -> None:
    at = serve()
    status, kind, body = get(f"{at}/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'pgheadroom_x{a="ü\ufffd"} 1.0' in body
    status, kind, body = get(f"{at}/metrics", Accept=OPENMETRICS)
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")
    assert [get(f"{at}/{page}")[0] for page in ("-/healthy", "-/ready", "", "nowhere")] == [200, 503, 200, 404]


def authorization(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def test_tls_and_basic_auth_are_those_of_the_exporters(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("openssl") is None:
        missing("openssl is not installed")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    file = tmp_path / "web.yml"
    file.write_text(
        "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n  min_version: TLS13\n"
        f"basic_auth_users:\n  prometheus: {SECRET}\n"
    )
    at = serve(config=load(file))
    trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    assert get(f"{at}/metrics", trusting)[0] == 401
    for given in (("prometheus", "wrong"), ("nobody", "secret"), ("prometheus", "x" * 100)):
        assert get(f"{at}/metrics", trusting, **authorization(*given))[0] == 401
    for _ in range(2):  # the second time it is remembered
        assert get(f"{at}/metrics", trusting, **authorization("prometheus", "secret"))[0] == 200
    with pytest.raises(urllib.error.URLError):
        get(f"{at}/metrics")
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        get(at.replace("https", "http"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login prometheus password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert main(["check", "--timeout", "60s", "--agent", at]) == 3
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    assert main(["check", "--timeout", "60s", "--agent", at]) == 3
    untrusted, answered = capsys.readouterr().out.splitlines()
    assert "certificate verify failed" in untrusted
    assert answered == f"UNKNOWN - what the agent at {at} answers cannot be read"  # it watches nothing here


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rate_limit: 5\n", "rate_limit: not known here"),
        ("basic_auth_users: {a: plain}\n", "bcrypt"),
        ("tls_server_config: {cert_file: a}\n", "key_file"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: []}\n", "cipher_suites"),
        ("tls_server_config: {cert_file: a, key_file: b}\n", "No such file"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}\n", "TLS12"),
        ("a: [\n", "not YAML"),
        ("- a\n", "table"),
    ],
)
def test_what_would_not_protect_is_refused(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(UsageError, match=told):
        load(file)


def test_places() -> None:
    assert place_of("0.0.0.0:80") == ("0.0.0.0", 80)
    assert place_of("[::1]:9899") == ("::1", 9899)
    assert place_of(":9899") == place_of("9899") == ("127.0.0.1", 9899)
    for wrong in ("host", "host:", "host:99999"):
        with pytest.raises(ValueError, match="HOST:PORT"):
            place_of(wrong)


async def test_however_many_scrape_there_is_one_slot_and_one_console(
    one_server: Cluster,
    bouncer: Bouncer,
    serve: Serve,
    superuser: "psycopg.Connection[Any]",
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = LiveSource(one_server.conninfo(), pgbouncers=[bouncer.console()], interval=0.2, read_only=True)
    watched = Watched("here", source, Thresholds(), 5)
    at = serve(Pages(Exposition(watched.families).scrape, lambda: watched.ready, lambda only: told([watched], only)))
    running = asyncio.create_task(watched.run())
    ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
    try:
        await asyncio.to_thread(wait_until, lambda: watched.seen.samples > 0, "a sample comes", 60)
        with ThreadPoolExecutor(3) as scrapers:
            asked = [scrapers.submit(get, f"{at}/metrics") for _ in range(6)]
            bodies = [await asyncio.to_thread(lambda one=one: one.result()[2]) for one in asked]  # type: ignore[misc]
        assert all('pgheadroom_up{target="here"} 1.0' in body for body in bodies)
        assert fetch(superuser, ours) == 1
        assert await asyncio.to_thread(main, ["check", "--agent", at, "--usage", "80%,90%"]) == 3  # the agent's own
        check = ["check", "here", "--agent", at, "--metric", "until_full"]
        await asyncio.to_thread(wait_until, lambda: main(check) == 0, "the agent has a sample of now")
        assert fetch(superuser, ours) == 1
        said = capsys.readouterr().out.splitlines()
        assert said[-3].startswith("OK - here: ")
        assert said[-1].startswith(f"through the agent at {at}: a sample of ")
        await asyncio.to_thread(wait_until, lambda: watched.totals is not None, "its sessions are counted", 60)
        assert "pgheadroom_new_sessions_total" in (await asyncio.to_thread(get, f"{at}/metrics"))[2]
        with psycopg.connect(bouncer.console(), autocommit=True, prepare_threshold=None) as console:
            clients = console.execute("SHOW CLIENTS").fetchall()
        assert len([one for one in clients if "pgbouncer" in one]) == 2  # ours, and the one that asks
        # The server ends our session: the scrape says so at once or after the next sample, and we are back.
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pgheadroom'"
        )
        before = watched.seen
        await asyncio.to_thread(
            wait_until,
            lambda: watched.seen.samples > before.samples + 2 and watched.seen.attempts > before.attempts,
            "it is in again",
            60,
        )
        assert fetch(superuser, ours) == 1
    finally:
        running.cancel()
        await asyncio.wait({running})
    await asyncio.to_thread(wait_until, lambda: fetch(superuser, ours) == 0, "the slot is given back", 60)


async def test_a_scrape_is_answered_between_two_pieces_of_working_a_crowd_out(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, turns, answered = Memory.work, itertools.count(1), asyncio.Event()
    pieces = 0

    def until_answered(self: Memory, sample: Snapshot) -> Generator[None, None, Analysis]:
        nonlocal pieces
        for _ in work(self, sample):
            pieces += 1
            yield
        while not answered.is_set() and next(turns) < 60_000:
            yield
        return self.take(sample)

    monkeypatch.setattr(Memory, "work", until_answered)
    watched = Watched("here", cast(LiveSource, Crowd()), Thresholds(), 5)
    at = serve(Pages(Exposition(watched.families).scrape, lambda: watched.ready, lambda only: told([watched], only)))
    async with asyncio.TaskGroup() as running:
        running.create_task(watched.run())
        body = (await asyncio.to_thread(get, f"{at}/metrics"))[2]
        before = watched.seen.samples
        answered.set()
    assert 'pgheadroom_samples_total{target="here"} 0.0' in body
    assert before == 0
    assert pieces > 20
    assert watched.seen.samples == 1
    assert 'pgheadroom_slots_used{target="here"} 3000.0' in (await asyncio.to_thread(get, f"{at}/metrics"))[2]


class Crowd:
    """A source with one sample of thousands."""

    connected = True
    interval = 1.0
    reconnection = SimpleNamespace(attempts=SimpleNamespace(doors=SimpleNamespace(refusals=(), attempts=1, refused={})))

    async def run(self, post: Post) -> None:
        post(snapshot(many(3000)))

    async def close(self) -> None:
        """Nothing is held."""


def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    taken = Server(("127.0.0.1", 0), Pages(lambda _: (b"", ""), lambda: True, lambda _: {}), WebConfig())
    place = f"127.0.0.1:{taken.server_address[1]}"
    try:
        assert main(["agent", "--listen", place, "-h", str(tmp_path)]) == 2
    finally:
        taken.server_close()
    assert f"--listen {place}: Address already in use" in capsys.readouterr().err
    assert main(["agent", "--web.config.file", str(tmp_path / "none"), "-h", str(tmp_path)]) == 2
    assert main(["agent", "--listen", "nowhere"]) == 2
    assert threading.active_count() < 50
