"""Telemetry files to Bronze, each byte of them exactly once.

In an order that survives a crash at any moment:

1. files are claimed by rename, hashed, parsed; what becomes of each is sealed in a file beside them,
2. commits, each with the batch's stamp as its progress: the records, their dead letters, the log of files,
3. the files go to archive/ or failed/.

A batch that is found at the start is finished first, from where it was. Nothing that it committed is committed again,
and what is still to be committed is as it was sealed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.bronze import telemetry
from smart_logistics.contracts.bronze import IOT_TELEMETRY, PROCESSED_FILES_LOG, REJECTED_RECORDS
from smart_logistics.errors import SourceUnavailable
from smart_logistics.failpoints import reached
from smart_logistics.jobs import catalog
from smart_logistics.jobs.runner import Context, main
from smart_logistics.lake import file_log, locks, small
from smart_logistics.lake.session import need_driver
from smart_logistics.lake.store import Lake, instant_literal
from smart_logistics.lake.tables import instant
from smart_logistics.sources.claim import Batch, SealedFile, claim, left_behind, unfinished
from smart_logistics.sources.landing import Folders, batch_folders, eligible, is_zipped
from smart_logistics.sources.telemetry_frame import FileToParse, at_hand, parsed
from smart_logistics.sources.verdict import DUPLICATE, FAILED, LOADED, Outcome, shown, to_parse, verdicts

OUTPUTS = (IOT_TELEMETRY, REJECTED_RECORDS, PROCESSED_FILES_LOG)
_MOST_NAMES = 20
# What is known of a whole file, in a row of its own.
_OF_A_FILE = ["file_no", *Outcome._fields, "characters"]
# More text than this is committed by Spark, however few the records: twenty thousand may be a third of a terabyte.
_MOST_CHARACTERS = 64 * 2**20
# Of files no larger than this the rows, where they are no larger than that, are parsed here: an executor would start a
# Python for them that imports all of this again, and stay with it.
_FEW_BYTES, _FEW_ROWS_BYTES = 4 * 2**20, 16 * 2**20


class Parsed(NamedTuple):
    """Rows of ``telemetry_frame``, what each file gave by its number, and how long all raw texts are."""

    frame: DataFrame
    outcomes: dict[int, Outcome]
    characters: int

    def many(self, rows: int) -> bool:
        """Return whether so many rows must not pass through this process."""
        return rows > small.MOST_ROWS or self.characters > _MOST_CHARACTERS


def run(ctx: Context) -> Mapping[str, object]:
    """Finish what was claimed, then take what lies in the landing folder; return records, rejections and files."""
    folders = Folders(Path(ctx.landing))
    done: list[SealedFile] = []
    with locks.hold(folders.lock), _folder_errors(folders):
        for batch in unfinished(folders):
            done += _finish(ctx.lake, _not_in_the_past(ctx.lake, batch))
        names = eligible(folders.landing, ctx.setting("SETTLE_SECONDS"))
        new = claim(folders, names, ctx.lake.new_stamp(), ctx.run_id) if names else None
        left = left_behind(folders, names)
        if new is not None:
            done += _finish(ctx.lake, new)
    return _result(done, left)


def plan(ctx: Context) -> Mapping[str, object]:
    """Return what lies there to be taken now: files and their bytes, and batches that a run left unfinished."""
    folders = Folders(Path(ctx.landing))
    with _folder_errors(folders):
        names = eligible(folders.landing, ctx.setting("SETTLE_SECONDS"))
        return {
            "files": len(names),
            "bytes": sum((folders.landing / name).stat().st_size for name in names),
            "unfinished_batches": len([*batch_folders(folders)]),
        }


def _finish(lake: Lake, batch: Batch) -> list[SealedFile]:
    """Take a claimed batch the whole way, from wherever it is."""
    with ExitStack() as kept:
        files, rows = batch.sealed(), None
        if files is None:
            files, rows = kept.enter_context(_judged(lake, batch))
            reached("bronze_ingest_iot.judged")
            batch.seal(files)
            reached("bronze_ingest_iot.sealed")
        _commit(lake, batch, files, rows)
    reached("bronze_ingest_iot.committed")
    batch.put_away(files)
    for file in [file for file in files if file.status == FAILED][:_MOST_NAMES]:
        sys.stderr.write(f"warning: {file.name!r} goes to {file.target!r}: {file.error}\n")
    return files


def _not_in_the_past(lake: Lake, batch: Batch) -> Batch:
    """Give a batch of which nothing is committed a stamp that no consumer can have passed meanwhile."""
    begun = any(lake.progress(table) == batch.stamp for table in OUTPUTS)
    return batch if begun else batch.restamped(lake.new_stamp())


@contextmanager
def _judged(lake: Lake, batch: Batch) -> Iterator[tuple[list[SealedFile], Parsed]]:
    """Hash and parse a batch; give what becomes of its files, and the rows of those that are LOADED."""
    files = batch.claimed()
    before = file_log.loaded_before(lake.root, {file.md5 for file in files})
    wanted = [
        FileToParse(n, str(batch.path(f.safe)), shown(f.name), is_zipped(f.name), f.size, f.md5)
        for n, f in ((n, files[n]) for n in to_parse(files, before))
    ]
    with _parsed(lake, wanted) as rows:
        sealed = verdicts(batch.folders, files, rows.outcomes, before, instant(batch.stamp).date())
        # Bytes that are sound both as they are and decompressed: they were loaded under the first of the two names.
        twice = [n for n, outcome in rows.outcomes.items() if outcome.found and sealed[n].status != LOADED]
        yield sealed, rows._replace(frame=rows.frame.filter(~F.col("file_no").isin(twice))) if twice else rows


@contextmanager
def _parsed(lake: Lake, files: Sequence[FileToParse]) -> Iterator[Parsed]:
    """Parse files once. What many hold is kept on disk: in memory a few long records are too much for a small heap."""
    size = sum(file.size for file in files)
    if size <= _FEW_BYTES and (rows := at_hand(files, _FEW_ROWS_BYTES)) is not None:
        told = rows.filter(pc.is_valid(rows["found"])).select(_OF_A_FILE)
        yield _with_outcomes(lake.frame_of(rows), told.to_pylist())
        return
    if size > _MOST_CHARACTERS:
        need_driver()
    frame = parsed(lake.spark, files).persist(StorageLevel.DISK_ONLY)
    try:
        yield _with_outcomes(frame, frame.filter(F.col("found").isNotNull()).select(*_OF_A_FILE).collect())
    finally:
        frame.unpersist()


def _with_outcomes(frame: DataFrame, told: Sequence[Any]) -> Parsed:
    outcomes = {row["file_no"]: Outcome(row["found"], row["rejected"], row["error"]) for row in told}
    return Parsed(frame, outcomes, sum(row["characters"] for row in told))


def _commit(lake: Lake, batch: Batch, files: Sequence[SealedFile], rows: Parsed | None) -> None:
    """Commit what is not committed yet; ``rows`` is None where an earlier attempt parsed the files."""
    counts = _counts(files)
    records = counts["rows"] > 0 and lake.progress(IOT_TELEMETRY) < batch.stamp
    letters = counts["rejected"] > 0 and lake.progress(REJECTED_RECORDS) < batch.stamp
    with ExitStack() as kept:
        if rows is None and (records or letters):
            rows = kept.enter_context(_parsed_again(lake, batch, files))
        moment = instant_literal(batch.stamp)
        if rows is not None and records:
            good = telemetry.records(rows.frame, moment, batch.run_id)
            lake.append(IOT_TELEMETRY, good, batch.stamp, many=rows.many(counts["rows"]))
        if rows is not None and letters:
            bad = telemetry.rejected(rows.frame, moment, batch.run_id)
            lake.append(REJECTED_RECORDS, bad, batch.stamp, many=rows.many(counts["rejected"]))
    if lake.progress(PROCESSED_FILES_LOG) < batch.stamp:
        file_log.append(lake, [_log_row(batch, file) for file in files], batch.stamp)


@contextmanager
def _parsed_again(lake: Lake, batch: Batch, files: Sequence[SealedFile]) -> Iterator[Parsed]:
    wanted = {
        n: FileToParse(n, str(batch.path(f.safe)), shown(f.name), is_zipped(f.name), f.size, f.md5)
        for n, f in enumerate(files)
        if f.status == LOADED
    }
    with _parsed(lake, list(wanted.values())) as rows:
        sealed = {n: Outcome(files[n].found, files[n].rejected, None) for n in wanted}
        if rows.outcomes != sealed:
            raise SourceUnavailable(
                f"the files in {batch.folder} are no longer what was sealed", remedy="see which disk they lie on"
            )
        yield rows


def _log_row(batch: Batch, file: SealedFile) -> dict[str, object]:
    return {
        "file_name": shown(file.name),
        "file_path": shown(str(batch.folders.parent / file.target)),
        "file_size_bytes": file.size,
        "record_count": file.found,
        "rejected_count": file.rejected,
        "checksum_md5": file.md5,
        "processed_at": instant(batch.stamp),
        "run_id": batch.run_id,
        "status": file.status,
        "error": file.error,
    }


def _counts(files: Sequence[SealedFile]) -> dict[str, int]:
    found, rejected = sum(f.found for f in files), sum(f.rejected for f in files)
    return {"read": found, "rows": found - rejected, "rejected": rejected}


def _result(files: Sequence[SealedFile], left: Sequence[str]) -> dict[str, object]:
    statuses = Counter(file.status for file in files)
    failed = [shown(file.name) for file in files if file.status == FAILED]
    return {
        **_counts(files),
        "files": {status: statuses[status] for status in (LOADED, DUPLICATE, FAILED)},
        "failed_files": failed[:_MOST_NAMES],
        "left_files": [shown(name) for name in left[:_MOST_NAMES]],
    }


@contextmanager
def _folder_errors(folders: Folders) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceUnavailable(
            f"cannot work beside {folders.landing}: {error}", remedy="see space and permissions there, then run again"
        ) from error


if __name__ == "__main__":
    main(catalog.BRONZE_INGEST_IOT, run, plan=plan)
