"""``/logistics/metrics``: everything of ``ops.measures`` in Prometheus' own text.

Read from the tables and from Airflow's database at each scrape, never from this process: however many servers there
are, and whichever of them answers, the numbers are the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from fastapi import APIRouter, Depends, Response
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from smart_logistics.ops import measure
from smart_logistics.ops.measures import MEASURES, Sample
from smart_logistics.pages import airflow_state, job_results, places
from smart_logistics.pages.auth import scraper_or_user

# Several who scrape, or one who is impatient, cost one reading.
KEEP_SECONDS = 10.0
router = APIRouter()


class Kept:
    """A text that is made anew when it is older than ``seconds``; who comes meanwhile waits for that one."""

    def __init__(self, make: Callable[[], bytes], seconds: float) -> None:
        self._make, self._seconds = make, seconds
        self._lock = threading.Lock()
        self._text, self._made_at = b"", float("-inf")

    def text(self) -> bytes:
        """Return the text."""
        with self._lock:
            if time.monotonic() - self._made_at >= self._seconds:
                self._text = self._make()
                self._made_at = time.monotonic()
            return self._text


def render(samples: Iterable[Sample]) -> bytes:
    """Return samples as the text that Prometheus reads."""
    families = {one.name: GaugeMetricFamily(one.full_name, one.meaning, labels=one.labels or None) for one in MEASURES}
    for sample in samples:
        families[sample.measure.name].add_metric(list(sample.labels.values()), sample.value)

    class Found(Collector):
        def collect(self) -> Iterable[GaugeMetricFamily]:
            return [family for family in families.values() if family.samples]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Found())
    return generate_latest(registry)


def _measured() -> bytes:
    parts = {
        **measure.parts(places.lakehouse(), places.landing()),
        "dags": airflow_state.dags,
        "components": airflow_state.components,
        "jobs": job_results.jobs,
    }
    return render(measure.collect(parts))


_kept = Kept(_measured, KEEP_SECONDS)


# Not async: FastAPI then runs it in a thread of its own, and the server answers others meanwhile.
@router.get("/metrics", dependencies=[Depends(scraper_or_user)])
def metrics() -> Response:
    """Return the text."""
    return Response(_kept.text(), media_type=CONTENT_TYPE_LATEST)
