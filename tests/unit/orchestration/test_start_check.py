"""What a run needs is checked before anything is read, and all that is wrong is said at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.orchestration import access, config_files, connections, provision, start_check
from smart_logistics.settings import Kind

DSN = "postgresql://u:canary@db.example.com/d"
FILE_BACKEND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Everything as `up` makes it, in the environment, which Airflow asks before its database."""
    loaded = settings.load(
        {
            "LOGISTICS_SPARK_MASTER": "local[2]",
            "LOGISTICS_SMTP_HOST": "mail",
            "LOGISTICS_LANDING": str(tmp_path),
            "LOGISTICS_HOME": str(tmp_path),
        }
    )
    for key, value, _, _ in provision.variables(loaded):
        monkeypatch.setenv(f"AIRFLOW_VAR_{key.upper()}", value)
    kept = provision.connections(config_files.DATABASE, loaded)
    return kept | provision.connections(config_files.SECRETS, loaded, DSN)


def check(monkeypatch: pytest.MonkeyPatch, given: dict[str, dict[str, Any]]) -> str:
    """Check, and return what is wrong; empty where nothing is."""
    for conn_id, fields in given.items():
        known = {name: value for name, value in fields.items() if name != "description"}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(known))
    try:
        start_check.check()
    except ConfigurationError as error:
        found = error
    else:
        return ""
    assert found.remedy
    assert "canary" not in str(found)
    return found.what


def test_what_up_makes_is_sound_with_and_without_a_mail_server(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    without = {name: value for name, value in given.items() if name != "logistics_smtp"}
    assert check(monkeypatch, without) == ""
    assert check(monkeypatch, given) == ""


@pytest.mark.parametrize(
    ("conn_id", "change", "said"),
    [
        ("logistics_spark", {"host": ""}, "the Airflow connection logistics_spark has no host"),
        ("logistics_spark", {"conn_type": "livy"}, "logistics_spark is of type livy, not spark"),
        ("logistics_spark", {"extra": {"deploy_mode": "cluster"}}, "the extra of logistics_spark has no deploy_mode"),
        ("logistics_spark", {"extra": {"deploy-mode": "Cluster"}}, "is neither client nor cluster"),
        ("logistics_postgres", {"schema": ""}, "the Airflow connection logistics_postgres has no schema"),
        ("logistics_landing", {"extra": {}}, "logistics_landing names no path"),
        ("logistics_smtp", {"extra": {"from_email": "a@b"}}, "needs to_email and from_email"),
        (
            "logistics_smtp",
            {"extra": {"from_email": "a@b", "to_email": "a@b", "disable_tls": "false"}},
            "true or false without quotes: disable_tls",
        ),
    ],
)
def test_a_connection_that_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], conn_id: str, change: dict[str, Any], said: str
) -> None:
    given[conn_id] |= change
    assert said in check(monkeypatch, given)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HOLD_MINUTES", "0", "logistics_hold_minutes is not usable: must be greater than 0"),
        ("SPARK_CONF", '{"gold": {}}', "logistics_spark_conf names no job: gold"),
        ("JOB_TIMEOUT_MINUTES", '{"silver": 3}', "logistics_job_timeout_minutes names no job: silver"),
        ("SPARK_CONF", '{"*": {"spark.x.password": "canary"}}', "SPARK_CONF holds spark.x.password"),
        ("SPARK_CONF", "{", "logistics_spark_conf is not usable"),
        ("SPARK_CONF", '{"*": {"driver.memory": "2g"}}', "names that are not Spark's: driver.memory"),
        ("JOB_TIMEOUT_MINUTES", '{"*": 0}', "must be greater than 0 for each job"),
        ("JOB_TIMEOUT_MINUTES", '{"*": 20, "gold_aggregate": 41}', "allows gold_aggregate more than the 40 min"),
    ],
)
def test_a_variable_that_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"AIRFLOW_VAR_LOGISTICS_{name}", value)
    assert said in check(monkeypatch, given)


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    given["logistics_spark"]["host"] = ""
    del given["logistics_postgres"]
    monkeypatch.delenv("AIRFLOW_VAR_LOGISTICS_HOLD_MINUTES")
    monkeypatch.setenv("AIRFLOW_VAR_LOGISTICS_SETTLE_SECONDS", "soon")
    said = check(monkeypatch, given)
    assert all(one in said for one in ("logistics_spark", "logistics_postgres", "settle_seconds"))


