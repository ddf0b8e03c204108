"""Source tables to Bronze: what is new in each since its fence, all under one snapshot, whatever crashes.

1. Look: the snapshot, the tables as they are, how many rows may be new. A broken contract stops here, nothing written.
2. Now and then compare keys. Too many gone at once stop the extraction here, nothing written.
3. Append the new versions, table by table, each commit carrying the stamp that the whole extraction shares.
4. Append the delete facts.
5. Keep the fences.

Killed anywhere, the next run starts from the fences of the last one that ended: it reads what was taken once more,
drops it by content, and takes the rest under its own snapshot and stamp. Delete facts are no longer live keys when
compared again. With nothing new in any table there is no commit and not one Spark action.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import timedelta
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from smart_logistics.bronze import fences, versions
from smart_logistics.contracts.bronze import EXTRACTED, SOURCE_DELETES
from smart_logistics.contracts.source import SCHEMA, SHIPMENT_STATUS_EVENTS, SOURCE_TABLES
from smart_logistics.errors import SourceContractBroken
from smart_logistics.failpoints import reached
from smart_logistics.jobs import catalog
from smart_logistics.jobs.row_extraction import RowExtraction
from smart_logistics.jobs.runner import Context, main, require_environment
from smart_logistics.lake.store import Lake
from smart_logistics.lake.tables import instant
from smart_logistics.sources import dsn, jdbc
from smart_logistics.sources.columns import broken, selection
from smart_logistics.sources.fence import HALF_CIRCLE
from smart_logistics.sources.postgres import SnapshotConnection, snapshot_of

# So few keys may go at once whatever their share: of six shipment types, two are no accident.
HANDFUL = 2
AT_ONCE = 3


def run(ctx: Context) -> Mapping[str, object]:
    """Extract every source table; return rows read, versions taken, deletes noticed and the tables read in full."""
    address = dsn.parse(require_environment("LOGISTICS_SOURCE_DSN"))
    with snapshot_of(address, SOURCE_TABLES) as connection, jdbc.reading(address):
        extractions = _prepared(ctx, connection)
        for extraction in extractions:
            extraction.look()
        reached("bronze_ingest_sql.looked")
        deleted = _compare_keys(ctx, extractions)
        reached("bronze_ingest_sql.compared")
        connection.settle()
        with ctx.lake.settings_for(few=all(one.is_small for one in extractions)):
            _take(extractions)
        reached("bronze_ingest_sql.extracted")
        deleted.record()
        reached("bronze_ingest_sql.deletes_recorded")
        _keep_fences(ctx.lake, extractions, deleted)
        reached("bronze_ingest_sql.fences_kept")
    taken = {extraction.source.name: extraction.taken for extraction in extractions if extraction.taken}
    return {
        "read": sum(extraction.extent.rows for extraction in extractions),
        "rows": sum(taken.values()),
        "tables": taken,
        "deleted": deleted.count,
        "full_reads": [extraction.source.name for extraction in extractions if extraction.why_full],
    }


def plan(ctx: Context) -> Mapping[str, object]:
    """Return how many rows of each source table may be new, and which tables would be read in full."""
    with snapshot_of(dsn.parse(require_environment("LOGISTICS_SOURCE_DSN")), SOURCE_TABLES) as connection:
        extractions = _prepared(ctx, connection)
        may_be_new = {one.source.name: one.look().rows for one in extractions}
    return {
        "may_be_new": {name: rows for name, rows in may_be_new.items() if rows},
        "full_reads": [one.source.name for one in extractions if one.why_full],
    }


def _prepared(ctx: Context, connection: SnapshotConnection) -> list[RowExtraction]:
    """Look at the source's tables and Bronze's, and refuse a source that breaks the contract."""
    relations = connection.relations(SOURCE_TABLES)
    problems = [f"{SCHEMA}.{source.name} is missing" for source in SOURCE_TABLES if source.name not in relations]
    for source in SOURCE_TABLES:
        if source.name in relations:
            problems += broken(source, relations[source.name].columns)
    if problems:
        raise SourceContractBroken(
            f"the source is not what the contract says: {'; '.join(problems)}",
            remedy="restore the tables and columns there, or extend contracts/source.py; nothing was written",
        )
    kept = fences.load(ctx.lake.root)
    stamp = ctx.lake.new_stamp()
    extractions = []
    for source in SOURCE_TABLES:
        relation = relations[source.name]
        bronze = fences.bronze_table(ctx.lake.root, EXTRACTED[source.name], ctx.lake.job)
        selected = selection(source, relation.columns, bronze.types)
        last = None if ctx.setting("FULL_READ") else kept.get(source.name)
        extractions.append(
            RowExtraction(ctx.lake, connection, source, relation, bronze, selected, last, stamp, ctx.run_id)
        )
    return extractions


def _take(extractions: list[RowExtraction]) -> None:
    """Take several tables at once: most of a small one is waiting. On an error, those under way come to their end."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = [pool.submit(one.take) for one in extractions if one.extent.rows]
        try:
            for future in as_completed(under_way):
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)


