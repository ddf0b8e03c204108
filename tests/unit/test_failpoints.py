"""Failpoints: nothing without the variable, a clear error for a wrong one, and every declared point is in the code."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smart_logistics import failpoints
from smart_logistics.errors import ConfigurationError, LakeUnavailable
from smart_logistics.failpoints import ACTIONS, LOG_VARIABLE, POINTS, VARIABLE, arm, reached
from smart_logistics.jobs import catalog

PACKAGE = Path(failpoints.__file__).parent
GUIDE = PACKAGE.parents[1] / "docs" / "testing.md"


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    arm({})


def test_without_the_variable_nothing_happens(capsys: pytest.CaptureFixture[str]) -> None:
    arm({})
    for point in POINTS:
        reached(point)
    assert capsys.readouterr().err == ""


def test_the_code_comes_to_every_declared_point_and_to_no_other() -> None:
    used = [
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in PACKAGE.rglob("*.py")
        for name in re.findall(r'\breached\("([^"]+)"', path.read_text("utf-8"))
    ]
    assert sorted(name for _, name in used) == sorted(POINTS)
    assert {name.partition(".")[0] for _, name in used} == {*catalog.JOBS, "table"}


@pytest.mark.parametrize(
    "text",
    [
        "table.locked",
        "table.unknown=fail",
        "table.locked=explode",
        "table.locked:0=fail",
        "table.locked=fail,",
        "=fail",
    ],
)
def test_what_is_no_failpoint_is_refused_and_says_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match=VARIABLE):
        arm({VARIABLE: text})


def test_it_fails_once_at_the_visit_that_is_asked_for() -> None:
    arm({VARIABLE: "table.locked@silver.orders:2=fail"})
    for where in ("silver.orders", "silver.drivers"):
        reached("table.locked", where)
    reached("table.committed", "silver.orders")
    with pytest.raises(LakeUnavailable, match=r"table\.locked"):
        reached("table.locked", "silver.orders")
    reached("table.locked", "silver.orders")


def test_it_waits() -> None:
    arm({VARIABLE: "silver_iot.*=wait-0.2"})
    began = time.monotonic()
    reached("silver_iot.judged")
    assert time.monotonic() - began >= 0.2


def test_what_was_met_is_told_where_it_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOG_VARIABLE, str(tmp_path / "log"))
    arm({VARIABLE: "*=tell"})
    for _ in range(2):
        reached("table.locked", "gold.shipment_analytics")
    assert (tmp_path / "log").read_text() == 2 * "failpoint table.locked@gold.shipment_analytics: tell\n"


def test_a_process_without_a_jvm_beside_it_does_not_kill_its_own_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    for kind in ("kill-jvm", "kill-group"):
        arm({VARIABLE: f"silver_iot.judged={kind}"})
        with pytest.raises(ConfigurationError, match="no JVM"):
            reached("silver_iot.judged")


def test_the_guide_names_every_point_and_action() -> None:
    told = GUIDE.read_text("utf-8")
    assert [name for name in (*POINTS, *ACTIONS, VARIABLE) if f"`{name}`" not in told] == []