def test_a_variable_that_was_edited_to_nonsense_is_named_with_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_LOGISTICS_HOLD_MINUTES", "an hour")
    with pytest.raises(ConfigurationError, match="the Airflow Variable logistics_hold_minutes is not usable: ") as one:
        connections.setting("HOLD_MINUTES")
    assert settings.BY_NAME["HOLD_MINUTES"].meaning in one.value.remedy
    assert not one.value.transient


def test_every_variable_that_is_nonsense_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    wrong = [one.airflow_variable for one in settings.SETTINGS if one.kind is Kind.JOB]
    for key in wrong:
        monkeypatch.setenv(f"AIRFLOW_VAR_{key.upper()}", "nonsense")
    given[connections.LANDING]["extra"] = {}
    said = check(monkeypatch, given)
    assert len(wrong) > 5
    for name in (*wrong, connections.LANDING):
        assert name in said


@pytest.mark.parametrize(
    ("backend", "content", "said"),
    [
        (FILE_BACKEND, None, "does not work: FileNotFoundError"),
        (FILE_BACKEND, "{", "does not work: AirflowFileParseException"),
        (FILE_BACKEND, '{"another": "smtp://h"}', "has no connection logistics_postgres"),
        (FILE_BACKEND, '{"logistics_postgres": {"canary": 1}}', "does not work: AirflowException"),
        ("no.such.Backend", None, "does not work: AirflowConfigException"),
    ],
)
def test_a_secrets_backend_that_fails_is_told_though_airflow_passes_over_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, backend: str, content: str | None, said: str
) -> None:
    file = tmp_path / "secrets.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", backend)
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"connections_file_path": str(file)}))
    with pytest.raises(ConfigurationError, match=said) as refused:
        start_check.check_backend()
    assert "LOGISTICS_SECRETS_BACKEND" in refused.value.remedy


def test_arguments_that_a_backend_does_not_take_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", FILE_BACKEND)
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND_KWARGS", '{"url": "https://canary"}')
    with pytest.raises(ConfigurationError, match="does not work: TypeError") as refused:
        start_check.check_backend()
    assert "canary" not in str(refused.value)


def test_a_callback_to_which_airflow_shows_no_variable_asks_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of deadlines: Airflow refuses them by the kind of their token, which no test has outside of it."""

    def denied(_: str) -> str:
        raise AirflowSecretsBackendAccessDenied("Token type not allowed for endpoint")

    @contextmanager
    def api() -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(variable={connections.LAKEHOUSE: "/the/tables"}.__getitem__)

    monkeypatch.setattr(Variable, "get", denied)
    monkeypatch.setattr(access, "api", api)
    assert connections.lakehouse() == "/the/tables"


def test_within_a_task_s_start_each_connection_and_variable_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """Each is a request to Airflow's API; afterwards an edit is seen."""
    asked: list[str] = []
    real: dict[str, Any] = {"connection": Connection.get, "variable": Variable.get}

    def noted(kind: str, name: str) -> Any:
        asked.append(name)
        return real[kind](name)

    monkeypatch.setattr(Connection, "get", lambda name: noted("connection", name))
    monkeypatch.setattr(Variable, "get", lambda name: noted("variable", name))
    assert check(monkeypatch, given) == ""
    assert len(asked) > 10
    assert sorted(asked) == sorted(set(asked))
    with connections.asked_once():
        assert connections.optional("of_nobody") is None
        assert connections.optional("of_nobody") is None
    assert asked.count("of_nobody") == 1
    monkeypatch.setenv("AIRFLOW_VAR_LOGISTICS_SETTLE_SECONDS", "61")
    assert connections.setting("SETTLE_SECONDS") == 61
