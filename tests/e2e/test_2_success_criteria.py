"""What a run is held to, seen on the running Airflow: its tasks' policies, order, retries, alerts, and no secret.

One run serves all: its source is away for all four tries, so that it fails; then it is cleared, the source stays away
for two more tries and comes back. It is watched from outside all the while.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from smart_logistics import settings
from smart_logistics.cli.task_docs import EXPECTED_SECONDS
from smart_logistics.contracts.source import DATABASE
from smart_logistics.orchestration.api import AirflowApi
from smart_logistics.stack import ports, postgres
from smart_logistics.stack.connections import source_dsn
from smart_logistics.stack.home import Home
from smart_logistics.stack.ports import Ports
from tests.contract_dag import EDGES
from tests.e2e import traces
from tests.e2e.lake import NINE
from tests.e2e.mailbox import Mailbox
from tests.e2e.monitors import LINEAGE, Listener, api
from tests.e2e.policies import DAG, edges, policies
from tests.e2e.stack import Row, Stack

# The run takes two or three minutes; on a machine that has too much to do, a multiple.
pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
HARD, TRIES, FAILS_AGAIN = "bronze_ingest_sql", 4, 2
FAILED, WELL = f"{HARD} failed", "is well again"
# As the settings of the shared stack have them.
DELAY, LONGEST = timedelta(seconds=5), timedelta(seconds=10)


@dataclass(frozen=True)
class Told:
    """The run, and what was seen of it."""

    run_id: str
    seen: traces.Seen
    events: Path
    failed: dict[str, str]
    tries: list[dict[str, Any]]
    run: dict[str, Any]

    def moment(self, number: int, name: str) -> datetime:
        return datetime.fromisoformat(self.tries[number - 1][name])


def wait(true: Callable[[], Any], what: str, seconds: float = 800) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)
    return found


def open_source(stack: Stack, is_open: bool) -> None:
    """Let the source database take connections, or none."""
    home = Home.of(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with closing(postgres.connect(home, Ports(ports.kept(home)))) as connection:
        connection.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS {is_open}".encode())


def give_news(stack: Stack) -> None:
    """Change a row of the source, and land a file."""
    dsn = source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE logistics.customers SET city = 'Kargil', updated_at = now() WHERE customer_id = 1")
        row = connection.execute("SELECT license_plate FROM logistics.vehicles ORDER BY vehicle_id LIMIT 1").fetchone()
    assert row is not None
    moment = datetime.now(UTC) - timedelta(hours=1)
    record = {"truck_id": row[0], "timestamp": moment.isoformat(timespec="seconds"), "temperature": 5.0}
    (stack.home / "landing" / f"iot_telemetry_{moment:%Y%m%d_%H%M%S}_hard.json").write_text(json.dumps(record))


@contextmanager
def drivers_that_show_themselves(ours: AirflowApi, events: Path) -> Iterator[None]:
    """Let every driver have its page and write its events, as a person who looks for a fault would."""
    shown = {"spark.ui.enabled": "true", "spark.eventLog.enabled": "true", "spark.eventLog.compress": "false"}
    conf = {"*": shown | {"spark.eventLog.dir": events.as_uri()}}

    def put(value: str) -> None:
        ours.request("PATCH", "/variables/logistics_spark_conf", json={"key": "logistics_spark_conf", "value": value})

    before = ours.request("GET", "/variables/logistics_spark_conf")["value"]
    put(json.dumps(conf))
    try:
        yield
    finally:
        put(before)


@pytest.fixture(scope="module")
def told(lived_in: Stack, stack: Stack, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Let the run fail and be repeated; return what was seen."""
    stack.must("up")
    give_news(stack)
    events = tmp_path_factory.mktemp("events")
    with api(stack) as ours, drivers_that_show_themselves(ours, events), traces.watched() as seen:

        def ended() -> str | None:
            state = str(ours.run(DAG, run_id)["state"])
            return state if state in ("success", "failed") else None

        def failed_tries() -> int:
            return sum(one["state"] == "failed" for one in ours.tries(DAG, run_id, HARD))

        open_source(stack, False)
        try:
            run_id = ours.trigger(DAG)
            assert wait(ended, "the end of the run") == "failed"
            states = {task["task_id"]: task["state"] for task in ours.tasks(DAG, run_id)}
            wait(lambda: mailbox.about(FAILED, run_id), "the mail of the failure", 60)
            again = {"dry_run": False, "dag_run_id": run_id, "task_ids": [HARD], "only_failed": False}
            ours.request("POST", f"/dags/{DAG}/clearTaskInstances", json=again | {"include_downstream": True})
            wait(lambda: failed_tries() >= TRIES + FAILS_AGAIN, "two more failed tries")
        finally:
            open_source(stack, True)
        assert wait(ended, "the end of the repeated run") == "success"
        tries = sorted(ours.tries(DAG, run_id, HARD), key=lambda one: one["try_number"])
        run = ours.run(DAG, run_id)
    wait(lambda: mailbox.about(WELL, run_id), "the mail that all is well", 60)
    return Told(run_id, seen, events, states, tries, run)


