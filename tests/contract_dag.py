"""The pipeline as the contract draws it: the tasks behind each task."""

from __future__ import annotations

EDGES = {
    "start": {"bronze_ingest_sql", "wait_for_iot_files"},
    "wait_for_iot_files": {"bronze_ingest_iot"},
    "bronze_ingest_sql": {"silver_transactional"},
    "bronze_ingest_iot": {"silver_iot"},
    "silver_transactional": {"gold_aggregate"},
    "silver_iot": {"gold_aggregate"},
    "gold_aggregate": {"data_quality_check"},
    "data_quality_check": {"end"},
    "end": set(),
}
