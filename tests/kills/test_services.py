"""Any service of the running stack is killed in the middle of a run: the run ends well, or the next one does."""

from __future__ import annotations

import json
import signal
import time

import psutil
import pytest

from tests.e2e.mailbox import Mailbox
from tests.e2e.stack import Stack
from tests.kills.drivers import GONE_SECONDS, living, orphans, wait_until
from tests.kills.runs import converging, ended, news, start

KILL, RESTART = signal.SIGKILL, signal.SIGINT
VICTIMS = {
    "scheduler": ("airflow-scheduler", KILL),
    "triggerer": ("airflow-triggerer", KILL),
    "dag-processor": ("airflow-dags", KILL),
    "api-server": ("airflow-api", KILL),
    "postgres": ("postgres", KILL),
    # It closes all connections and ends; the supervisor starts it again.
    "postgres-restarts": ("postgres", RESTART),
    "spark-worker": ("spark-worker", KILL),
    "spark-master": ("spark-master", KILL),
    # Last, so that the others keep their minutes; a stack without one has nothing to kill.
    "spark-session": ("spark-session", KILL),
}


def pid_of(stack: Stack, service: str) -> int:
    found = {one["name"]: one["pid"] for one in json.loads(stack.must("status", "--json"))["services"]}
    assert found[service]
    return int(found[service])


@pytest.mark.parametrize(("minute", "victim"), list(enumerate(VICTIMS)))
def test_a_service_is_killed_in_mid_run(
    stack: Stack, mailbox: Mailbox, capsys: pytest.CaptureFixture[str], minute: int, victim: str
) -> None:
    service, how = VICTIMS[victim]
    if victim == "spark-session" and stack.settings["SPARK_SESSION"] != "warm":
        pytest.skip("the stack has no warm session")
    stack.must("up")
    pid = pid_of(stack, service)
    news(stack, minute)
    with converging(stack, mailbox, capsys):
        command = start(stack)
        wait_until(lambda: living(stack, "silver_transactional"), 300, "a driver of silver_transactional")
        psutil.Process(pid).send_signal(how)
        # Whatever task it takes with it: that task's driver goes, too.
        time.sleep(GONE_SECONDS)
        wait_until(lambda: not orphans(stack), GONE_SECONDS, "the end of drivers without a task")
        ended(stack, command)
    # It was really gone, and another one runs.
    assert pid_of(stack, service) != pid
    assert not psutil.pid_exists(pid)
