"""Alert rules and the dashboard, before promtool and a real Prometheus where they are installed."""

import json
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgheadroom.agent.collector import Exposition
from pgheadroom.agent.serving import Pages, Server
from pgheadroom.agent.web_config import WebConfig
from pgheadroom.analysis import Analysis, analyse
from pgheadroom.cli import main
from pgheadroom.model.capacity import Limit
from pgheadroom.model.finding import Finding, Severity
from pgheadroom.model.forecast import Forecast
from pgheadroom.model.metrics import MetricFamily
from pgheadroom.model.pool import PgBouncer
from pgheadroom.model.refusal import Hindrance, Refusal, RefusedBy
from pgheadroom.model.session import State
from pgheadroom.model.snapshot import Role, SlotSettings, Snapshot
from pgheadroom.model.thresholds import Thresholds
from pgheadroom.output.alerts import alerts, rules
from pgheadroom.output.dashboard import dashboard
from pgheadroom.output.exposition import prometheus_text
from pgheadroom.output.families import Families, gauge
from pgheadroom.output.outage import outage_families
from samples import NOW, many, pool, roles, session, snapshot, waiter
from servers import missing, wait_until

PLAIN = Thresholds()


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian: prometheus)")
    return found


def sample(sessions: int, waiting: int = 0, idle: int = 0, long: int = 0, **given: Any) -> Snapshot:
    crowd = [*many(sessions, 500), *many(idle, 4000, state=State.IDLE_IN_TRANSACTION, since=2000)]
    crowd += many(long, 3000, state=State.ACTIVE, since=2000)
    crowd += [session(1, State.ACTIVE), *(waiter(2000 + number, 1, since=40) for number in range(waiting))]
    plain: dict[str, Any] = {
        "roles": roles(Role("web", False, 200)),
        "pgbouncers": (PgBouncer("pgb", pools=(pool(size=5),)),),
    }
    return snapshot(crowd, **(plain | given))


def series(families: list[MetricFamily]) -> dict[str, str]:
    text = prometheus_text([*families, gauge("up", "x", ((("target", "t"),), 1))])
    return dict(line.rsplit(" ", 1) for line in text.split("\n") if not line.startswith("#"))


def of(case: Analysis) -> dict[str, str]:
    return series(Families("t").of(case))


def found(family: str) -> dict[str, str]:
    """As in calm, with a finding that takes time to be told."""
    return of(replace(CALM, findings=(Finding(f"{family}:x", Severity.WARNING, "x"),)))


def both(*names: str) -> set[tuple[str, str]]:
    return {(name, severity) for name in names for severity in ("warning", "critical")}


def refused(case: Analysis) -> dict[str, str]:
    refusal = Refusal("x", RefusedBy.SERVER, "", "53300", "no", NOW, Hindrance.NO_ROOM)
    found = outage_families(case, Families("t").of(case), [refusal], "t")
    found += [gauge("no_room", "x", ((("target", "t"), ("limit", "server")), 1))]
    return series(found) | {'pgheadroom_up{target="t"}': "0"}


WAITING = (PgBouncer("pgb", pools=(pool(cl_waiting=10, maxwait=6.0, size=5),)),)
CALM = analyse(sample(20), PLAIN)
OUTAGES: dict[str, tuple[dict[str, str], set[tuple[str, str]]]] = {
    "calm": (of(CALM), set()),
    "full": (of(analyse(sample(95), PLAIN)), both("Slots")),
    "reserve": (of(analyse(sample(97), PLAIN)), {*both("Slots"), ("ReserveInUse", "warning")}),
    "members": (
        of(analyse(sample(96, settings=SlotSettings(100, 3, reserved=5)), PLAIN)),
        {*both("Slots"), ("ReserveInUse", "warning"), ("ReserveFull", "critical")},
    ),
    "refused": (
        refused(CALM),
        {*both("Slots"), ("NoRoom", "critical"), ("Down", "critical"), ("SuperusersLockedOut", "critical"),
         ("ReserveInUse", "warning")},
    ),
    "limit": (of(analyse(sample(30, roles=roles(Role("web", False, 31))), PLAIN)),
              both("Limit")),
    "locks": (of(analyse(sample(10, waiting=20), PLAIN)), {*both("LockWaiters"), ("LockPileUp", "warning")}),
    "idle": (of(analyse(sample(10, idle=20), PLAIN)), both("IdleInTransaction", "OldIdleInTransaction")),
    "long": (of(analyse(sample(10, long=10), PLAIN)), both("LongQueries")),
    "pool": (of(analyse(sample(10, pgbouncers=WAITING), PLAIN)), both("PoolWaiting", "PoolMaxwait")),
    "pooler": (
        of(analyse(sample(10, pgbouncers=(PgBouncer("pgb", trouble="no answer"),)), PLAIN)),
        {("PgBouncerDown", "warning")},
    ),
    "blind": (of(analyse(sample(10, exact=False), PLAIN)), {("Blind", "warning")}),
    "leak": (found("leak"), {("Leak", "warning")}),
    "storm": (found("reconnect-storm"), {("Storm", "warning")}),
    "lost": (of(CALM) | {'pgheadroom_up{target="t"}': "0"}, {("Down", "critical")}),
    "soon": (
        of(replace(CALM, ahead=Forecast(Limit("server", "", 20, 97), 90, 60, 120, 40.0, 60))),
        both("FullSoon"),
    ),
    "gone": ({}, {("AgentSilent", "critical")}),
}  # fmt: skip