@pytest.fixture(scope="module")
def times(told: Told, stack: Stack) -> dict[str, Row]:
    """What the run log holds of the last try of each task."""

    def recorded() -> dict[str, Row]:
        rows = [row for row in stack.rows("ops.task_runs") if row["run_id"] == told.run_id]
        return {row["task_id"]: row for row in sorted(rows, key=lambda row: row["try_number"])}

    # What comes after the last task writes it down.
    wait(lambda: recorded().keys() == NINE, "the record of the run", 120)
    return recorded()


def test_the_dag_is_visible_and_valid(stack: Stack) -> None:
    stack.must("up")
    with api(stack) as ours:
        dag = ours.dag(DAG)
        assert (dag["has_import_errors"], dag["is_stale"], dag["is_paused"]) == (False, False, False)
        assert dag["timetable_summary"] == "0 * * * *"
        assert dag["max_active_runs"] == 1
        assert ours.import_errors() == []
        assert ours.request("GET", "/dagWarnings")["total_entries"] == 0
        assert edges(ours) == EDGES
        assert EDGES.keys() == NINE


def test_tasks_are_configured_as_the_settings_say(stack: Stack) -> None:
    stack.must("up")
    with api(stack) as ours:
        found = policies(ours)
    assert found.retries == dict.fromkeys(NINE, 3)
    assert found.delays == dict.fromkeys(NINE, DELAY)
    assert found.longest == LONGEST


def test_a_manual_trigger_ends_in_success(told: Told) -> None:
    assert (told.run["run_type"], told.run["state"]) == ("manual", "success")


def test_a_failing_job_was_tried_four_times_after_waits_that_grow(told: Told) -> None:
    states = [one["state"] for one in told.tries]
    assert states == ["failed"] * (TRIES + FAILS_AGAIN) + ["success"]
    waits = [told.moment(number + 1, "start_date") - told.moment(number, "end_date") for number in range(1, TRIES)]
    assert waits[0] >= DELAY
    assert min(waits[1:]) >= LONGEST


def test_what_follows_a_failure_did_not_start_and_what_does_not_follow_it_did(told: Told) -> None:
    behind = ("silver_transactional", "gold_aggregate", "data_quality_check", "end")
    assert told.failed == dict.fromkeys(NINE, "success") | {HARD: "failed"} | dict.fromkeys(behind, "upstream_failed")


def test_failing_twice_and_then_succeeding_completes_the_run(told: Told, times: dict[str, Row]) -> None:
    assert [one["state"] for one in told.tries[TRIES:]] == ["failed", "failed", "success"]
    assert {task: row["state"] for task, row in times.items()} == dict.fromkeys(NINE, "success")


