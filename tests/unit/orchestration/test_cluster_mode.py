"""A driver in the cluster outlives its spark-submit, so it is ended itself: real processes are `yarn` and submitter."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from airflow.providers.apache.spark.hooks import spark_submit

from smart_logistics.errors import EnvironmentFault, LakeUnavailable
from smart_logistics.jobs import catalog, submit, tether
from smart_logistics.orchestration import connections, predecessor, spark_job
from smart_logistics.orchestration.driver_hook import DriverHook
from smart_logistics.orchestration.driver_log import JobCrashed
from smart_logistics.orchestration.spark_job import SparkJobOperator

ID, BEFORE = "application_1700000000000_0002", "application_1700000000000_0001"
KILLED = f"application -kill {ID}"
SUBMITS = f"echo '26/11/24 15:40:00 INFO Client: Submitting application {ID} to ResourceManager'"
POD = "logistics-silver-0a1b2c-driver"
CLUSTER = {"deploy-mode": "cluster"}


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return str(path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `yarn` that notes what it is asked, and whether the submitter lived then."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program(
        tmp_path / "yarn",
        f"cd '{tmp_path}'; echo \"$@\" >> asked; kill -0 $(cat pid) 2>/dev/null && echo alive > lived",
    )
    return tmp_path


def hook(
    place: Path, monkeypatch: pytest.MonkeyPatch, script: str, host: str = "yarn", extra: dict[str, str] = CLUSTER
) -> DriverHook:
    monkeypatch.setattr(spark_submit, "kube_client", object(), raising=False)
    given = {"conn_type": "spark", "host": host, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LOGISTICS_SPARK", json.dumps(given))
    binary = program(place / "spark-submit", f"echo $$ > '{place}/pid'; {script}")
    made = DriverHook(
        catalog.SILVER_IOT, conn_id="logistics_spark", name="n", spark_binary=binary, properties_file="/p"
    )
    made.environment = submit.environment(catalog.SILVER_IOT, source_dsn=None)
    return made


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def killed_in_the_middle(made: DriverHook, is_under_way: Callable[[], object]) -> None:
    """Submit, and let Airflow end the task as soon as the driver is known."""
    ended: list[BaseException] = []

    def run() -> None:
        try:
            made.submit(catalog.SILVER_IOT.script)
        except JobCrashed as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(is_under_way)
    made.on_kill()
    thread.join(30)
    assert [type(error) for error in ended] == [JobCrashed]


def asked(place: Path) -> list[str]:
    file = place / "asked"
    return file.read_text().splitlines() if file.exists() else []


def is_gone(place: Path) -> bool:
    return not psutil.pid_exists(int((place / "pid").read_text()))


def test_an_ended_task_ends_the_application_and_then_its_submitter(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = hook(place, monkeypatch, f"{SUBMITS}; exec sleep 100")
    killed_in_the_middle(made, lambda: made.in_cluster)
    assert asked(place) == [KILLED]
    assert (place / "lived").exists()
    assert is_gone(place)


def test_a_job_that_takes_too_long_is_ended_in_the_cluster_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, monkeypatch, f"{SUBMITS}; exec sleep 100")
    made.minutes = 2 / 60  # type: ignore[assignment]
    with pytest.raises(JobCrashed, match="took longer than"):
        made.submit(catalog.SILVER_IOT.script)
    assert asked(place) == [KILLED]
    assert (place / "lived").exists()
    assert is_gone(place)


def test_a_submitter_that_is_killed_leaves_no_application(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JobCrashed, match="SIGKILL"):
        hook(place, monkeypatch, f"{SUBMITS}; kill -9 $$").submit(catalog.SILVER_IOT.script)
    assert asked(place) == [KILLED]


def test_where_yarn_refuses_the_submitter_is_ended_all_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, monkeypatch, f"{SUBMITS}; exec sleep 100")
    program(place / "yarn", "echo 'no such queue'; exit 1")
    killed_in_the_middle(made, lambda: made.in_cluster)
    assert is_gone(place)
    assert made.in_cluster == ID  # for the next try to end


def test_an_application_that_ended_well_is_left_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, monkeypatch, SUBMITS)
    made.submit(catalog.SILVER_IOT.script)
    made.on_kill()
    assert asked(place) == []


def test_a_driver_beside_the_task_needs_no_yarn(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, monkeypatch, f"{SUBMITS}; exec sleep 100", extra={})
    killed_in_the_middle(made, (place / "pid").exists)
    assert asked(place) == []
    assert is_gone(place)


def test_the_pod_of_a_driver_is_deleted_while_its_submitter_lives(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, monkeypatch, f"echo '\t pod name: {POD}'; exec sleep 100", "k8s://https://k:6443")
    deleted: list[tuple[str | None, str, bool]] = []
    monkeypatch.setattr(
        made,
        "_delete_driver_pod",
        lambda: deleted.append((made._kubernetes_driver_pod, made._connection["namespace"], is_gone(place))),
    )
    killed_in_the_middle(made, lambda: made.in_cluster)
    assert deleted == [(POD, "default", False)]
    assert is_gone(place)


@pytest.mark.parametrize(
    ("script", "error", "match"),
    [
        (None, EnvironmentFault, f"no `yarn` on the PATH to end {ID}"),
        ("echo 'cannot connect'; exit 1", LakeUnavailable, f"did not end {ID}: cannot connect"),
        ("exit 1", LakeUnavailable, "no message"),
    ],
)
def test_an_application_that_cannot_be_ended_is_an_error(
    place: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, error: type[Exception], match: str
) -> None:
    made = hook(place, monkeypatch, "exit 0")
    (place / "yarn").unlink()
    if script is None:
        monkeypatch.setenv("PATH", str(place))
    else:
        program(place / "yarn", script)
    with pytest.raises(error, match=match) as caught:
        made.end_in_cluster(ID)
    assert f"yarn application -kill {ID}" in str(caught.value)


def test_an_application_that_yarn_has_forgotten_is_none(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(place, monkeypatch, "exit 0")
    program(place / "yarn", f"echo \"Application with id '{ID}' doesn't exist in RM.\"; exit 255")
    made.end_in_cluster(ID)


class Store(dict[str, Any]):
    """A task's state store; it notes what was set."""

    def __init__(self, **kept: Any) -> None:
        super().__init__(kept)
        self.noted: list[Any] = []

    def set(self, key: str, value: Any) -> None:
        self.noted.append(value)
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


