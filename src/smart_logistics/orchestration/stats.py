"""The pipeline's own metrics, sent through Airflow's: to StatsD or OpenTelemetry, as its ``[metrics]`` section says.

Nothing here may fail who calls: a metric that cannot be sent is a line of the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.sdk._shared.observability.metrics import stats as client
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from smart_logistics.ops import measure, measure_jobs
from smart_logistics.ops.measures import PREFIX, Sample

_log = logging.getLogger(__name__)
# Airflow drops a metric with any other sign in one of its tags.
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_./-]")
_EVENTS = {measure_jobs.IN: "rows_in", measure_jobs.OUT: "rows", measure_jobs.REJECTED: "rejected"}


def is_on() -> bool:
    """Return whether anybody listens."""
    return any(conf.getboolean("metrics", name, fallback=False) for name in ("statsd_on", "otel_on"))


def count(name: str, number: int = 1, /, **tags: str) -> None:
    """Add to a counter of ``ops.measures.EVENTS``."""
    _send("incr", name, number, tags)


def timing(name: str, seconds: float, /, **tags: str) -> None:
    """Send a time of ``ops.measures.EVENTS``."""
    _send("timing", name, seconds * 1000, tags)


def job_ended(task_id: str, seconds: float, counts: Mapping[str, Any] | None, error: BaseException | None) -> None:
    """Send what is known after a job: its rows, or the class of its error, and how long it took."""
    job = {"layer": measure_jobs.layer(task_id), "task_id": task_id}
    timing("job.duration", seconds, **job, outcome="failed" if error else "success")
    if error is not None:
        count("job.failed", 1, **job, error=type(error).__name__)
    for direction, number in measure_jobs.counted(task_id, counts).items():
        count(f"job.{_EVENTS[direction]}", number, **job)


def gauges(lakehouse: str, landing: Path) -> None:
    """Measure the tables and send every gauge; does nothing where nobody listens."""
    if is_on():
        send_gauges(measure.collect(measure.parts(lakehouse, landing)))


def send_gauges(samples: Iterable[Sample]) -> None:
    """Send samples as gauges under the names that Prometheus knows them by."""
    for sample in samples:
        if sample.value == sample.value:  # NaN is no value in StatsD
            _send("gauge", sample.measure.name, sample.value, dict(sample.labels))


def _send(kind: str, name: str, value: float, tags: dict[str, str]) -> None:
    try:
        _initialise()
        told = {tag: _FORBIDDEN.sub("_", text) for tag, text in tags.items()}
        getattr(stats, kind)(f"{PREFIX}.{name}", value, tags=told)
    except Exception:  # noqa: BLE001 - see above
        _log.exception("the metric %s could not be sent", name)


def _initialise() -> None:
    """Tell Airflow's client where to send to, in a process where nobody has: a callback's.

    Its own mark is looked at, for which there is no public name: to tell it twice would lose what it has not sent yet.
    """
    if client._factory is None:
        stats.initialize(
            factory=stats_utils.get_stats_factory(), export_legacy_names=conf.getboolean("metrics", "legacy_names_on")
        )
