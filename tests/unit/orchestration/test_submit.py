"""How a job is submitted: nothing secret in the command, nothing needless in the environment."""

from __future__ import annotations

import os

import pytest

from smart_logistics import settings
from smart_logistics.errors import ConfigurationError
from smart_logistics.jobs import catalog, submit
from smart_logistics.jobs.catalog import SILVER_IOT

DSN = "postgresql://reader:canary@127.0.0.1/logistics"
BASE = {
    "PATH": "/bin",
    "JAVA_HOME": "/java",
    "AIRFLOW__CORE__FERNET_KEY": "canary",
    "AIRFLOW_HOME": "/airflow",
    "LOGISTICS_SMTP_PASSWORD": "canary",
    "LOGISTICS_SOURCE_DSN": "canary",
    "LOGISTICS_HOME": "/home",
}


def command(job: catalog.Job) -> list[str]:
    arguments = job.arguments(run_id="r 1", lakehouse="/l", landing="/in", setting=lambda name: f"<{name}>")
    return submit.command(job, master="spark://h:1", properties_file="/p", name="n", arguments=arguments)


def test_the_command_ends_with_the_script_and_its_arguments() -> None:
    words = command(catalog.BRONZE_INGEST_IOT)
    script = words.index(catalog.BRONZE_INGEST_IOT.script)
    assert words[script + 1 :] == [
        *("--run-id", "r 1", "--lakehouse", "/l", "--landing", "/in", "--settle-seconds", "<SETTLE_SECONDS>")
    ]
    assert words[script - 6 : script] == ["--master", "spark://h:1", "--properties-file", "/p", "--name", "n"]


def test_the_driver_is_tethered_to_this_process() -> None:
    words = command(catalog.SILVER_IOT)
    assert words[2].endswith("tether.py")
    assert words[3] == str(os.getpid())
    assert words[4] == submit.SPARK_SUBMIT


@pytest.mark.parametrize("job", catalog.JOBS.values(), ids=lambda job: job.name)
def test_only_a_job_that_reads_the_source_is_given_its_dsn(job: catalog.Job) -> None:
    environment = submit.environment(job, source_dsn=DSN, base=BASE)
    assert (environment.get("LOGISTICS_SOURCE_DSN") == DSN) == job.reads_source
    assert "canary" not in " ".join(command(job))


def test_a_driver_knows_nothing_of_airflow_and_mail() -> None:
    environment = submit.environment(catalog.SILVER_IOT, source_dsn=DSN, base=BASE)
    assert "canary" not in " ".join(environment.values())
    assert not [name for name in environment if name.startswith("AIRFLOW")]
    assert environment["JAVA_HOME"] == "/java"
    assert environment["PYSPARK_PYTHON"].endswith(".venv-spark/bin/python")


def test_a_jobs_spark_settings_are_those_of_all_and_its_own() -> None:
    text = settings.BY_NAME["SPARK_CONF"].parse(
        '{"*": {"spark.cores.max": 4, "a": "1"}, "silver_iot": {"a": "2"}, "gold_aggregate": {"b": "3"}}'
    )
    assert submit.spark_conf(text, SILVER_IOT) == {"spark.cores.max": "4", "a": "2"}
    words = submit.command(
        SILVER_IOT, master="m", properties_file="p", name="n", arguments=[], conf=submit.spark_conf(text, SILVER_IOT)
    )
    assert words[words.index("--conf") + 1] == "spark.cores.max=4"


@pytest.mark.parametrize("key", ["spark.authenticate.secret", "spark.hadoop.fs.s3a.access.key", "x.PASSWORD"])
def test_a_secret_among_them_is_refused(key: str) -> None:
    text = settings.BY_NAME["SPARK_CONF"].parse(f'{{"*": {{"{key}": "canary"}}}}')
    with pytest.raises(ConfigurationError) as refused:
        submit.spark_conf(text, SILVER_IOT)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize("text", ["[]", "{", '{"*": 3}', '{"silver_iot": "x"}'])
def test_spark_settings_that_are_none_are_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="LOGISTICS_SPARK_CONF"):
        settings.load({"LOGISTICS_SPARK_CONF": text})