def values(name: str, then: dict[str, str]) -> str:
    """Ten minutes of calm, and twenty of what comes then."""
    before, after = OUTAGES["calm"][0].get(name), then.get(name)
    return f"{f'{before}+0x9' if before else '_x9'} {f'{after}+0x20' if after else 'stale _x20'}"


def test_every_alert_has_its_outage() -> None:
    staged = {(f"PgHeadroom{name}", severity) for _, fired in OUTAGES.values() for name, severity in fired}
    written = re.findall(r"alert: (\w+)\n.*\n.*\n.*\n +severity: (\w+)", rules({"": PLAIN}))
    assert len(written) == rules({"": PLAIN}).count("- alert: ")
    assert staged == set(written)


def test_each_outage_fires_its_alert_and_calm_none(tmp_path: Path) -> None:
    promtool = program("promtool")
    (tmp_path / "rules.yml").write_text(rules({"": PLAIN}) + "\n")
    firing = 'count by (alertname, severity) (ALERTS{alertstate="firing"})'
    tests = []
    for then, expected in OUTAGES.values():
        names = sorted(OUTAGES["calm"][0].keys() | then.keys())
        fired = [{"labels": f'{{alertname="PgHeadroom{name}",severity="{severity}"}}', "value": 1}
                 for name, severity in sorted(expected)]  # fmt: skip
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values(name, then)} for name in names],
                "promql_expr_test": [
                    {"expr": firing, "eval_time": "8m", "exp_samples": []},
                    {"expr": firing, "eval_time": "25m", "exp_samples": fired},
                ],
            }
        )
    file = tmp_path / "test.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "o'dd.*|\"name"])
def test_rules_are_clean_for_promtool_and_follow_the_thresholds_of_each_target(name: str, tmp_path: Path) -> None:
    own = Thresholds.from_mapping(
        {"usage": [-10, -5], "waiting_for_locks": ["10%", "20%"], "pool_maxwait": ["100ms", 2]}
    )
    text = rules({name: own, "other": PLAIN} if name else {"": own})
    for wanted in (" <= 5", "* 20 / 100", ">= 0.1"):
        assert wanted in text
    assert ("* 90 / 100" in text) is bool(name)
    (tmp_path / "rules.yml").write_text(text + "\n")
    done = subprocess.run(
        [program("promtool"), "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_each_alert_says_what_and_whom_and_what_to_run() -> None:
    for alert in alerts(PLAIN):
        assert "$labels.target" in alert.summary
        assert alert.command.startswith("pgheadroom ")
    assert "topk(1, pgheadroom_hog_sessions" in next(iter(alerts(PLAIN))).summary


def test_the_command_prints_both_with_the_thresholds_of_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        '[thresholds]\nusage = ["61%", "62%"]\nlimit = ["50%", "90%"]\n'
        '[targets.a]\n[targets.b.thresholds]\nusage = ["71%", "72%"]\n'
    )
    assert main(["rules", "prometheus", "--config", str(file)]) == 0
    printed = capsys.readouterr().out
    assert all(f"* {level} / 100" in printed for level in (61, 62, 71, 72))
    assert main(["rules", "grafana", "--config", str(file)]) == 0
    panels = json.loads(capsys.readouterr().out)["panels"]
    defaults = [one["fieldConfig"]["defaults"] for one in panels]
    steps = [[step["value"] for step in one["thresholds"]["steps"]] for one in defaults if "thresholds" in one]
    assert steps == [[None, 0.61, 0.62], [None, 0.5, 0.9]]
    assert len({one["id"] for one in panels}) == len(panels)
    for panel in panels:
        assert panel["type"] in {"gauge", "timeseries", "stat", "bargauge", "state-timeline"}  # Grafana's own
        assert [one["refId"] for one in panel["targets"]] == ["A", "B", "C"][: len(panel["targets"])]


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(PLAIN)["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_a_real_prometheus_has_data_for_every_panel(tmp_path: Path) -> None:
    prometheus = program("prometheus")
    bad = analyse(sample(90, waiting=3, idle=3), PLAIN)
    assert any(one.severity is not Severity.NOTICE for one in bad.findings)
    case = replace(bad, ahead=Forecast(Limit("server", "", 20, 97), 90, 60, 120, 40.0, 60))
    families = [*Families("t").of(case), gauge("up", "x", ((("target", "t"),), 1))]
    server = Server(
        ("127.0.0.1", 0), Pages(Exposition(lambda: families).scrape, lambda: True, lambda _: {}), WebConfig()
    )
    server.start()
    (tmp_path / "rules.yml").write_text(rules({"": PLAIN}) + "\n")
    scrape = {"job_name": "pgheadroom", "scrape_interval": "500ms", "scrape_timeout": "400ms",
              "static_configs": [{"targets": [f"127.0.0.1:{server.server_address[1]}"]}]}  # fmt: skip
    (tmp_path / "prometheus.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "scrape_configs": [scrape]}))
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    command = [prometheus, "--config.file=prometheus.yml", f"--web.listen-address={place}", "--storage.tsdb.path=data"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, stderr=log, stdout=log) as running,
    ):
        try:
            wait_until(lambda: bool(asked(place, "pgheadroom_up")), "Prometheus has scraped", 60)
            queries = [query["expr"] for panel in dashboard(PLAIN)["panels"] for query in panel["targets"]]
            without = [one for one in queries if not asked(place, one.replace("$target", ".*"))]
            assert not without
        finally:
            running.terminate()
            server.stop()


def asked(place: str, expression: str) -> list[Any]:
    """What Prometheus has for an expression now."""
    url = f"http://{place}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            found: list[Any] = json.loads(answer.read())["data"]["result"]
    except OSError:
        return []
    return found
