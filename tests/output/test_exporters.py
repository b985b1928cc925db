"""What other programs make of our metrics where every name is chosen to break them: promtool, and node_exporter."""

import csv
import io
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import pytest
from prometheus_client.core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_form
from prometheus_client.parser import text_string_to_metric_families as text_form

from pgheadroom.agent.collector import Exposition
from pgheadroom.analysis import Analysis, analyse
from pgheadroom.cli.snapshot import write_whole
from pgheadroom.model.metrics import MetricFamily
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Database, Role
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.compat import EXPORTERS, compat_families
from pgheadroom.output.exposition import openmetrics, prometheus_text
from pgheadroom.output.families import Families
from pgheadroom.output.tables import TABLES, to_csv
from samples import databases, many, pool, roles, session, snapshot, waiter
from servers import missing, wait_until

EVIL = (
    'a"b', "back\\slash", "new\nline", "\\n", "tab\t", "\x1b[31m", "\u202egnirts", "{x=\"1\"} 5", "# HELP x", "ü😀",
    "\udc80", "", "other", "=cmd()", "a,b;c", "\x00", "-", "+1", "@x", " ",
)  # fmt: skip


def crowd() -> Analysis:
    sessions = [one for number, name in enumerate(EVIL) for one in many(
        2, 1000 + 10 * number, user=name, application=name, database=name, state=State.ACTIVE, query=name)]  # fmt: skip
    pools = tuple(pool(database=name, user=name, cl_waiting=1, size=3) for name in EVIL)
    return analyse(
        snapshot(
            [*sessions, session(1, State.IDLE_IN_TRANSACTION, 500), waiter(2, 1, since=60)],
            roles=roles(*(Role(name, False, 3) for name in EVIL)),
            databases=databases(*(Database(name, 3) for name in EVIL)),
            pgbouncers=(PgBouncer(EVIL[0], pools=pools), PgBouncer(EVIL[2], pools=pools)),
        ),
        Thresholds(),
    )


CASE = crowd()


def families() -> list[MetricFamily]:
    return [*Families(EVIL[0], 50).of(CASE), *compat_families(CASE, EXPORTERS, EVIL[0])]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian's packages prometheus and prometheus-node-exporter)")
    return found


def test_promtool_is_content_with_each_form_that_it_reads() -> None:
    scraped = Exposition(families).scrape("")[0].decode()
    for text in (prometheus_text(families()) + "\n", scraped):
        done = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True)
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if not _theirs(line)]
        assert complaints == []


def _theirs(line: str) -> bool:
    """Names of other exporters that promtool dislikes, and that dashboards read all the same."""
    return line.startswith(("pg_", "pgbouncer_"))


def _open(text: str) -> Iterable[Metric]:
    found: Iterable[Metric] = open_form(text)  # type: ignore[no-untyped-call]
    return found


def test_both_forms_are_read_as_what_was_written() -> None:
    told = openmetrics(families()) + "\n"
    scraped = Exposition(families).scrape("application/openmetrics-text; version=1.0.0")[0].decode()
    read = [
        {(one.name, *sorted(one.labels.items())): one.value for family in parsed for one in family.samples}
        for parsed in (_open(told), text_form(prometheus_text(families()) + "\n"), _open(scraped))
    ]
    assert read[0] == read[1]
    assert read[0].items() <= read[2].items()  # it has its own process beside them
    assert sum(value for (name, *_), value in read[0].items() if name == "pgheadroom_hog_sessions") == 2 * len(EVIL) + 2


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_as_many_columns_in_every_row_and_no_formula(table: str) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(CASE, table))))
    assert len(rows) > 1
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows[1:] for cell in row if cell.startswith(("=", "@", "+"))]
    assert not [cell for row in rows for cell in row if not cell.isprintable()]


def test_node_exporter_reads_the_text_file_back(tmp_path: Path) -> None:
    write_whole(tmp_path / "pgheadroom.prom", prometheus_text(families()) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    command = [program("prometheus-node-exporter"), "--collector.disable-defaults", "--collector.textfile",
               f"--collector.textfile.directory={tmp_path}", f"--web.listen-address={place}"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            wait_until(lambda: "node_textfile_scrape_error" in _metrics(place), "node_exporter answers")
            answer = _metrics(place)
        finally:
            running.terminate()
    assert "node_textfile_scrape_error 0" in answer
    found = {(one.name, *sorted(one.labels.items())): one.value for family in text_form(answer)
             for one in family.samples if one.name.startswith("pgheadroom_")}  # fmt: skip
    written = {(one.name, *sorted(one.labels.items())): one.value
               for family in text_form(prometheus_text(Families(EVIL[0], 50).of(CASE)) + "\n")
               for one in family.samples}  # fmt: skip
    assert found == written


def _metrics(place: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{place}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