class Deleted:
    """The keys that a comparison found gone; none where there was no comparison."""

    def __init__(self, lake: Lake, compared: set[str], stamp: int, run_id: str) -> None:
        self.compared = compared
        self.count = 0
        self._lake, self._stamp, self._run_id = lake, stamp, run_id
        self._keys: DataFrame | None = None

    def compare(self, keys: DataFrame, most_percent: int) -> None:
        """Find the keys that are gone among the live ones.

        Raises:
            SourceContractBroken: too many of a table's keys are gone at once to be anything but an accident.
        """
        self._keys = keys.persist()
        counts = self._keys.groupBy("source_table").agg(F.count(F.lit(1)), F.count_if(versions.IS_GONE)).collect()
        too_many = [
            f"{gone} of {live} keys of {table}"
            for table, live, gone in sorted(counts)
            if versions.too_many_gone(gone, live, most_percent, HANDFUL)
        ]
        if too_many:
            raise SourceContractBroken(
                f"gone from the source at once: {', '.join(too_many)}, more than {most_percent} %",
                remedy="restore them, or set MAX_DELETE_PERCENT to 100 for one run; nothing was written",
            )
        self.count = sum(gone for _, _, gone in counts)

    def record(self) -> None:
        """Append the facts, in one commit."""
        if self._keys is not None and self.count:
            gone = self._keys.filter(versions.IS_GONE).select("source_table", "source_key")
            facts = versions.with_lineage(gone, instant(self._stamp), self._run_id)
            self._lake.append(SOURCE_DELETES, facts, self._stamp)
        if self._keys is not None:
            self._keys.unpersist()


def _is_due(extraction: RowExtraction, hours: int) -> bool:
    """Return whether a table's keys are to be compared: by the clock, and with every full read."""
    if extraction.source is SHIPMENT_STATUS_EVENTS:
        return False  # append-only by contract
    last = extraction.kept.keys_compared_at if extraction.kept else None
    return bool(extraction.why_full) or last is None or instant(extraction.stamp) - last >= timedelta(hours=hours)


def _compare_keys(ctx: Context, extractions: list[RowExtraction]) -> Deleted:
    due = [one for one in extractions if _is_due(one, ctx.setting("DELETE_CHECK_HOURS"))]
    deleted = Deleted(ctx.lake, {one.source.name for one in due}, extractions[0].stamp, ctx.run_id)
    # A table that Bronze holds nothing of can have lost nothing.
    with_keys = [one.live_keys() for one in due if one.bronze.stamp]
    if with_keys:
        deleted.compare(reduce(DataFrame.unionByName, with_keys), ctx.setting("MAX_DELETE_PERCENT"))
    return deleted


def _keep_fences(lake: Lake, extractions: list[RowExtraction], deleted: Deleted) -> None:
    """Keep how far we came, unless every fence is good enough as it is.

    A fence may lag: it costs rows read again, never rows lost. So it moves when something was taken or compared, when
    rows are read again and again behind it, and before the transaction numbers run away from it.
    """
    if not (deleted.compared or any(_should_move(one) for one in extractions)):
        return
    kept = {}
    for one in extractions:
        name = one.source.name
        last = one.kept.keys_compared_at if one.kept else None
        kept[name] = fences.Kept(one.fence, instant(one.stamp) if name in deleted.compared else last)
    fences.store(lake.root, kept, instant(extractions[0].stamp), extractions[0].run_id)


def _should_move(one: RowExtraction) -> bool:
    if one.why_full or one.taken or one.kept is None:
        return True
    now, last = one.connection.snapshot, one.kept.fence
    return (one.extent.rows > 0 and now.xmin > last.xmin) or now.xmax - last.xmin >= HALF_CIRCLE // 4


if __name__ == "__main__":
    main(catalog.BRONZE_INGEST_SQL, run, plan=plan)
