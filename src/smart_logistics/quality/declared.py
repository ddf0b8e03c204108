"""Which checks are made of which tables: by every run (the gate), and of the whole history (the audit)."""

from __future__ import annotations

from collections.abc import Mapping

from smart_logistics.contracts import ALL_TABLES, bronze, dispositions, gold, silver
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.contracts.source import BY_NAME, SHIPMENT_STATUS_EVENTS
from smart_logistics.quality import checks
from smart_logistics.quality.checks import Check

Tables = tuple[Table, ...]

CHECKED: Tables = tuple(table for table in ALL_TABLES if table.layer in ("bronze", "silver", "gold"))
RECORDS, LOG, LETTERS = bronze.IOT_TELEMETRY, bronze.PROCESSED_FILES_LOG, bronze.REJECTED_RECORDS
READINGS, SHIPMENTS, ASSIGNMENTS = silver.IOT_TELEMETRY, silver.SHIPMENT_VERSIONS, silver.TRUCK_ASSIGNMENTS
ANALYTICS, EXCURSIONS = gold.SHIPMENT_ANALYTICS, gold.TEMPERATURE_EXCURSIONS
DISPOSITIONS = dispositions.EXCURSION_DISPOSITIONS
TRUCKS, ROUTES = gold.FLEET_DAILY, gold.ROUTE_DAILY
# Bronze keeps every version of a row, and a source may repeat a key: there uniqueness is no invariant.
KEYED: Tables = (*silver.TABLES, *gold.TABLES, RECORDS, LOG, LETTERS)
# Silver's tables of source rows, by the source's declaration.
OF_ROWS: Tables = tuple(table for table in silver.TABLES if table.name in BY_NAME)
REFERRING: Tables = tuple(table for table in OF_ROWS if BY_NAME[table.name].foreign_keys)
# Rows of these only ever come; of shipments a rebuilt history may have fewer versions, and Gold's go with a shipment.
NEVER_FEWER: Tables = (
    *bronze.EXTRACTED.values(),
    bronze.SOURCE_DELETES,
    RECORDS,
    LOG,
    LETTERS,
    *silver.LATEST.values(),
)
NEVER_FEWER += (silver.EVENTS, READINGS)
COUNTED: Tables = (*NEVER_FEWER, SHIPMENTS, ANALYTICS)
VOLUMES: Tables = (RECORDS, bronze.EXTRACTED[SHIPMENT_STATUS_EVENTS.name])
CONSTRAINED: Tables = tuple(table for table in CHECKED if table.constraints)

_OVER_ROWS: Mapping[Check, Tables] = {
    checks.SCHEMA: (*CHECKED, DQ_METRICS),
    checks.UNCONSTRAINED: (*CONSTRAINED, DQ_METRICS),
    checks.REQUIRED: CHECKED,
    checks.CONSTRAINTS: CONSTRAINED,
    checks.KEY_UNIQUE: KEYED,
    checks.FOREIGN_KEYS: REFERRING,
    checks.FILES_RECONCILED: (LOG,),
    checks.READINGS_RECONCILED: (READINGS,),
    checks.TOTAL_RECONCILED: (READINGS,),
    checks.ONE_PLACE: OF_ROWS,
    checks.FROM_BRONZE: (*OF_ROWS, READINGS),
    checks.SCD2: (SHIPMENTS,),
    checks.COMPLETE: (ANALYTICS,),
    checks.TOTAL_COMPLETE: (ANALYTICS,),
    checks.EXCURSIONS_AGREE: (EXCURSIONS,),
    checks.FIGURES_AGREE: (TRUCKS, ROUTES),
    checks.TOTAL_FIGURES: (TRUCKS, ROUTES),
    checks.RECOMPUTED: (ANALYTICS,),
    checks.HOLD: (ANALYTICS,),
    checks.OVERLAPS: (ASSIGNMENTS,),
    checks.STATUS_AGREES: (SHIPMENTS,),
    checks.BEHIND: (*OF_ROWS, READINGS, *gold.TABLES),
}
GATE: Mapping[Check, Tables] = {
    **_OVER_ROWS,
    checks.ROWS_BY_RUNS: COUNTED,
    checks.REJECTION_RATE: (LETTERS, READINGS),
    checks.REJECTION_ALERT: (LETTERS, READINGS),
    checks.OUTLIER_RATE: (READINGS,),
    checks.FRESHNESS: (READINGS,),
    checks.FILE_LAG: (LOG,),
    checks.SMALL_FILES: (*CHECKED, DQ_METRICS),
    checks.ROWS: COUNTED,
    checks.NEW_ROWS: VOLUMES,
    checks.VOLUME: VOLUMES,
}
AUDIT: Mapping[Check, Tables] = {
    **_OVER_ROWS,
    checks.REBUILT: (*silver.TABLES, *gold.TABLES),
    checks.CHAIN: (DISPOSITIONS,),
}
ALL: tuple[Check, ...] = tuple(dict.fromkeys((*AUDIT, *GATE)))
