"""What a run needs is looked at before it reads anything: all that is wrong is named at once."""

from __future__ import annotations

import json
import os

import pytest

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.orchestration import config_files, connections, provision
from smart_logistics.settings import Kind

SOURCE = "postgresql://reader:word@db.example.com/logistics"


@pytest.fixture(autouse=True)
def provisioned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every connection and Variable as `up` writes them, by Airflow's own way through the environment."""
    for name in list(os.environ):
        if name.startswith(("LOGISTICS_", "AIRFLOW_CONN_", "AIRFLOW_VAR_")):
            monkeypatch.delenv(name)
    loaded = settings.load({"LOGISTICS_SPARK_MASTER": "local[1]"})
    made = provision.connections(config_files.DATABASE, loaded)
    for name, fields in (made | provision.connections(config_files.SECRETS, loaded, SOURCE)).items():
        given = {key: value for key, value in fields.items() if value is not None}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(given))
    for key, value, *_ in provision.variables(loaded):
        monkeypatch.setenv(f"AIRFLOW_VAR_{key.upper()}", value)


def test_a_variable_that_was_edited_to_nonsense_is_named_with_what_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_LOGISTICS_HOLD_MINUTES", "an hour")
    with pytest.raises(ConfigurationError, match="the Airflow Variable logistics_hold_minutes is not usable: ") as one:
        connections.setting("HOLD_MINUTES")
    assert settings.BY_NAME["HOLD_MINUTES"].meaning in one.value.remedy
    assert not one.value.transient


def test_all_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [one.airflow_variable for one in settings.SETTINGS if one.kind is Kind.JOB]
    for key in wrong:
        monkeypatch.setenv(f"AIRFLOW_VAR_{key.upper()}", "nonsense")
    monkeypatch.setenv("AIRFLOW_CONN_LOGISTICS_LANDING", '{"conn_type": "fs"}')
    with pytest.raises(ConfigurationError) as caught:
        connections.check()
    assert len(wrong) > 5
    for name in (*wrong, connections.LANDING):
        assert name in caught.value.what
