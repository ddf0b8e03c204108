"""Sending records again, corrected or as they are, so that each is taken exactly once.

Nothing is loaded from here. A record goes into the landing folder, a row version into Bronze, and the jobs judge them
by the rules of all others. What would be rejected once more is not sent. Under the locks of ``Desk.alone``:

1. see that the letter is open and that nothing of it is on its way (its file, its version),
2. send: one rename or one commit,
3. mark the letter REVIEWED. Killed before this, the next attempt finds the record on its way and marks the letter.

The job that takes the record closes the letter: REPROCESSED where it is valid; where it is not, there is a new letter
with its reason, and this one is DISCARDED as superseded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa

from smart_logistics.contracts.bronze import EXTRACTED
from smart_logistics.contracts.rules import Reason, Reprocessing
from smart_logistics.contracts.source import BY_NAME
from smart_logistics.deadletters import held, letters, lineage, preview
from smart_logistics.deadletters.correction import Correction, record_text, row_values
from smart_logistics.deadletters.desk import ROWS_PRODUCER, Desk, Outcome, State
from smart_logistics.deadletters.letters import Letter, Wanted
from smart_logistics.errors import LakeUnavailable, SourceUnavailable
from smart_logistics.lake import small, tables

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOTHING = Correction()


def reprocess(
    desk: Desk, ids: Sequence[str], correction: Correction = NOTHING, *, dry_run: bool = False
) -> list[Outcome]:
    """Send the records of these letters again, or with ``dry_run`` say what would become of each.

    Idempotent: what is on its way or closed is found to be so. ``correction`` is for one letter.

    Raises:
        WrongCorrection: it cannot be applied.
        LockHeld: a job runs for longer than we wait.
        LakeUnavailable, SourceUnavailable: the lakehouse or the landing folder cannot be written.
    """
    everything = Wanted(ids=tuple(ids), statuses=letters.ANY)
    with ExitStack() as alone:
        if not dry_run:
            letters.require_local(desk.lakehouse)
            alone.enter_context(desk.alone(letters.find(desk.lakehouse, everything)))
        found = letters.find(desk.lakehouse, everything)
        # In the order in which they were sent first: of two alike the first is taken.
        work = _Sending(desk, correction, dry_run=dry_run)
        outcomes = [
            work.outcome(letter) for letter in sorted(found, key=lambda one: (one.ingested_at or _EPOCH, one.key))
        ]
        if not dry_run:
            _mark(desk, outcomes)
    return outcomes


def _mark(desk: Desk, outcomes: Sequence[Outcome]) -> None:
    on_their_way = [
        one.letter.record_id
        for one in outcomes
        if one.state in (State.SENT, State.WAITING) and one.letter.status == Reprocessing.PENDING.value
    ]
    letters.mark(desk.lakehouse, on_their_way, Reprocessing.REVIEWED, f"; sent again ({desk.author})")


class _Sending:
    """One call's work: what it has sent counts for what follows."""

    def __init__(self, desk: Desk, correction: Correction, *, dry_run: bool) -> None:
        self._desk, self._correction, self._dry_run = desk, correction, dry_run
        self._files = held.files_on_their_way(desk.lakehouse, desk.folders)
        self._readings: set[preview.Reading] = set()

    def outcome(self, letter: Letter) -> Outcome:
        """Return what becomes of a letter, and see to it unless this is a dry run."""
        if not letter.is_open:
            return Outcome(letter, State.REFUSED, f"is {letter.status}")
        return self._record(letter) if letter.is_telemetry else self._row(letter)

    # Telemetry records

    def _record(self, letter: Letter) -> Outcome:
        if letter.record_id in self._files:
            return Outcome(letter, State.WAITING, self._files[letter.record_id])
        now = datetime.now(UTC)
        text = record_text(letter.payload, self._correction, letter.record_id)
        if text is None:
            return Outcome(letter, State.REJECTED, f"{letter.reason}: {letter.detail}")
        verdict = preview.record(text, now, self._desk.max_clock_skew)
        if isinstance(verdict, preview.Reading):
            if verdict in self._readings or held.reading(self._desk.lakehouse, verdict):
                verdict = preview.repeated(verdict)
            else:
                self._readings.add(verdict)
        if isinstance(verdict, preview.Verdict):
            return Outcome(letter, State.REJECTED, str(verdict))
        if self._dry_run:
            return Outcome(letter, State.LOADABLE)
        name = lineage.file_name(letter.record_id, now)
        _land(self._desk, name, text)
        return Outcome(letter, State.SENT, name)

    # Row versions

    def _row(self, letter: Letter) -> Outcome:
        lakehouse, source = self._desk.lakehouse, BY_NAME[letter.table]
        if not letter.key.strip():
            return Outcome(letter, State.REFUSED, "has no key: correct it in the source, the next extraction takes it")
        key = held.typed_key(source, letter.key)
        newer = held.newer_runs(lakehouse, source, key, letter.ingested_at)
        if lineage.run_id(letter.record_id) in newer:
            return Outcome(letter, State.WAITING, "its corrected version is in Bronze")
        if newer:
            return Outcome(letter, State.REFUSED, "a newer version from the source is in Bronze and closes it")
        if held.is_gone(lakehouse, source, letter.key, letter.ingested_at):
            return Outcome(letter, State.REFUSED, "its row is gone from the source")
        bronze = tables.open_table(lakehouse, EXTRACTED[source.name])
        if bronze is None:
            return Outcome(letter, State.REFUSED, f"there is no table {EXTRACTED[source.name].full_name}")
        values = row_values(letter.payload, self._correction, source, pa.schema(bronze.schema().to_arrow()))
        verdict = preview.row(source, values, partial(held.parent, lakehouse))
        is_orphan = letter.reason == Reason.INVALID_FOREIGN_KEY.name
        if verdict is not None:
            again = "; every run tries it again" if is_orphan and not self._correction else ""
            return Outcome(letter, State.REJECTED, f"{verdict}{again}")
        if is_orphan and not self._correction:
            return Outcome(letter, State.REFUSED, "its parent is in Silver: the next run loads it")
        if self._dry_run:
            return Outcome(letter, State.LOADABLE)
        _append(lakehouse, letter, values)
        return Outcome(letter, State.SENT, f"a version of {EXTRACTED[source.name].full_name}")


