"""The connection alone decides where a job goes, and what cannot be is refused before anything is submitted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers.apache.spark.hooks import spark_submit

from smart_logistics.errors import ConfigurationError, EnvironmentFault
from smart_logistics.jobs import catalog, submit
from smart_logistics.orchestration.driver_hook import DriverHook

CLUSTER = {"deploy-mode": "cluster"}
NEAR = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
FAR = {"spark.authenticate": "false"}
SECRET = {f"{submit.CLUSTER_HELD}{submit.SOURCE_DSN}": "logistics-source:dsn"}


def hook(
    monkeypatch: pytest.MonkeyPatch, host: str, extra: dict[str, Any], job: catalog.Job = catalog.SILVER_IOT, **kw: Any
) -> DriverHook:
    # As where the package is installed: only its presence is looked at before something is watched.
    monkeypatch.setattr(spark_submit, "kube_client", object(), raising=False)
    given = {"conn_type": "spark", "host": host, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LOGISTICS_SPARK", json.dumps(given))
    return DriverHook(
        job, conn_id="logistics_spark", name="n", spark_binary=submit.SPARK_SUBMIT, properties_file="/p", **kw
    )


@pytest.mark.parametrize(
    "master", ["spark://h:7077", "spark://a:7077,b:7077", "local[2]", "yarn", "k8s://https://k:6443"]
)
@pytest.mark.parametrize("extra", [{}, CLUSTER], ids=["client", "cluster"])
def test_the_command_names_the_master_and_the_mode_of_the_connection(
    monkeypatch: pytest.MonkeyPatch, master: str, extra: dict[str, str]
) -> None:
    made = hook(monkeypatch, master, extra)
    if extra and not master.startswith(("yarn", "k8s")):
        with pytest.raises(ConfigurationError, match="has no cluster mode for Python"):
            made.require_possible()
        return
    made.require_possible()
    words = made._build_spark_submit_command(catalog.SILVER_IOT.script)
    assert words[:5] == submit.tethered(submit.SPARK_SUBMIT)
    assert words[words.index("--master") + 1] == master
    assert ("--deploy-mode" in words) == bool(extra)
    assert words[words.index("--properties-file") + 1] == "/p"


@pytest.mark.parametrize(
    ("master", "extra", "options", "conf"),
    [
        ("local[2]", {}, [], NEAR),
        ("spark://127.0.0.1:7077", {}, [], NEAR),
        ("spark://a:7077,b:7077", {}, [], FAR),
        ("yarn", {"queue": "hourly"}, ["--queue", "hourly"], FAR),
        ("yarn", {"queue": "hourly", **CLUSTER}, ["--queue", "hourly", "--deploy-mode", "cluster"], FAR),
        ("k8s://https://k:6443", {}, [], FAR),
        ("k8s://https://k:6443", CLUSTER, ["--deploy-mode", "cluster"], FAR),
    ],
)
def test_the_whole_command_for_each_master(
    monkeypatch: pytest.MonkeyPatch, master: str, extra: dict[str, str], options: list[str], conf: dict[str, str]
) -> None:
    site = {"spark.executor.memory": "3g"}
    made = hook(monkeypatch, master, extra, conf=site, application_args=["--run-id", "r 1"])
    words = made._build_spark_submit_command(catalog.SILVER_IOT.script)
    expected = [
        *submit.tethered(submit.SPARK_SUBMIT),
        *("--master", master),
        *(word for name, value in {**conf, **site}.items() for word in ("--conf", f"{name}={value}")),
        *("--properties-file", "/p", "--name", "n", *options),
        *(catalog.SILVER_IOT.script, "--run-id", "r 1"),
    ]
    assert words == expected


def test_a_site_has_the_last_word_on_what_follows_from_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(monkeypatch, "spark://far:7077", {}, conf={"spark.authenticate": "true"})
    assert "spark.authenticate=true" in made._build_spark_submit_command("job.py")


@pytest.mark.parametrize(
    ("master", "near"),
    [
        ("local", True),
        ("local[4]", True),
        ("local-cluster[2,1,1024]", True),
        ("spark://127.0.0.1:7077", True),
        ("spark://localhost:7077,127.0.0.1:7078", True),
        ("spark://127.0.0.1:7077,far:7077", False),
        ("spark://127.0.0.1.example.com:7077", False),
        ("yarn", False),
        ("k8s://https://127.0.0.1:6443", False),
    ],
)
def test_only_a_master_elsewhere_may_call_the_driver_back(master: str, near: bool) -> None:
    assert submit.is_near(master) is near
    base = {"SPARK_LOCAL_IP": "127.0.0.1", "PATH": "/bin"}
    given = submit.environment(catalog.SILVER_IOT, source_dsn=None, base=base, master=master)
    assert ("SPARK_LOCAL_IP" in given) is near


@pytest.mark.parametrize("master", ["yarn", "k8s://https://k:6443"])
def test_a_driver_in_the_cluster_that_cannot_know_the_source_is_refused(
    monkeypatch: pytest.MonkeyPatch, master: str
) -> None:
    with pytest.raises(ConfigurationError, match="without knowing the source's DSN"):
        hook(monkeypatch, master, CLUSTER, catalog.BRONZE_INGEST_SQL).require_possible()
    hook(monkeypatch, master, {}, catalog.BRONZE_INGEST_SQL).require_possible()


def test_a_secret_of_kubernetes_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    conf = submit.spark_conf(json.dumps({"*": SECRET}), catalog.BRONZE_INGEST_SQL)
    assert conf == SECRET
    made = hook(monkeypatch, "k8s://https://k:6443", CLUSTER, catalog.BRONZE_INGEST_SQL, conf=conf)
    made.require_possible()


@pytest.mark.skipif(hasattr(spark_submit, "kube_client"), reason="the package is installed here")
def test_without_the_package_a_kubernetes_master_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_LOGISTICS_SPARK", '{"conn_type": "spark", "host": "k8s://https://k:6443"}')
    with pytest.raises(EnvironmentFault, match="kubernetes"):
        DriverHook(catalog.SILVER_IOT, conn_id="logistics_spark", name="n", spark_binary=submit.SPARK_SUBMIT)


def test_a_client_driver_on_kubernetes_that_ends_well_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    made = hook(monkeypatch, "k8s://https://k:6443", {})
    made._process_spark_submit_log(iter(['LOGISTICS_RESULT {"rows": 1}\n']))
    assert made._spark_exit_code == 0
    assert made.driver.result == {"rows": 1}
