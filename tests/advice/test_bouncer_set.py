"""The set that is written for a PgBouncer starts on it, lets in who may come in, and keeps PostgreSQL's slots."""

import pwd
import re
import stat
import subprocess
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from advice.grounds import ground
from advice.snippet_load import REFUSED, at_hand, under_load
from pgheadroom.advice.bouncer_files import ADMIN, AUTH_USER, PORT
from pgheadroom.advice.bouncer_plan import Upstream, bouncer_plan
from pgheadroom.advice.scram import verifier
from pgheadroom.advice.snippets import snippet
from pgheadroom.cli import main
from pgheadroom.demo.servers.bouncer import Bouncer
from pgheadroom.demo.servers.cluster import SUPERUSER, Cluster
from pgheadroom.model.advice import PoolNeed
from pgheadroom.model.snapshot import Role
from samples import many, session, snapshot
from servers import ONE_MAJOR, fetch, hang_up, usable
from sql_names import unqualified

SOCKET = Upstream("/run/postgresql", 5432, tls=False)
HBA = f"""local all {SUPERUSER} trust
local all watcher trust
local all all scram-sha-256
"""
ROLES = {
    "watcher": "IN ROLE pg_monitor",
    "web": "",
    'we"b; [x] é=': "",
    "late": "VALID UNTIL '2020-01-01'",
    "boss": "SUPERUSER",
}
ODD = 'we"b; [x] é='
SEEN = [(ODD, ODD)] * 3 + [("web", "shop")] * 6
WORD = "o'clock \\ é"


def test_the_room_is_shared_by_what_each_had_and_never_exceeded() -> None:
    sessions = [*many(40), *many(10, first_pid=3000, database="news", user="press")]
    plan = bouncer_plan(ground(snapshot(sessions)), SOCKET, (1, 18))
    assert [(one.name, one.roles) for one in plan.databases] == [("news", ("press",)), ("shop", ("web",))]
    news, shop = plan.databases
    assert 3 <= news.most < shop.most
    assert plan.fits
    assert plan.servers <= 0.8 * plan.usable
    assert plan.files >= plan.clients + plan.servers


def test_people_superusers_and_we_stay_outside() -> None:
    staying = [session(1), session(2, application="psql"), session(3, user="root")]
    roles = {"root": Role("root", superuser=True, limit=None)}
    plan = bouncer_plan(ground(snapshot([*staying, *many(4)], roles=roles)), SOCKET, (1, 24))
    assert plan.direct == 4
    assert plan.databases[0].roles == ("web",)


def test_what_transaction_mode_breaks_is_told_of_who_was_seen_to_use_it() -> None:
    seen = [
        "LISTEN jobs",
        "select pg_advisory_lock(1)",
        "set search_path = x",
        "SET LOCAL a = 1",
        "prepare transaction 'x'",
    ]
    sessions = [session(100 + place, query=text) for place, text in enumerate(seen)]
    plan = bouncer_plan(ground(snapshot(sessions)), SOCKET, (1, 18))
    assert {one.what for one in plan.breaking} == {"LISTEN", "a session's advisory lock", "SET for the session"}


def test_more_databases_than_there_is_room_for_are_told_not_to_fit() -> None:
    sessions = [session(100 + number, database=f"shop{number}") for number in range(40)]
    assert not bouncer_plan(ground(snapshot(sessions)), SOCKET, (1, 18)).fits


def test_a_verifier_is_the_one_that_the_server_makes(superuser: "psycopg.Connection[Any]") -> None:
    superuser.execute("CREATE ROLE measured PASSWORD 'plain-Word_1'")
    try:
        kept = fetch(superuser, "SELECT rolpassword FROM pg_authid WHERE rolname = 'measured'")
    finally:
        superuser.execute("DROP ROLE measured")
    salt = re.match(r"SCRAM-SHA-256\$4096:([^$]+)\$", kept)
    assert salt is not None
    assert verifier("plain-Word_1", b64decode(salt[1])) == kept


# --- on real servers -------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(new_cluster: Callable[..., Cluster]) -> Cluster:
    """A server with passwords, two databases, and roles of all kinds."""
    cluster = new_cluster(hba=HBA)
    with psycopg.connect(cluster.conninfo(), autocommit=True) as superuser:
        superuser.execute("SET scram_iterations = 16")  # two hundred logins, on any machine
        for name in ("shop", ODD):
            superuser.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        for name, others in {**ROLES, ODD: ""}.items():
            made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + others)
            superuser.execute(made.format(sql.Identifier(name), sql.Literal(WORD)))
        superuser.execute("RESET scram_iterations")  # pgjdbc takes no fewer than are usual
        superuser.execute(sql.SQL("CREATE ROLE steady LOGIN PASSWORD {}").format(sql.Literal(WORD)))
    return cluster