def test_the_mail_came_after_the_last_try_and_not_before(told: Told, mailbox: Mailbox) -> None:
    ((arrived, mail),) = mailbox.about(FAILED, told.run_id)
    # The try that gives up tells so itself, before it is over.
    assert told.moment(TRIES, "start_date") < arrived < told.moment(TRIES + 1, "start_date")
    assert "not currently accepting connections" in mail
    assert f"Try: {TRIES}" in mail
    ((well, _),) = mailbox.about(WELL, told.run_id)
    assert well > told.moment(TRIES + FAILS_AGAIN + 1, "end_date")


def test_each_task_waited_for_those_before_it(times: dict[str, Row]) -> None:
    assert times.keys() == NINE
    for before, followers in EDGES.items():
        for after in followers:
            assert times[before]["ended_at"] <= times[after]["started_at"], (before, after)


def test_each_task_took_about_as_long_as_its_documentation_says(times: dict[str, Row]) -> None:
    late = {
        task: row["duration_s"] for task, row in times.items() if (row["duration_s"] or 0) > 5 * EXPECTED_SECONDS[task]
    }
    assert late == {}


def test_telemetry_was_taken_while_the_source_was_tried(told: Told, times: dict[str, Row]) -> None:
    assert told.moment(1, "start_date") < times["bronze_ingest_iot"]["started_at"] < told.moment(TRIES, "end_date")
    assert times["silver_iot"]["ended_at"] < told.moment(TRIES + 1, "start_date")
    # Not so the tables of the source: they waited for the try that succeeded, and Gold for both.
    assert times["silver_transactional"]["started_at"] >= told.moment(TRIES + FAILS_AGAIN + 1, "end_date")


def test_no_secret_is_anywhere(told: Told, stack: Stack, mailbox: Mailbox, statsd: Listener) -> None:
    places = {
        "arguments of processes": "\n".join(told.seen.arguments),
        "pages of drivers": "\n".join(told.seen.pages.values()),
        "names of pages": "\n".join(told.seen.pages),
        "events of drivers": traces.files(told.events),
        "pages of the cluster": traces.cluster_pages(stack),
        "logs": traces.files(stack.home / "logs"),
        "work of executors": traces.files(stack.home / "spark" / "work"),
        "alerts": traces.files(stack.home / "alerts"),
        "tables": traces.tables(stack),
        "metrics": traces.metrics(stack),
        "statsd": "\n".join(statsd.lines),
        "lineage": (stack.home.parent / LINEAGE).read_text(),
        "mails": "\n".join(traces.whole(mail) for mail in mailbox.mails),
        **traces.told_by_airflow(stack, told.run_id),
    }
    # Each place was really looked at: it says what it should.
    expected = {
        "arguments of processes": f"{HARD}.py",
        "pages of drivers": "spark.eventLog.enabled",
        "names of pages": f".{told.run_id}.try",
        "events of drivers": "SparkListenerApplicationStart",
        "pages of the cluster": "Spark Worker",
        "logs": f"{HARD} failed: the source database",
        "work of executors": "Executor Command",
        "alerts": told.run_id,
        "tables": told.run_id,
        "metrics": "smart_logistics_last_run_success",
        "statsd": "smart_logistics.job.rows",
        "lineage": HARD,
        "mails": FAILED,
        "rendered fields": "--lakehouse",
        "tries": HARD,
        "results": '"rows',
        "states of tasks": "error_of_try_4",
        # The others, whose secrets are in files, are not in Airflow's database at all.
        "connections": "logistics_spark",
        "variables": "logistics_spark_conf",
        "audit log": DAG,
    }
    assert expected.keys() == places.keys()
    assert [place for place, mark in expected.items() if mark not in places[place]] == []
    assert traces.shown(stack, places) == []


def test_a_secret_that_is_shown_would_be_found(stack: Stack) -> None:
    told = {form: f"before{form}after" for form in traces.forms(traces.SMTP_PASSWORD)}
    assert len(told) > 4
    assert {place for place, name in traces.shown(stack, told) if name == "smtp"} == set(told)
