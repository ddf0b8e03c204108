from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from benchmarks import stack

from smart_logistics.orchestration.api import AirflowApi, NotFound


def test_a_pipeline_that_airflow_has_yet_to_read_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def dag(_: str) -> dict[str, Any]:
        asked.append("dag")
        if len(asked) < 3:
            raise NotFound("not read yet")
        return {}

    def runs(*_: Any, **__: Any) -> list[Any]:
        asked.append("runs")
        return []

    monkeypatch.setattr(stack, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(stack, "_BEFORE_THE_HOUR", 0)
    stack.quiet(cast("AirflowApi", SimpleNamespace(dag=dag, runs=runs)))
    assert asked == ["dag", "dag", "dag", "runs"]
    monkeypatch.setattr(stack, "_KNOWN_SECONDS", -1.0)
    asked.clear()
    with pytest.raises(NotFound):
        stack.known(cast("AirflowApi", SimpleNamespace(dag=dag)))