@pytest.mark.parametrize(("end", "kept"), [("exit 0", {}), ("exit 1", {"driver_in_cluster": ID})])
def test_the_application_of_a_try_that_was_killed_is_ended_before_the_next_is_submitted(
    place: Path, monkeypatch: pytest.MonkeyPatch, end: str, kept: dict[str, str]
) -> None:
    # YARN can end the one of before, not the new one: that is kept for the try after this.
    program(
        place / "yarn",
        f'cd \'{place}\'; echo "$@" >> asked; [ -e pid ] && echo late > lived; [ "$3" = {BEFORE} ]',
    )
    made = hook(place, monkeypatch, f"{SUBMITS}; {SUBMITS}; {end}")
    monkeypatch.setattr(submit, "SPARK_SUBMIT", made.spark_binary)
    monkeypatch.setattr(connections, "setting", {"SPARK_CONF": "{}", "JOB_TIMEOUT_MINUTES": "{}"}.__getitem__)
    monkeypatch.setattr(connections, "warm_session", lambda *_: None)
    monkeypatch.setattr(predecessor, "end", lambda *_: 0)
    monkeypatch.setattr(tether, "die_with_parent", lambda _: None)
    instance = predecessor.Instance(str(place), "d", catalog.SILVER_IOT.name, "r", 2)
    monkeypatch.setattr(spark_job, "_instance", lambda _: instance)
    operator = SparkJobOperator(task_id=catalog.SILVER_IOT.name, job=catalog.SILVER_IOT.name, properties_file="/p")
    quiet = SimpleNamespace(info=lambda *_: None, debug=lambda *_: None, warning=lambda *_: None)
    monkeypatch.setattr(type(operator), "log", quiet)
    store = Store(driver_in_cluster=BEFORE)
    context: Any = {"task_state_store": store}
    if kept:
        with pytest.raises(JobCrashed):
            operator.execute(context)
    else:
        operator.execute(context)
    assert asked(place)[0] == f"application -kill {BEFORE}"
    assert asked(place)[1:] == ([KILLED] if kept else [])
    assert (place / "lived").exists() is bool(kept)
    assert store.noted == [ID]
    assert store == kept
