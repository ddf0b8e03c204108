"""Who is told what, at a real mail server: nobody of a retry, once of a failure, once of its end, whatever is in it."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import Message as Mail
from html import escape
from pathlib import Path
from typing import Any

import psutil
import pytest

from smart_logistics.orchestration.run_record import PIPELINE_ID, WATCH_ID
from tests.e2e.held import held
from tests.e2e.mailbox import Mailbox, text
from tests.e2e.manual import clear, last_run, set_variable, trigger, wait_for_end
from tests.e2e.monitors import api
from tests.e2e.stack import Row, Stack, states

JOB = "gold_aggregate"
FAIL = "gold_aggregate.computed=fail"
HOLD = "logistics_hold_minutes"
HOSTILE = "<script>alert(1)</script> {{ 7*7 }} {{ conn.logistics_postgres.password }} \" ' & \u202e </td>"


@pytest.fixture(scope="module", autouse=True)
def is_up_and_well(stack: Stack) -> None:
    stack.must("up")
    stack.run()


def incidents(mailbox: Mailbox) -> list[Mail]:
    """Return the mails about failures and their ends."""
    wanted = (" failed", " is well again")
    return [one for one in mailbox.mails if " ".join(str(one["Subject"]).split()).partition(" (")[0].endswith(wanted)]


def tries(stack: Stack) -> list[Row]:
    """Return the tries of the job in the last run, which are in Airflow's own records."""
    with api(stack) as airflow:
        found = airflow.tries(PIPELINE_ID, last_run(stack)["dag_run_id"], JOB)
    return sorted(found, key=lambda one: one["try_number"])


def again(stack: Stack) -> str:
    """Let the last run do the job again, and return how the run ended."""
    run_id = last_run(stack)["dag_run_id"]
    clear(stack, JOB)
    return wait_for_end(stack, PIPELINE_ID, run_id)


@contextmanager
def a_setting_that_is_none(stack: Stack, value: str) -> Iterator[None]:
    """While the block runs, every run fails at once, without a retry: a Variable is not what it must be."""
    set_variable(stack, HOLD, value)
    try:
        yield
    finally:
        set_variable(stack, HOLD, "60")


def test_the_policies_are_those_of_the_running_airflow(stack: Stack) -> None:
    with api(stack) as airflow:
        tasks = {one["task_id"]: one for one in airflow.request("GET", f"/dags/{PIPELINE_ID}/tasks")["tasks"]}
        assert not airflow.dag(PIPELINE_ID)["is_paused"]
        assert airflow.import_errors() == []
    for task in tasks.values():
        # The delays are shortened by settings here; the defaults are held by tests/dags.
        assert (task["retries"], task["retry_exponential_backoff"]) == (3, 1)
        assert _seconds(task["retry_delay"]) == int(stack.settings["RETRY_DELAY_SECONDS"])
        assert _seconds(task["execution_timeout"]) == 40 * 60


def _seconds(span: dict[str, Any]) -> float:
    return timedelta(days=span["days"], seconds=span["seconds"], microseconds=span["microseconds"]).total_seconds()


def test_a_job_that_fails_twice_succeeds_at_the_third_try_and_nobody_is_told(
    stack: Stack, mailbox: Mailbox, tmp_path: Path
) -> None:
    before, told = len(tries(stack)), len(incidents(mailbox))
    with held(stack, tmp_path / "held", JOB, FAIL, times=2) as job:
        assert again(stack) == "success"
        assert job.starts == 3
    mine = tries(stack)[before:]
    assert [one["state"] for one in mine] == ["failed", "failed", "success"]
    starts, ends = ([_instant(one[name]) for one in mine] for name in ("start_date", "end_date"))
    assert all(later - earlier >= timedelta(seconds=5) for earlier, later in zip(ends, starts[1:], strict=False))
    assert len(incidents(mailbox)) == told


