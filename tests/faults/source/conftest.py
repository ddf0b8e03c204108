"""The job as a function, on a real server whose tables are made anew for each test."""

from tests.spark.bronze.conftest import extract, lake, running_server, source  # noqa: F401 - fixtures
