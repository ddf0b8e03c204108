"""Waits for telemetry files without holding a worker slot, and sees only what the job would take.

Airflow's own FileSensor is content with a half-copied file, with a name that the job leaves where it is, and, told to
skip at its timeout, also skips on a missing folder or connection. Here only a true timeout is a quiet hour; all else
is an error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from smart_logistics.errors import SourceUnavailable
from smart_logistics.orchestration import connections, requests
from smart_logistics.sources.landing import Folders, batch_folders, eligible

if TYPE_CHECKING:
    from airflow.sdk import Context

# The trigger ends itself; Airflow's own limit is for a triggerer that is not there, which is an error and no quiet
# hour.
_TRIGGERER_GRACE = timedelta(minutes=2)


def has_work(landing: Path, settle_seconds: int) -> bool:
    """Return whether the ingestion would find something to do now, a batch claimed by a run that crashed included.

    Raises:
        SourceUnavailable: the landing folder, or the one of claimed batches, is missing or cannot be read.
    """
    try:
        return any(batch_folders(Folders(landing))) or bool(eligible(landing, settle_seconds, time.time()))
    except OSError as error:
        raise SourceUnavailable(
            f"the folders of telemetry files cannot be read: {error}",
            remedy=f"check the connection {connections.LANDING}",
        ) from error


class LandingSensor(BaseSensorOperator):
    """Succeeds when there is something to ingest; skips when ``timeout`` passes without; fails on anything else."""

    def execute(self, context: Context) -> None:
        """Look once, then hand over to the triggerer; a dry run waits for nothing.

        Raises:
            AirflowSkipException: a dry run found nothing.
            SourceUnavailable: the landing folder could not be read.
        """
        landing, settle_seconds = connections.landing(), connections.setting("SETTLE_SECONDS")
        if has_work(landing, settle_seconds):
            return
        if requests.is_dry(context):
            raise AirflowSkipException("dry run: no telemetry file lies there")
        self.log.info("nothing yet in %s; waiting up to %.0f s", landing, self.timeout)
        self.defer(
            trigger=LandingTrigger(
                landing=str(landing),
                settle_seconds=settle_seconds,
                poke_interval=self.poke_interval,
                give_up_at=time.time() + self.timeout,
            ),
            method_name="on_event",
            timeout=timedelta(seconds=self.timeout) + _TRIGGERER_GRACE,
        )

    def on_event(self, context: Context, event: dict[str, Any]) -> None:
        """End as the trigger says.

        Raises:
            AirflowSkipException: a quiet hour.
            SourceUnavailable: the landing folder could not be read.
        """
        if "error" in event:
            raise SourceUnavailable(event["error"], remedy=event["remedy"])
        if not event["found"]:
            raise AirflowSkipException(f"quiet hour: no telemetry file within {self.timeout:.0f} s")


class LandingTrigger(BaseTrigger):
    """Looks every ``poke_interval`` seconds until ``give_up_at``, a moment, so that a restart does not prolong it."""

    def __init__(self, landing: str, settle_seconds: int, poke_interval: float, give_up_at: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's carries no types
        self.landing = landing
        self.settle_seconds = settle_seconds
        self.poke_interval = poke_interval
        self.give_up_at = give_up_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer makes this trigger from."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "landing": self.landing,
            "settle_seconds": self.settle_seconds,
            "poke_interval": self.poke_interval,
            "give_up_at": self.give_up_at,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ``found``, true or at the end of the time false, or an ``error``."""
        while True:
            await asyncio.sleep(max(0.0, min(self.poke_interval, self.give_up_at - time.time())))
            try:
                # Listing a slow share must not stop the other triggers.
                found = await asyncio.to_thread(has_work, Path(self.landing), self.settle_seconds)
            except SourceUnavailable as error:
                yield TriggerEvent({"error": error.what, "remedy": error.remedy})
                return
            if found or time.time() >= self.give_up_at:
                yield TriggerEvent({"found": found})
                return
