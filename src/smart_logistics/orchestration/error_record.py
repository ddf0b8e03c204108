"""The record of a try that failed, in the task's log: what a person on call needs, in one place and once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from smart_logistics import settings
from smart_logistics.errors import LogisticsError
from smart_logistics.orchestration.driver_log import DriverLog

if TYPE_CHECKING:
    from airflow.sdk import Context

GUIDE = "docs/troubleshooting.md"
TOO_LONG, ENDED = f"{GUIDE}#a-run-that-takes-too-long", f"{GUIDE}#a-run-that-was-ended"
STALE = f"{GUIDE}#gold-is-stale"


@dataclass(frozen=True)
class Cause:
    """Why a run failed, and the entry of the troubleshooting page that tells of it."""

    why: str
    guide: str


def guide(error: object) -> str:
    """Return the entry of the troubleshooting page that an error belongs to."""
    kind = type(error) if isinstance(error, LogisticsError) else LogisticsError
    return f"{GUIDE}#{kind.guide}"


def address(page: str) -> str:
    """Return a page of docs/ as a link where LOGISTICS_DOCS_URL says where they are served, else as its path."""
    base = settings.load()["DOCS_URL"]
    return f"{base}/{page.removeprefix('docs/')}" if base else page


def driver_of(context: Context | None) -> DriverLog | None:
    """Return what the driver of the task said; None where the task has none, or it was never started."""
    found = getattr((context or {}).get("task"), "driver_log", None)
    return found if isinstance(found, DriverLog) else None


def committed(driver: DriverLog) -> str:
    """Return how many rows of each table a driver has committed."""
    return ", ".join(f"{table} {rows}" for table, rows in sorted(driver.committed.items())) or "none"


def text(context: Context, error: BaseException, cause: str, try_number: int, max_tries: int) -> str:
    """Return the record as lines of text.

    Args:
        context: of the task instance.
        error: what ended the try.
        cause: the error as one line.
        try_number: from 1.
        max_tries: how many retries there are after the first try.
    """
    ti: Any = context["ti"]
    lines = [
        f"{ti.task_id} failed: {cause}",
        f"run: {ti.run_id}",
        f"task: {ti.dag_id}.{ti.task_id}, try {try_number} of {max(try_number, max_tries + 1)}",
        f"error: {type(error).__name__}, see {guide(error)}",
    ]
    driver = driver_of(context)
    if driver is not None:
        lines.append(f"rows committed by this try: {committed(driver)}")
        said = driver.relevant.lines
        lines += ["the driver's last relevant lines:", *(f"  {line}" for line in said)] if said else []
    return "\n".join(lines)
