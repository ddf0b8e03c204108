"""Airflow's own switches for metrics and lineage, each derived from one setting of ours.

Whoever needs more than a place to send to sets Airflow's variables (``AIRFLOW__METRICS__…``,
``AIRFLOW__OPENLINEAGE__…``, ``OTEL_…``): they are handed on and win.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from smart_logistics.errors import ConfigurationError
from smart_logistics.settings import Settings

NAME = "smart_logistics"


def options(settings: Settings) -> dict[str, dict[str, str]]:
    """Return sections of airflow.cfg; what is not switched on is not mentioned.

    Raises:
        ConfigurationError: two receivers of metrics are given, of which Airflow would serve one.
    """
    found: dict[str, dict[str, str]] = {}
    if settings["STATSD"] and settings["OTEL"]:
        raise ConfigurationError(
            "LOGISTICS_STATSD and LOGISTICS_OTEL are both given, and Airflow sends its metrics to one place",
            remedy="unset one of them",
        )
    if settings["STATSD"]:
        host, port = settings["STATSD"]
        # Tags in the name: without them each task's number would overwrite the others'.
        found["metrics"] = {
            "statsd_on": "True",
            "statsd_host": host,
            "statsd_port": str(port),
            "statsd_influxdb_enabled": "True",
            "legacy_names_on": "False",
        }
    elif settings["OTEL"]:
        found["metrics"] = {"otel_on": "True", "legacy_names_on": "False"}
    if settings["OPENLINEAGE"]:
        found["openlineage"] = {"transport": json.dumps(transport(settings["OPENLINEAGE"])), "namespace": NAME}
    return found


def environment(settings: Settings) -> Mapping[str, str]:
    """Return the variables by which OpenTelemetry's own client is told where to send to; those that are set win."""
    if not settings["OTEL"]:
        return {}
    host, port = settings["OTEL"]
    told = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{host}:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": NAME,
    }
    return {name: os.environ.get(name, value) for name, value in told.items()}


def transport(place: str) -> dict[str, object]:
    """Return OpenLineage's transport for ``console``, ``file:PATH`` or a URL."""
    if place == "console":
        return {"type": "console"}
    if place.startswith("file:"):
        return {"type": "file", "log_file_path": str(Path(place.removeprefix("file:")).absolute()), "append": True}
    return {"type": "http", "url": place}
