"""The two environments are sound: complete, apart from each other, and what the locks say.

``pyspark-client`` (which the Spark provider brings) and ``pyspark`` own the same files, so they must never meet.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
AIRFLOW = REPOSITORY / ".venv"
SPARK = REPOSITORY / ".venv-spark"
UV = Path(sys.executable).parent / "uv"


def python(environment: Path, code: str) -> str:
    return subprocess.run(
        [environment / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def uv_pip(environment: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [UV, "pip", *words, "--python", environment / "bin" / "python"], capture_output=True, text=True, check=False
    )


def installed(environment: Path) -> dict[str, str]:
    listed = uv_pip(environment, "freeze").stdout.splitlines()
    return dict(line.lower().split("==") for line in listed if "==" in line)


def text_of(lock: str) -> str:
    return (REPOSITORY / "requirements" / lock).read_text("utf-8")


@pytest.mark.parametrize("environment", [AIRFLOW, SPARK], ids=["airflow", "spark"])
def test_nothing_is_missing_or_at_odds(environment: Path) -> None:
    result = uv_pip(environment, "check")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(("environment", "lock"), [(AIRFLOW, "airflow.txt"), (SPARK, "spark.txt")])
def test_what_is_installed_is_what_the_lock_says(environment: Path, lock: str) -> None:
    # A name comes more than once where its version depends on Python's.
    locked: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9._-]+)==(\S+)", text_of(lock), re.MULTILINE):
        locked.setdefault(name, set()).add(version)
    present = installed(environment)
    assert len(locked) > 10
    differing = {name: present[name] for name in locked.keys() & present.keys() if present[name] not in locked[name]}
    assert differing == {}


def test_the_jobs_environment_has_the_whole_of_spark_and_none_of_airflow() -> None:
    assert "pyspark-client" not in installed(SPARK)
    assert (
        python(SPARK, "import pyspark, pathlib; print((pathlib.Path(pyspark.__path__[0]) / 'jars').is_dir())") == "True"
    )
    assert python(SPARK, "import importlib.util as u; print(u.find_spec('airflow'))") == "None"


def test_airflows_environment_has_the_client_only() -> None:
    present = installed(AIRFLOW)
    assert "pyspark" not in present
    assert present["pyspark-client"] == installed(SPARK)["pyspark"]
    assert python(AIRFLOW, "import airflow.providers.apache.spark.operators.spark_submit as s; print(s.__name__)")


def test_both_load_this_package_from_the_same_place() -> None:
    places = {python(environment, "import smart_logistics as s; print(s.__file__)") for environment in (AIRFLOW, SPARK)}
    assert places == {str(REPOSITORY / "src" / "smart_logistics" / "__init__.py")}