@pytest.fixture
def pooler(
    shop: Cluster, new_bouncer: Callable[..., Bouncer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Bouncer:
    """A PgBouncer with the set that was written for it, after its SQL was run; only places are others."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    bouncer = new_bouncer({}, start=False)
    version = subprocess.run([bouncer.program, "-V"], capture_output=True, text=True, check=True).stdout.split()[1]
    crowd = [psycopg.connect(shop.conninfo(name, database, password=WORD)) for name, database in SEEN]
    folder = tmp_path / "set"
    told = ["advise", shop.conninfo("watcher"), "--write-pgbouncer", str(folder), "--pgbouncer-version", version]
    assert main(told) == 0
    hang_up(*crowd)
    _run(shop, "postgres", folder / "roles.sql")
    for name in ("shop", ODD):
        _run(shop, name, folder / "auth.sql")
    text = (folder / "pgbouncer.ini").read_text()
    text = text.replace("/etc/pgbouncer", str(bouncer.folder)).replace("/var/run/postgresql", str(bouncer.folder))
    bouncer.ground.write(bouncer.folder / "pgbouncer.ini", text.replace(f"= {PORT}", f"= {bouncer.port}"))
    bouncer.ground.write(bouncer.folder / "userlist.txt", (folder / "userlist.txt").read_text())
    monkeypatch.setattr(bouncer, "_write_configuration", lambda: None)
    bouncer.start()
    return bouncer


def _run(cluster: Cluster, database: str, script: Path) -> None:
    with psycopg.connect(cluster.conninfo(dbname=database), autocommit=True) as superuser:
        superuser.execute(script.read_bytes())


def test_the_set_lets_in_who_may_and_two_hundred_clients_and_every_snippet_work_through_it_within_the_slots(
    shop: Cluster, pooler: Bouncer, tmp_path: Path
) -> None:
    def works(user: str, database: str, password: str = WORD) -> Any:
        with psycopg.connect(
            pooler.conninfo(user, database, password=password, tcp=True), autocommit=True, prepare_threshold=None
        ) as one:
            return fetch(one, "SELECT current_user")

    assert works("web", "shop") == "web"
    assert works(ODD, re.sub("[^a-z]", "_", ODD)) == ODD
    for user, password in (("web", "wrong"), ("late", WORD), ("boss", WORD), ("nobody", WORD)):
        with pytest.raises(psycopg.OperationalError):
            works(user, "shop", password)
    password = (tmp_path / "set" / "pgpass").read_text().splitlines()[0].rpartition(":")[2]
    console = pooler.conninfo(ADMIN, "pgbouncer", password=password, tcp=True)
    with psycopg.connect(console, autocommit=True, prepare_threshold=None) as one:
        assert one.execute("SHOW DATABASES").fetchall()
    _crowd(shop, pooler)
    _snippets(pooler, tmp_path)


def _crowd(shop: Cluster, pooler: Bouncer) -> None:
    """All are connected at once, and each works twice; a watcher counts PostgreSQL's sessions meanwhile."""
    conninfo = pooler.conninfo("web", "shop", password=WORD)

    def connect(_: int) -> "psycopg.Connection[Any]":
        return psycopg.connect(conninfo, autocommit=True, prepare_threshold=None)

    def work(one: "psycopg.Connection[Any]") -> int:
        counted = "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.002) WHERE backend_type = 'client backend'"
        return int(fetch(one, counted))

    with ThreadPoolExecutor(40) as workers:
        crowd = list(workers.map(connect, range(200)))
        most = max(workers.map(work, crowd * 2))
    with psycopg.connect(shop.conninfo()) as superuser:
        pooled = fetch(superuser, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'web'")
    for one in crowd:
        one.close()
    assert 1 < pooled <= most <= usable(ONE_MAJOR)


def _snippets(pooler: Bouncer, tmp_path: Path) -> None:
    """Each library's pool of three, with eight clients; none of its queries fails but those that have to."""
    prepared = "max_prepared_statements" in (tmp_path / "set" / "pgbouncer.ini").read_text()
    upstream = Upstream("127.0.0.1", pooler.port, tls=False)
    need = PoolNeed("steady", "shop", "checkout", 1, 30, (), 3)
    told = {}
    for library in at_hand():
        (folder := tmp_path / library).mkdir()
        told[library] = under_load(library, snippet(library, need, upstream, prepared=prepared), folder, WORD)
    assert told == {library: {"refused": REFUSED, "failed": {}} for library in told}


def test_the_function_tells_nobody_else_obeys_no_search_path_and_is_asked_without_a_password_in_a_file_too(
    shop: Cluster, pooler: Bouncer, tmp_path: Path
) -> None:
    web = psycopg.connect(shop.conninfo("web", "shop", password=WORD), autocommit=True)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        web.execute("SELECT * FROM pgbouncer.get_auth('web')")
    hang_up(web)
    with psycopg.connect(shop.conninfo(dbname="shop"), autocommit=True) as superuser:
        told = superuser.execute("SELECT proconfig, prosecdef FROM pg_proc WHERE proname = 'get_auth'").fetchone()
        assert told == (["search_path=pg_catalog, pg_temp"], True)
        kept = [
            superuser.execute("SELECT * FROM pgbouncer.get_auth(%s)", (name,)).fetchall() for name in ("late", "boss")
        ]
    assert kept == [[("late", None)], []]
    _without_a_password_in_a_file(shop, pooler, tmp_path / "set")
    for name in ("shop", ODD):
        _run(shop, name, Path(str(_uninstall)))
    with psycopg.connect(shop.conninfo(), autocommit=True) as superuser:
        superuser.execute(f"DROP ROLE {AUTH_USER}".encode())


def _without_a_password_in_a_file(shop: Cluster, pooler: Bouncer, folder: Path) -> None:
    """The variant of STEPS.md: the server believes the system that PgBouncer's process is who may ask."""
    account = pwd.getpwuid(shop.data.stat().st_uid).pw_name
    shop.ground.write(shop.data / "pg_hba.conf", f"local all {AUTH_USER} peer map=pgbouncer\n{HBA}")
    shop.ground.write(shop.data / "pg_ident.conf", f"pgbouncer  {account}  {AUTH_USER}\n")
    with psycopg.connect(shop.conninfo(), autocommit=True) as superuser:
        superuser.execute(f"ALTER ROLE {AUTH_USER} PASSWORD NULL".encode())
        superuser.execute("SELECT pg_reload_conf()")
        assert AUTH_USER not in str(superuser.execute((folder / "check.sql").read_bytes()).fetchall())
    pooler.stop()
    pooler.ground.write(pooler.folder / "userlist.txt", (folder / "userlist-peer.txt").read_text())
    pooler.start()
    with psycopg.connect(pooler.conninfo("web", "shop", password=WORD, tcp=True), prepare_threshold=None) as one:
        assert fetch(one, "SELECT current_user") == "web"
    pooler.stop()


_uninstall = resources.files("pgheadroom.advice").joinpath("sql", "uninstall.sql")


@pytest.mark.parametrize("name", ["auth.sql", "check.sql"])
def test_every_name_in_the_sql_says_which_schema_it_means(name: str) -> None:
    text = resources.files("pgheadroom.advice").joinpath("sql", name).read_text()
    queries = re.findall(r"SELECT .*?(?=\$get_auth\$|;)", re.sub(r"--.*", "", text), re.DOTALL)
    assert queries
    assert [wrong for one in queries for wrong in unqualified(one)] == []


def test_secrets_are_for_nobody_else_and_nothing_is_written_over(
    one_server: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "new"
    command = ["advise", one_server.conninfo(), "--write-pgbouncer", str(folder)]
    assert main(command) == 0
    assert "for PgBouncer 1.18" in capsys.readouterr().out
    for name in ("userlist.txt", "userlist-peer.txt", "pgpass"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    password = (folder / "userlist.txt").read_text().split('"')[3]
    others = [path.read_text() for path in folder.iterdir() if path.name != "userlist.txt"]
    assert not any(password in text for text in others)
    assert not [line for line in (folder / "STEPS.md").read_text().splitlines() if len(line) == 1]  # whole sentences
    assert main(command) == 2
    assert main([*command[:2], "--pgbouncer-version", "1.24"]) == 2
    assert main(["advise", "--write-pgbouncer", str(tmp_path / "old"), "--pgbouncer-version", "1.12"]) == 2