def _land(desk: Desk, name: str, text: str) -> None:
    """Put a file of one record into the landing folder, whole or not at all; it is ours alone until the rename."""
    new = desk.landing / f".{name}.tmp"
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        new.rename(desk.landing / name)
        _sync(desk)
    except OSError as error:
        raise SourceUnavailable(
            f"cannot write into the landing folder {desk.landing}: {error.strerror}",
            remedy="create it, or correct LOGISTICS_LANDING or its permissions",
        ) from error


def _sync(desk: Desk) -> None:
    handle = os.open(desk.landing, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _append(lakehouse: str, letter: Letter, values: dict[str, object]) -> None:
    """Append a corrected version as its extraction would, in one commit with the extraction's progress.

    We hold the extraction's lock, so that the stamp is later than all that ``silver_transactional`` has seen.
    """
    table = EXTRACTED[letter.table]
    stamp = tables.new_stamp(tables.all_progress(lakehouse))
    at = _EPOCH + timedelta(microseconds=stamp)
    of_batch = {"_ingested_at": at, "_run_id": lineage.run_id(letter.record_id), "_ingestion_date": at.date()}
    found = tables.open_table(lakehouse, table)
    if found is None:
        raise LakeUnavailable(f"{table.full_name} is gone", remedy="see what removed it")
    rows = pa.Table.from_pylist([values | of_batch], schema=pa.schema(found.schema().to_arrow()))
    with tables.writing(lakehouse, table):
        small.append(lakehouse, table, rows, app=ROWS_PRODUCER, stamp=stamp)
