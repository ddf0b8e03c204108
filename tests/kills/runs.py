"""Runs of the pipeline that something happens to, and what must be so afterwards."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import psycopg
import pytest

from smart_logistics import settings
from smart_logistics.orchestration.run_record import PIPELINE_ID
from smart_logistics.stack.connections import source_dsn
from tests.e2e.lake import agrees_with_the_oracle
from tests.e2e.mailbox import Mailbox
from tests.e2e.manual import ENDED, last_run
from tests.e2e.monitors import api
from tests.e2e.stack import CONSOLE, Stack
from tests.kills.drivers import never_two_at_once, wait_until

# A run that waits for the heartbeat of a lost task, and tries again, on a machine with much else to do.
LONGEST_SECONDS = 1500
# What a test takes on a quiet machine, before the full hour.
_LAST_MINUTE = 54


def away_from_the_hour(stack: Stack) -> None:
    """Wait where the schedule would start a run of its own in the middle of what follows, until that has ended."""
    if datetime.now(UTC).minute < _LAST_MINUTE:
        return
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    name = f"scheduled__{hour.isoformat()}"

    def has_ended() -> bool:
        with api(stack) as airflow:
            found = airflow.runs(PIPELINE_ID, states=ENDED, limit=10)
        return any(run["dag_run_id"] == name for run in found)

    wait_until(has_ended, 1200, name)


def news(stack: Stack, minute: int) -> None:
    """Give every job of the next run something to do; another minute for each call."""
    mark = f"{minute:02}"
    dsn = source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "UPDATE logistics.customers SET city = %s, updated_at = now() WHERE customer_id = 1", (mark,)
        )
        connection.execute(
            "UPDATE logistics.shipments SET destination_city = %s, updated_at = now() "
            "WHERE shipment_id = (SELECT min(shipment_id) FROM logistics.shipments)",
            (mark,),
        )
        plate = connection.execute(
            "SELECT license_plate FROM logistics.vehicles ORDER BY vehicle_id LIMIT 1"
        ).fetchone()
    assert plate is not None
    record = {"truck_id": plate[0], "timestamp": f"2026-11-01T00:{mark}:00Z", "temperature": 5.0}
    (stack.home / "landing" / f"iot_telemetry_20261101_00{mark}00_kill.json").write_text(json.dumps(record))


def start(stack: Stack) -> subprocess.Popen[str]:
    """Start a run and return the command that waits for it."""
    words = [str(CONSOLE), "run", "--json", "--timeout", str(LONGEST_SECONDS)]
    return subprocess.Popen(
        words, env=stack.environment, cwd=stack.home.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ended(stack: Stack, command: subprocess.Popen[str] | None = None) -> str:
    """Return the state in which the last run ended, whoever of those who know it had to be waited for."""
    if command is not None:
        command.communicate(timeout=LONGEST_SECONDS + 100)
    stack.must("up")
    return str(wait_until(lambda: (run := last_run(stack))["state"] in ENDED and run["state"], 900, "the run's end"))


def tries(stack: Stack, task_id: str) -> int:
    """Return how many tries a task of the last run has had."""
    with api(stack) as airflow:
        return len(airflow.tries(PIPELINE_ID, last_run(stack)["dag_run_id"], task_id))


def mark(stack: Stack, task_id: str, state: str) -> None:
    """Say by hand that a task of the last run is in a state."""
    with api(stack) as airflow:
        run = quote(last_run(stack)["dag_run_id"], safe="")
        path = f"/dags/{PIPELINE_ID}/dagRuns/{run}/taskInstances/{task_id}"
        airflow.request("PATCH", path, json={"new_state": state})


def incidents(mailbox: Mailbox) -> list[str]:
    """Return the subjects of mails about failures and their ends; warnings are no incidents."""
    return [subject for subject in mailbox.subjects() if subject.endswith((" failed", " is well again"))]


@contextmanager
def converging(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], *, fails: bool | None = None
) -> Iterator[None]:
    """See, when something has happened to a run in the block, that it or the next one is good, and who was told.

    Gold and all before it is what an independent recount makes of the sources. A run that succeeded is told to nobody;
    one that failed is told once, and its end once. No task ever had two drivers at once.

    Args:
        stack: is up.
        mailbox: where alerts arrive.
        capsys: shows what the recount says.
        fails: how the run has to end; None where it may do either.
    """
    away_from_the_hour(stack)
    told = len(incidents(mailbox))
    with never_two_at_once(stack):
        yield
        state = ended(stack)
        assert fails is None or fails is (state == "failed"), state
        if state == "failed":
            wait_until(lambda: len(incidents(mailbox)) > told, 90, "an alert")
            assert stack.run(LONGEST_SECONDS)["state"] == "success"
            wait_until(lambda: "well again" in incidents(mailbox)[-1], 60, "the end of the incident")
    # What would be told twice, would be told by now.
    time.sleep(5)
    new = incidents(mailbox)[told:]
    assert len(new) == (2 if state == "failed" else 0), new
    agrees_with_the_oracle(stack, capsys)
