"""Connections and Variables as they follow from the settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.secrets.local_filesystem import LocalFilesystemBackend

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.orchestration import provision
from smart_logistics.orchestration.config_files import DATABASE, SECRETS
from smart_logistics.orchestration.connections import dsn

DSN = "postgresql://re%40der:p%2Fa%3Ass@db.example.com:5433/logi%20stics?sslmode=require"


def test_a_dsn_survives_the_way_through_a_connection() -> None:
    fields = provision.postgres(DSN)
    assert (fields["login"], fields["password"]) == ("re@der", "p/a:ss")
    connection = Connection(conn_id="c", conn_type="postgres", **{**fields, "extra": json.dumps(fields["extra"])})
    assert dsn(connection) == DSN


@pytest.mark.parametrize("text", ["canary", "mysql://canary@h/d", "postgresql://h", "postgresql://u:canary@h:x/d"])
def test_a_dsn_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        provision.postgres(text)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("port", "ssl", "starttls"), [("465", True, False), ("587", False, True), ("25", False, False)]
)
def test_the_port_of_the_mail_server_says_which_tls_it_speaks(port: str, ssl: bool, starttls: bool) -> None:
    loaded = settings.load({"LOGISTICS_SMTP_HOST": "mail", "LOGISTICS_SMTP_PORT": port})
    extra = provision.connections(SECRETS, loaded, DSN)["logistics_smtp"]["extra"]
    assert extra["disable_ssl"] is not ssl
    assert extra["disable_tls"] is not starttls


def test_without_a_mail_server_there_is_no_connection_to_one() -> None:
    loaded = settings.load({"LOGISTICS_SPARK_MASTER": "local[2]"})
    assert provision.connections(SECRETS, loaded, DSN).keys() == {"logistics_postgres"}
    assert provision.connections(DATABASE, loaded).keys() == {"logistics_spark", "logistics_landing"}


def test_a_secret_is_only_in_what_goes_to_the_secrets_backend() -> None:
    given = {"SPARK_MASTER": "yarn", "SMTP_HOST": "mail", "SMTP_PASSWORD": "canary-2", "SMTP_USER": "u"}
    loaded = settings.load({f"LOGISTICS_{name}": value for name, value in given.items()})
    secrets = provision.connections(SECRETS, loaded, DSN)
    assert secrets["logistics_postgres"]["password"] == "p/a:ss"
    assert (secrets["logistics_smtp"]["login"], secrets["logistics_smtp"]["password"]) == ("u", "canary-2")
    told = json.dumps(provision.connections(DATABASE, loaded)) + json.dumps(provision.variables(loaded))
    assert "canary-2" not in told
    assert "p/a:ss" not in told


def test_airflows_own_file_backend_reads_what_is_written_for_it(tmp_path: Path) -> None:
    loaded = settings.load({"LOGISTICS_SMTP_HOST": "mail", "LOGISTICS_SPARK_MASTER": "yarn"})
    file = tmp_path / "connections.json"
    file.write_text(json.dumps(provision.connections(SECRETS, loaded, DSN)))
    backend = LocalFilesystemBackend(connections_file_path=str(file))
    found: Any = backend.get_connection("logistics_postgres")
    assert dsn(found) == DSN
    mail: Any = backend.get_connection("logistics_smtp")
    assert (mail.host, mail.port, mail.login, mail.password) == ("mail", 25, None, None)
    assert mail.extra_dejson["disable_ssl"] is True
    assert backend.get_connection("logistics_spark") is None


def test_the_master_is_the_given_one_or_the_homes_own(tmp_path: Path) -> None:
    assert provision.spark_master(settings.load({"LOGISTICS_SPARK_MASTER": "local[2]"})) == "local[2]"
    own = settings.load({"LOGISTICS_HOME": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="no Spark master"):
        provision.spark_master(own)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "ports.json").write_text('{"SPARK_PORT": 7077}')
    assert provision.spark_master(own) == "spark://127.0.0.1:7077"


def test_only_what_the_environment_gives_overrides_what_was_edited() -> None:
    rows = provision.variables(settings.load({"LOGISTICS_HOLD_MINUTES": "90", "LOGISTICS_LAKEHOUSE": "/lake"}))
    overriding = {key: value for key, value, _, override in rows if override}
    assert overriding == {"logistics_hold_minutes": "90", "logistics_lakehouse": "/lake"}
    assert {"logistics_settle_seconds", "logistics_max_clock_skew_minutes"} <= {key for key, *_ in rows}
    assert all(description for _, _, description, _ in rows)
