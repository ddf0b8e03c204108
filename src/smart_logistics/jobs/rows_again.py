"""Source rows made again from every version that Bronze holds, and merged where Silver differs.

They are judged and settled as in the run that first saw them, with nothing held, so that damage in Silver counts for
nothing; what is rejected now and has no letter gets one, and a letter whose version is valid now is closed. The order,
and what follows from it after a crash, is that of ``row_batch``. Source rows have no day of their own: all are made.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from smart_logistics.contracts.bronze import REJECTED_RECORDS
from smart_logistics.contracts.silver import EVENTS, SHIPMENT_VERSIONS
from smart_logistics.contracts.source import SHIPMENT_STATUS_EVENTS, SHIPMENTS, SOURCE_TABLES
from smart_logistics.jobs.row_batch import RowBatch
from smart_logistics.jobs.row_batches import changed, of_all_tables, rejected
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.changes import difference
from smart_logistics.lake.operations import DELETE, OPERATION
from smart_logistics.lake.store import instant_literal
from smart_logistics.silver import again, dead_letter, latest, shipment_history

_ID = SHIPMENTS.key


class RowsAgain(RowBatch):
    """All versions of one source table that Silver has judged until now."""

    since = 0

    def _versions(self) -> DataFrame:
        judged_until = instant_literal(self.lake.progress(self.target))
        versions = super()._versions().filter(F.col("_ingested_at") <= judged_until)
        return again.without_withdrawn(versions, self._key_text, self._all_letters)

    @property
    def _key_text(self) -> Column:
        return F.coalesce(F.col(self.source.key).cast("string"), F.lit(""))

    @property
    def _all_letters(self) -> DataFrame:
        return self.lake.rows(
            REJECTED_RECORDS, [[("source_table", "=", self.source.name), ("layer", "=", self.target.layer)]]
        )

    def record(self) -> None:
        """Append the letters that are missing, and turn those that are no longer so."""
        letters = self.keep(self._all_letters)
        fresh = dead_letter.of_rows(self.judged, self.source, self.run_id, self._now)
        self.rejected = self.lake.append(
            REJECTED_RECORDS,
            again.unrecorded(fresh, letters),
            self.stamp,
            app=f"{self.lake.job}.{self.source.name}.again",
            skip_empty=True,
        )
        is_valid = F.col(latest.VERDICT).isNull()
        self.lake.update(REJECTED_RECORDS, again.turned(letters, self.judged, self._key_text, is_valid))

    def wanted(self) -> DataFrame:
        """Return what Silver should hold by all versions: one row for each key, see ``latest.settled``."""
        nothing = self.lake.nothing(self.target)
        return latest.settled(nothing, self.judged, self._gone(orphans=False), self.source).drop("_held")

    def commit(self, *, orphans: bool = False) -> None:
        """Merge what differs, rows that should not be there included; where nothing does, there is no commit."""
        held, key = self.keep(self.lake.read(self.target)), self.source.key
        beside = held.select(F.col(key).alias("_key"), F.struct(*held.columns).alias("_held"))
        wanted = self.wanted()
        joined = self.keep(wanted.join(beside, F.col(key) == F.col("_key"), "left").drop("_key"))
        changes = latest.differing(joined, self.target, self.source, self._now)
        gone = held.join(joined.select(key), key, "left_anti").withColumns(
            {OPERATION: F.lit(DELETE), "_changed_at": self._now}
        )
        changes = changes.unionByName(gone.select(*changes.columns))
        self.changed = self.lake.merge(self.target, changes, self.stamp, partitions=held, advance=False)


def run(ctx: Context) -> Mapping[str, object]:
    """Make every table again; return rows changed and versions rejected."""
    with of_all_tables(ctx, RowsAgain) as batches:
        for source in SOURCE_TABLES:
            if not ctx.lake.progress(batches[source.name].target):
                continue  # nothing was ever judged; to be asked for more makes no table
            if source is SHIPMENTS:
                _shipments(batches[SHIPMENTS.name], batches[SHIPMENT_STATUS_EVENTS.name])
            elif source is not SHIPMENT_STATUS_EVENTS:
                _latest(batches[source.name])
    tables = changed(batches.values())
    return {
        "rows_again": sum(tables.values()),
        "rejected_again": rejected(batches.values()),
        "tables_again": tables,
    }


def _latest(batch: RowsAgain, parents: Mapping[str, DataFrame] | None = None) -> None:
    batch.judge(parents)
    batch.record()
    batch.commit()


def _shipments(shipments: RowsAgain, events: RowsAgain) -> None:
    shipments.judge()
    shipments.record()
    rows = shipments.keep(shipments.wanted())
    _latest(events, {_ID: rows.select(_ID)})
    lake, table = shipments.lake, SHIPMENT_VERSIONS
    held = shipments.keep(lake.read(table))
    history = shipment_history.versions(
        shipment_history.with_months(rows, shipment_history.latest_rows(held)), lake.read(EVENTS)
    )
    compared = [name for name in table.column_names if name != "_changed_at"]
    changes = difference(held, history, table.key, compared, delete=True)
    changes = changes.withColumn("_changed_at", instant_literal(shipments.stamp))
    shipments.changed = lake.merge(table, changes, shipments.stamp, partitions=held, advance=False)
