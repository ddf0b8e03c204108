"""Which jobs go to the warm session, what is started there, and what happens when it cannot be used."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError, SessionUnusable
from smart_logistics.jobs import catalog, submit, tether, warm
from smart_logistics.jobs.catalog import SILVER_IOT
from smart_logistics.orchestration import connections, predecessor, spark_job
from smart_logistics.orchestration.spark_job import SparkJobOperator
from smart_logistics.stack.spark import has_session

MASTER = "spark://127.0.0.1:7077"
TOKEN = "canary"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


def keep(home: Path, listener: socket.socket) -> warm.Session:
    session = warm.Session(f"sc://localhost:{listener.getsockname()[1]}", MASTER, TOKEN)
    (home / warm.KEPT).parent.mkdir()
    (home / warm.KEPT).write_text(session.text())
    return session


def choose(home: Path, **other: Any) -> warm.Session | str:
    given: dict[str, Any] = {
        "job": SILVER_IOT,
        "master": MASTER,
        "lakehouse": str(home / "lakehouse"),
        "conf": {},
    } | other
    return warm.choose(home, given.pop("job"), **given)


def test_a_job_of_the_pipeline_goes_to_the_session_that_answers(tmp_path: Path, listener: socket.socket) -> None:
    session = keep(tmp_path, listener)
    assert choose(tmp_path) == session
    assert choose(tmp_path, job=catalog.BRONZE_INGEST_SQL) == session


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"job": catalog.FULL_AUDIT}, "reads more than an hour's news"),
        ({"lakehouse": "s3a://bucket/lake"}, "no folder of this machine"),
        ({"master": "spark://h:7077"}, "goes to another cluster"),
        ({"conf": {"spark.driver.memory": "2g"}}, "SPARK_CONF gives it spark.driver.memory"),
    ],
)
def test_a_job_that_the_session_is_not_for_has_a_driver_of_its_own(
    tmp_path: Path, listener: socket.socket, other: dict[str, Any], why: str
) -> None:
    keep(tmp_path, listener)
    told = choose(tmp_path, **other)
    assert isinstance(told, str)
    assert why in told


def test_a_stack_without_a_session_and_one_whose_session_is_down_say_so(
    tmp_path: Path, listener: socket.socket
) -> None:
    assert choose(tmp_path) == "this stack was started without one"
    keep(tmp_path, listener)
    listener.close()
    assert choose(tmp_path) == "nobody listens where it should be"


def test_the_token_is_in_the_environment_and_not_in_the_command() -> None:
    session = warm.Session("sc://localhost:1", MASTER, TOKEN)
    assert TOKEN in session.variables().values()
    assert TOKEN not in " ".join(session.words("python"))
    assert TOKEN not in session.remote


def test_the_job_itself_is_started_with_the_words_that_spark_submit_would_get(tmp_path: Path) -> None:
    shown = tmp_path / "python"
    shown.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    shown.chmod(0o700)
    words = submit.command(
        SILVER_IOT, master=MASTER, properties_file="/p", name="n", arguments=["--run-id", "r 1"], conf={"a": "b"}
    )
    after = words[words.index(submit.SPARK_SUBMIT) + 1 :]
    done = subprocess.run(
        [*warm.Session("sc://localhost:1", MASTER, TOKEN).words(sys.executable), *after],
        env={"PYSPARK_PYTHON": str(shown)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [SILVER_IOT.script, "--run-id", "r 1"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, True),
        ({"LOGISTICS_SPARK_SESSION": "classic"}, False),
        ({"LOGISTICS_SPARK_SESSION": "warm"}, True),
        ({"LOGISTICS_SPARK_SESSION": "warm", "LOGISTICS_SPARK_MASTER": "yarn"}, False),
        ({"LOGISTICS_SPARK_SESSION": "warm", "LOGISTICS_LAKEHOUSE": "s3a://b/l"}, False),
    ],
)
def test_the_stack_starts_one_where_it_is_asked_for_and_of_use(given: dict[str, str], expected: bool) -> None:
    assert has_session(settings.load(given)) is expected


def test_another_choice_than_the_two_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be classic or warm"):
        settings.load({"LOGISTICS_SPARK_SESSION": "hot"})


@pytest.mark.parametrize("well", [True, False], ids=["well", "lost"])
def test_where_the_session_fails_the_same_try_goes_on_with_a_driver_of_its_own(
    well: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = warm.Session("sc://localhost:1", MASTER, TOKEN)
    monkeypatch.setenv("AIRFLOW_CONN_LOGISTICS_SPARK", json.dumps({"conn_type": "spark", "host": MASTER}))
    monkeypatch.setattr(connections, "setting", {"SPARK_CONF": "{}", "JOB_TIMEOUT_MINUTES": "{}"}.__getitem__)
    monkeypatch.setattr(connections, "warm_session", lambda *_: session)
    monkeypatch.setattr(predecessor, "end", lambda *_: 0)
    monkeypatch.setattr(tether, "die_with_parent", lambda _: None)
    monkeypatch.setattr(
        spark_job, "_instance", lambda _: predecessor.Instance(str(tmp_path), "d", SILVER_IOT.name, "r", 1)
    )
    # Real processes in the place of both: the session's says that it is lost, by its exit code; the other one counts,
    # if it was told that rows may be many.
    lost = tmp_path / "python"
    lost.write_text(
        '#!/bin/sh\n[ "$SPARK_REMOTE" ] && echo warm >&2\n'
        + ("" if well else f"exit {SessionUnusable.exit_code}\n")
        + "echo 'LOGISTICS_RESULT {\"rows\": 1}'\n"
    )
    counted = tmp_path / "spark-submit"
    counted.write_text(
        '#!/bin/sh\n[ "$SPARK_REMOTE" ] && exit 1\n'
        'case "$*" in *-XX:TieredStopAtLevel=4*) echo \'LOGISTICS_RESULT {"rows": 2}\';; esac\n',
        encoding="utf-8",
    )
    for file in (lost, counted):
        file.chmod(0o700)
    monkeypatch.setattr(submit, "SPARK_PYTHON", str(lost))
    monkeypatch.setattr(submit, "SPARK_SUBMIT", str(counted))
    operator = SparkJobOperator(task_id=SILVER_IOT.name, job=SILVER_IOT.name, properties_file="/p")
    told: list[str] = []
    monkeypatch.setattr(
        type(operator),
        "log",
        SimpleNamespace(
            warning=lambda text, *args: told.append(text % args), info=lambda *_: None, debug=lambda *_: None
        ),
    )
    counts = operator.execute({})
    assert counts == {"rows": 1 if well else 2}
    assert any("is submitted with a driver of its own" in line for line in told) is not well
