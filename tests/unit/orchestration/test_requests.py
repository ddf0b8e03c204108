"""What a person may ask of a run: read at the edge, refused with what to do, and harmless where nobody asked."""

from __future__ import annotations

import os
import time
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from airflow.sdk.exceptions import AirflowSkipException, ParamValidationError

from smart_logistics.cli.run_watch import plan_lines
from smart_logistics.errors import ConfigurationError
from smart_logistics.jobs import catalog
from smart_logistics.jobs.request import DRY_RUN, FIELDS, FROM_DAY, REFRESH, TO_DAY, USUAL, Request
from smart_logistics.orchestration import connections, deadlines, requests, start, start_check
from smart_logistics.orchestration.sensor import LandingSensor
from smart_logistics.orchestration.spark_job import template_arguments
from smart_logistics.orchestration.start import StartOperator


def filled(**given: Any) -> dict[str, Any]:
    """Return the form's fields as Airflow gives them to a run."""
    form = requests.form()
    return {name: form[name].resolve(given[name]) if name in given else form[name].resolve() for name in FIELDS}


def test_a_form_that_nobody_filled_in_asks_for_nothing() -> None:
    assert tuple(requests.form()) == FIELDS
    assert Request.of(filled()) == Request.of({}) == USUAL
    assert (USUAL.layers, USUAL.dry_run, USUAL.is_windowed) == ((), False, False)


def test_what_the_form_says_reaches_the_job_through_its_templates() -> None:
    params = filled(refresh="silver and gold", from_day="2026-11-01", to_day="2026-11-03", dry_run=True)
    words = [word for word in template_arguments(catalog.SILVER_IOT) if "params" in word]
    given = dict(jinja2.Template(word).render(params=params).split("=", 1) for word in words)
    request = Request.of({name.strip("-").replace("-", "_"): value for name, value in given.items()})
    assert request == Request(("silver", "gold"), date(2026, 11, 1), date(2026, 11, 3), dry_run=True)
    empty = dict(jinja2.Template(word).render(params=filled()).split("=", 1) for word in words)
    assert Request.of({name.strip("-").replace("-", "_"): value for name, value in empty.items()}) == USUAL


def test_every_task_of_the_pipeline_is_told_and_the_audit_is_not() -> None:
    told = {job.name for job in catalog.JOBS.values() if any("params" in word for word in template_arguments(job))}
    assert told == set(catalog.PIPELINE)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({REFRESH: "bronze"}, "one of: nothing, silver, gold, silver and gold"),
        ({DRY_RUN: "perhaps"}, "true or false"),
        ({REFRESH: "gold", FROM_DAY: "1 November"}, "a day, YYYY-MM-DD"),
        ({REFRESH: "gold", FROM_DAY: "2026-11-02", TO_DAY: "2026-11-01"}, "not before from_day, 2026-11-02"),
        ({FROM_DAY: "2026-11-02"}, "a layer, where from_day or to_day is given"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Request.of(given)
    assert said in str(refused.value)


@pytest.mark.parametrize("given", [{REFRESH: "bronze"}, {FROM_DAY: "soon"}, {DRY_RUN: "yes"}, {TO_DAY: 5}])
def test_the_form_itself_takes_nothing_else(given: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        filled(**given)


def test_a_window_is_whole_days_in_utc() -> None:
    request = Request.of({REFRESH: "gold", FROM_DAY: "2026-11-01", TO_DAY: "2026-11-01"})
    assert request.days("d") == [("d", ">=", date(2026, 11, 1)), ("d", "<=", date(2026, 11, 1))]
    assert request.days("d", beside=1) == [("d", ">=", date(2026, 10, 31)), ("d", "<=", date(2026, 11, 2))]
    first, behind = request.instants("t")
    assert first == ("t", ">=", datetime(2026, 11, 1, tzinfo=UTC))
    assert behind == ("t", "<", datetime(2026, 11, 2, tzinfo=UTC))


def test_the_first_task_refuses_a_request_and_heals_nothing_in_a_dry_run(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(start_check, "check", lambda: done.append("checked"))
    # It is meant for the task's process, and this one cannot take it back.
    monkeypatch.setattr(os, "nice", lambda steps: done.append("stood back") if steps > 0 else None)
    monkeypatch.setattr(time, "sleep", lambda seconds: done.append("waited") if seconds > 0 else None)
    monkeypatch.setattr(start, "heal", lambda: done.append("healed"))
    monkeypatch.setattr(deadlines, "look_at_gold", lambda dag_id, _: done.append(f"looked at {dag_id}"))
    task = StartOperator(task_id="start", dag=None)
    with pytest.raises(ConfigurationError, match="from_day"):
        task.execute({"params": filled(from_day="2026-11-01")})
    assert done == []
    task.execute({"params": filled(dry_run=True)})
    assert done == ["checked"]
    # Airflow calls these once the run goes on.
    (behind,) = task.on_success_callback
    dag: Any = SimpleNamespace(dag_id="d")
    behind({"params": filled(dry_run=True), "dag": dag})
    assert done == ["checked"]
    behind({"params": filled(), "dag": dag})
    assert done == ["checked", "stood back", "waited", "healed", "looked at d"]


def test_a_dry_run_waits_for_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(connections, "landing", lambda: tmp_path)
    monkeypatch.setattr(connections, "setting", lambda _: 0)
    sensor = LandingSensor(task_id="wait_for_iot_files", poke_interval=60, timeout=300)
    with pytest.raises(AirflowSkipException, match="dry run"):
        sensor.execute({"params": filled(dry_run=True)})


def test_a_plan_is_told_in_lines() -> None:
    told = {"dry_run": True, "would_write": {"silver.b": 2, "silver.a": 1}, "would_say": {"rows": 3}}
    assert plan_lines("j", told) == ["j would write 1 rows of silver.a", "j would write 2 rows of silver.b"]
    assert plan_lines("j", told | {"would_write": {}}) == ["j would write nothing"]
    assert plan_lines("j", {"dry_run": True, "would_say": {"files": 3}}) == ['j would find {"files": 3}']
    assert plan_lines("j", {"rows": 3}) == []