def test_a_mail_comes_after_the_last_try_and_not_before(stack: Stack, mailbox: Mailbox, tmp_path: Path) -> None:
    before, told = len(tries(stack)), len(incidents(mailbox))
    with held(stack, tmp_path / "held", JOB, FAIL, times=4) as job:
        assert again(stack) == "failed"
        assert job.starts == 4
    mailbox.wait_for(lambda subject: f"{JOB} failed" in subject)
    (mail,) = incidents(mailbox)[told:]
    mine = tries(stack)[before:]
    assert [one["state"] for one in mine] == ["failed"] * 4
    sent = email.utils.parsedate_to_datetime(str(mail["Date"]))
    assert sent >= _instant(mine[-1]["end_date"]) - timedelta(seconds=2), "it came before the last try had failed"
    said = text(mail)
    for part in ("told to fail at gold_aggregate.computed", "What to do: unset", "docs/troubleshooting.md#", "Since: "):
        assert part in said
    addresses = [line.split(": ", 1)[1] for line in said.splitlines() if line.startswith(("Log: ", "Spark: "))]
    assert [one.startswith("http://127.0.0.1:") for one in addresses] == [True, True]
    # The next good run says that it is over, once.
    assert states(stack.run())[JOB] == "success"
    mailbox.wait_for(lambda subject: "is well again" in subject)
    assert len(incidents(mailbox)) == told + 2


def _instant(moment: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(moment)


@pytest.mark.parametrize("how", ["closed", "hangs", "refuses"])
def test_a_failure_while_the_mail_server_is_down_is_told_once_when_it_is_up_again(
    stack: Stack, mailbox: Mailbox, how: str
) -> None:
    told = len(incidents(mailbox))
    with a_setting_that_is_none(stack, HOSTILE), mailbox.away(how):
        result = stack.call("run", "--json", "--timeout", "600")
        failed = json.loads(result.stdout)
        # What a run ends with is not a matter of mail.
        assert (failed["state"], states(failed)["start"]) == ("failed", "failed")
        assert [task["try_number"] for task in failed["tasks"] if task["task_id"] == "start"] == [1]
        waiting = stack.home / "alerts" / "outbox"
        assert len(list(waiting.iterdir())) == 1
        assert trigger(stack, WATCH_ID) == "success"
        assert len(list(waiting.iterdir())) == 1
    for _ in range(2):
        assert trigger(stack, WATCH_ID) == "success"
    (mail,) = incidents(mailbox)[told:]
    assert list(waiting.iterdir()) == []
    assert_literal(mail, HOSTILE)


def assert_literal(mail: Mail, hostile: str) -> None:
    """See that a text is in both parts of a mail as it is, and is nothing but text."""
    said, shown = text(mail), text(mail, "text/html")
    # An exception quotes what it was given.
    core = "<script>alert(1)</script> {{ 7*7 }} {{ conn.logistics_postgres.password }}"
    assert core in hostile
    assert core in said
    assert escape(core) in shown
    assert "<script" not in shown
    assert "49" not in said.partition("Why: ")[2].partition("\n")[0]


def test_all_is_well_again_and_that_is_told_once(stack: Stack, mailbox: Mailbox) -> None:
    told = len(incidents(mailbox))
    assert states(stack.run())["start"] == "success"
    mailbox.wait_for(lambda _: len(incidents(mailbox)) > told)
    (mail,) = incidents(mailbox)[told:]
    assert "is well again" in " ".join(str(mail["Subject"]).split())
    assert "Failed runs: 3" in text(mail)


def test_a_hostile_file_name_is_text_in_the_digest(stack: Stack, mailbox: Mailbox) -> None:
    mark = "<img src=x onerror=alert(1)> {{ 7*7 }}"
    plate = stack.query("SELECT license_plate FROM silver.vehicles ORDER BY vehicle_id LIMIT 1")[0]["license_plate"]
    record = {"truck_id": plate, "timestamp": "2026-01-01T00:00:00Z", "temperature": 5.0}
    (stack.home / "landing" / f"iot_telemetry_20260101_000000_{mark}.json").write_text(json.dumps(record))
    for warned in (stack.home / "alerts" / "warned").iterdir():
        warned.unlink()  # as if a day had passed
    told = len(mailbox.mails)
    assert states(stack.run())["bronze_ingest_iot"] == "success"
    mailbox.wait_for(lambda _: any("warning(s)" in str(one["Subject"]) for one in mailbox.mails[told:]))
    (mail,) = [one for one in mailbox.mails[told:] if "warning(s)" in str(one["Subject"])]
    assert mark in text(mail)
    assert escape(mark) in text(mail, "text/html")
    assert "<img" not in text(mail, "text/html")


def test_nothing_of_it_is_left_behind(stack: Stack) -> None:
    assert not list((stack.home / "alerts" / "outbox").iterdir())
    marker = f'"home": "{stack.home}"'
    for process in psutil.process_iter():
        try:
            assert marker not in process.environ().get("LOGISTICS_DRIVER_OF", "")
        except psutil.Error:
            continue
