"""Where letters are worked: the lakehouse, the folders of files, who works, and the locks that keep the jobs out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from smart_logistics.deadletters.letters import Letter
from smart_logistics.errors import LockHeld
from smart_logistics.lake import locks
from smart_logistics.sources.landing import Folders

ROWS_PRODUCER = "bronze_ingest_sql"


@dataclass(frozen=True)
class Desk:
    """``author`` goes into the detail of what is changed; ``wait_seconds`` is how long a running job is waited for."""

    lakehouse: str
    landing: Path
    author: str
    max_clock_skew: timedelta = timedelta(minutes=10)
    wait_seconds: float = 60.0

    @property
    def folders(self) -> Folders:
        """The landing folder and those beside it."""
        return Folders(self.landing)

    @contextmanager
    def alone(self, letters: list[Letter]) -> Iterator[None]:
        """Keep the jobs out that the letters concern.

        For records that is the ingestion of files. For rows it is their extraction, and with it
        ``silver_transactional``, which holds the extraction's lock too.

        Raises:
            LockHeld: a job runs for longer than we wait.
        """
        wanted = []
        if any(letter.is_telemetry for letter in letters):
            wanted.append(self.folders.lock)
        if not all(letter.is_telemetry for letter in letters):
            wanted.append(locks.of(self.lakehouse, f"job.{ROWS_PRODUCER}"))
        with ExitStack() as held:
            for path in wanted:
                try:
                    held.enter_context(locks.hold(path, wait_seconds=self.wait_seconds))
                except LockHeld as error:
                    raise LockHeld(
                        f"the pipeline is at work there, and nothing was changed ({error.what})",
                        remedy="wait for its run, or wait longer with --wait SECONDS",
                    ) from error
            yield


class State(Enum):
    """What becomes of a letter that somebody works."""

    SENT = "sent again"
    LOADABLE = "would be loaded"
    WAITING = "is on its way"
    REJECTED = "still rejected"
    REFUSED = "left as it is"
    DISCARDED = "discarded"
    DISCARDABLE = "would be discarded"


@dataclass(frozen=True)
class Outcome:
    """A letter, what became of it, and why or where."""

    letter: Letter
    state: State
    told: str = ""
