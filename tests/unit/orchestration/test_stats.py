"""Metrics really leave the process: to a StatsD server, to an OpenTelemetry collector, or nowhere without harm.

Each case sends from a process of its own, as Airflow's callbacks do, to a real listener.
"""

from __future__ import annotations

import gzip
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

SEND = """
import sys
from pathlib import Path
from smart_logistics.errors import SourceUnavailable
from smart_logistics.orchestration import stats
stats.job_ended("silver_iot", 1.5, {"read": 9, "rows": 7, "rejected": 2, "verdict": "x"}, None)
stats.job_ended("bronze_ingest_sql", 0.5, None, SourceUnavailable("away"))
stats.count("run.ended", dag_id="d", state="failed")
stats.count("deadline.missed", dag_id="d", deadline="run takes too long")
stats.gauges(sys.argv[1], Path(sys.argv[1]))
print("went on")
"""


def send(folder: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OTEL", "LOGISTICS"))}
    done = subprocess.run(
        [sys.executable, "-c", SEND, str(folder)],
        env={**kept, "AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__METRICS__LEGACY_NAMES_ON": "False"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def statsd() -> Iterator[socket.socket]:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        yield listener


def received(listener: socket.socket) -> list[str]:
    listener.setblocking(False)
    found = []
    while True:
        try:
            found.append(listener.recv(65535).decode())
        except BlockingIOError:
            return found


def test_a_statsd_server_hears_every_number_with_its_tags(statsd: socket.socket, tmp_path: Path) -> None:
    send(
        tmp_path,
        AIRFLOW__METRICS__STATSD_ON="True",
        AIRFLOW__METRICS__STATSD_PORT=str(statsd.getsockname()[1]),
        AIRFLOW__METRICS__STATSD_HOST="127.0.0.1",
        AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED="True",
    )
    heard = received(statsd)
    tags = "layer=silver,task_id=silver_iot"
    assert f"airflow.smart_logistics.job.rows_in,{tags}:9|c" in heard
    assert f"airflow.smart_logistics.job.rows,{tags}:7|c" in heard
    assert f"airflow.smart_logistics.job.rejected,{tags}:2|c" in heard
    assert f"airflow.smart_logistics.job.duration,{tags},outcome=success:1500.000000|ms" in heard
    assert (
        "airflow.smart_logistics.job.failed,layer=bronze,task_id=bronze_ingest_sql,error=SourceUnavailable:1|c" in heard
    )
    assert "airflow.smart_logistics.run.ended,dag_id=d,state=failed:1|c" in heard
    assert "airflow.smart_logistics.deadline.missed,dag_id=d,deadline=run_takes_too_long:1|c" in heard
    assert "airflow.smart_logistics.landing_files:0.0|g" in heard


class Collector(BaseHTTPRequestHandler):
    bodies: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_collector_is_told_before_the_process_ends(tmp_path: Path) -> None:
    Collector.bodies = []
    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        send(
            tmp_path,
            AIRFLOW__METRICS__OTEL_ON="True",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
            OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        )
    finally:
        server.shutdown()
        server.server_close()
    names = {
        metric.name
        for body in Collector.bodies
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    wanted = {"job.rows_in", "job.rows", "job.rejected", "job.duration", "job.failed", "run.ended", "landing_files"}
    assert {f"airflow.smart_logistics.{name}" for name in wanted} <= names


def test_where_nobody_listens_nothing_is_sent_and_nothing_fails(tmp_path: Path) -> None:
    assert "went on" in send(tmp_path)
    assert "went on" in send(
        tmp_path, AIRFLOW__METRICS__STATSD_ON="True", AIRFLOW__METRICS__STATSD_HOST="no.such.host.invalid"
    )
