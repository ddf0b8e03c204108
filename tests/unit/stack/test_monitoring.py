"""One setting each switches metrics and lineage on; without it Airflow's configuration says nothing of them."""

from __future__ import annotations

import json
import stat
from configparser import ConfigParser
from pathlib import Path

import pytest

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.settings import Settings
from smart_logistics.stack import airflow, monitoring, ports
from smart_logistics.stack.home import Home
from smart_logistics.stack.java import Java

JAVA = Java(Path("/java home"), 17, "a test")


def given_by(root: Path, **values: str) -> Settings:
    return settings.load(
        {"LOGISTICS_HOME": str(root), **{f"LOGISTICS_{name}": value for name, value in values.items()}}
    )


def configuration(given: Settings, home: Home) -> ConfigParser:
    airflow.write_configuration(given, home, ports.choose(given, home))
    found = ConfigParser()
    found.read(home.airflow_cfg)
    return found


def test_nothing_is_sent_anywhere_by_default(root: Path, home: Home) -> None:
    found = configuration(given_by(root), home)
    assert not found.has_section("metrics")
    assert not found.has_section("openlineage")
    assert monitoring.environment(given_by(root)) == {}


def test_metrics_go_to_statsd_with_their_tags(root: Path, home: Home) -> None:
    section = configuration(given_by(root, STATSD="stats.example:9125"), home)["metrics"]
    assert (section["statsd_host"], section["statsd_port"]) == ("stats.example", "9125")
    assert (section["statsd_on"], section["statsd_influxdb_enabled"]) == ("True", "True")


def test_metrics_go_to_a_collector_by_its_own_variables(root: Path, home: Home) -> None:
    given = given_by(root, OTEL="collector:4318")
    assert configuration(given, home)["metrics"]["otel_on"] == "True"
    assert airflow.environment(given, home, JAVA)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"


def test_two_receivers_are_refused_where_airflow_would_serve_one(root: Path) -> None:
    with pytest.raises(ConfigurationError, match="one place"):
        monitoring.options(given_by(root, STATSD="a:1", OTEL="b:2"))


@pytest.mark.parametrize(
    ("place", "transport"),
    [
        ("console", {"type": "console"}),
        ("file:/var/events.ndjson", {"type": "file", "log_file_path": "/var/events.ndjson", "append": True}),
        ("https://marquez:5000/x", {"type": "http", "url": "https://marquez:5000/x"}),
    ],
)
def test_lineage_goes_where_the_setting_says(root: Path, home: Home, place: str, transport: dict[str, object]) -> None:
    section = configuration(given_by(root, OPENLINEAGE=place), home)["openlineage"]
    assert json.loads(section["transport"]) == transport


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STATSD", "host"),
        ("STATSD", ":8125"),
        ("OTEL", "host:0"),
        ("OPENLINEAGE", "file:"),
        ("OPENLINEAGE", "marquez:5000"),
        ("OPENLINEAGE", "http://user:canary-secret@marquez"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_showing_it(root: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        given_by(root, **{name: value})
    assert "canary" not in str(caught.value)


def test_the_token_for_scraping_is_made_once_and_private(root: Path, home: Home) -> None:
    named = Path(configuration(given_by(root), home)["smart_logistics"]["metrics_token_file"])
    token = named.read_text()
    assert len(token.strip()) >= 64
    assert stat.S_IMODE(named.stat().st_mode) == 0o600
    configuration(given_by(root), home)
    assert named.read_text() == token


def test_a_collector_that_its_own_variable_names_wins(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318")
    found = monitoring.environment(given_by(root, OTEL="other:1"))
    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://collector:4318"
    assert found["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
