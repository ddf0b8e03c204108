"""The files of connections and Variables: sound as they are, and refused with all that is wrong in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from smart_logistics.errors import ConfigurationError
from smart_logistics.orchestration import config_files
from smart_logistics.settings import SETTINGS, Kind

Change = Callable[[dict[str, Any]], object]


def folder(tmp_path: Path, name: str, change: Change) -> Path:
    """Return a folder with the file ``name`` of the repository, changed."""
    found = yaml.safe_load((config_files.FOLDER / name).read_text())
    change(found)
    (tmp_path / name).write_text(yaml.safe_dump(found))
    return tmp_path


def test_the_files_of_the_repository_are_sound_and_name_every_setting_of_a_job() -> None:
    assert {one.conn_id for one in config_files.read_connections()} == set(config_files.TYPES)
    named = {one.setting for one in config_files.read_variables()}
    assert named == {"LAKEHOUSE"} | {one.name for one in SETTINGS if one.kind is Kind.JOB}


def test_no_file_repeats_a_default_or_holds_a_secret() -> None:
    for name in (config_files.CONNECTIONS, config_files.VARIABLES):
        text = (config_files.FOLDER / name).read_text()
        literals = [line.split(": ", 1)[1] for line in text.splitlines() if ": " in line and not line.startswith("#")]
        written_out = {one for one in literals if not one.startswith("${")}
        assert written_out.isdisjoint({one.default for one in SETTINGS if one.default})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.update(logistics_postgers={}), "logistics_postgers: there is no such connection (perhaps log"),
        (lambda f: f.pop("logistics_landing"), "logistics_landing is missing"),
        (lambda f: f["logistics_spark"].update(hots="x"), "there is no field hots (perhaps host?)"),
        (
            lambda f: f["logistics_spark"].update(host="${SPARK_MASTR}"),
            "no setting SPARK_MASTR (perhaps SPARK_MASTER?)",
        ),
        (lambda f: f["logistics_spark"].update(host="x${SPARK_MASTER}"), "host: a placeholder stands alone"),
        (lambda f: f["logistics_spark"].update(conn_type="livy"), "conn_type must be spark"),
        (lambda f: f["logistics_spark"].update(extra={"deploy_mode": "cluster"}), "deploy_mode (perhaps deploy-mode?)"),
        (lambda f: f["logistics_smtp"].update(password="canary"), "password is written out"),
        (lambda f: f["logistics_postgres"].update(dsn="postgresql://u:canary@h/d"), "dsn is written out"),
        (lambda f: f["logistics_smtp"].update(keep="database"), "password is a secret: keep must be secrets"),
        (lambda f: f["logistics_smtp"].update(keep="vault"), "keep must be database or secrets"),
        (lambda f: f["logistics_smtp"].update(only_with="MAIL"), "only_with names no setting: MAIL"),
        (lambda f: f["logistics_landing"].update(extra="path"), "extra is not a mapping"),
        (lambda f: f.update(logistics_landing=None), "is not a mapping of fields"),
    ],
)
def test_a_connection_that_is_wrong_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    place = folder(tmp_path, config_files.CONNECTIONS, change)
    with pytest.raises(ConfigurationError) as refused:
        config_files.read_connections(place)
    assert said in refused.value.what
    assert str(place / "connections.yaml") in refused.value.remedy
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda f: f.update(logistics_hold={}),
            "logistics_hold: there is no such Variable (perhaps logistics_hold_min",
        ),
        (lambda f: f.pop("logistics_full_read"), "logistics_full_read is missing"),
        (lambda f: f["logistics_hold_minutes"].update(value=60), "its value must be ${HOLD_MINUTES}"),
        (lambda f: f["logistics_hold_minutes"].update(value="${RETRIES}"), "its value must be ${HOLD_MINUTES}"),
        (lambda f: f["logistics_hold_minutes"].update(overwrite="never"), "overwrite must be given or always"),
        (lambda f: f["logistics_hold_minutes"].update(default=60), "needs value and overwrite, and nothing else"),
    ],
)
def test_a_variable_that_is_wrong_is_refused(tmp_path: Path, change: Change, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        config_files.read_variables(folder(tmp_path, config_files.VARIABLES, change))
    assert said in refused.value.what


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        found.pop("logistics_landing")
        found["logistics_spark"]["hots"] = found["logistics_smtp"]["keep"] = "x"

    with pytest.raises(ConfigurationError) as refused:
        config_files.read_connections(folder(tmp_path, config_files.CONNECTIONS, change))
    assert all(name in refused.value.what for name in ("logistics_landing", "hots", "keep must be"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1", "is not YAML, line"),
        ("a: 1\nb: 2\na: 3\n", "line 3: a comes twice"),
        ("- a\n", "is not a mapping"),
        ("", "is not a mapping"),
        ("a: !!python/object/apply:os.system [id]\n", "is not YAML"),
        ("? [1]\n: 2\n", "is not YAML"),
    ],
)
def test_what_is_not_a_yaml_mapping_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / config_files.CONNECTIONS).write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        config_files.read_connections(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"variables\.yaml cannot be read"):
        config_files.read_variables(tmp_path)
