"""The preview of the command line beside the jobs' verdicts, on whatever a lake holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from smart_logistics.contracts.rules import OPEN, Reason
from smart_logistics.contracts.source import SOURCE_TABLES, SourceTable
from smart_logistics.deadletters import held, preview
from smart_logistics.lake.store import Lake
from tests.oracle.load import Lakehouse

_SKEW = timedelta(minutes=10)
_ORPHAN = Reason.INVALID_FOREIGN_KEY.name


def disagreements(lake: Lake, lakehouse: Lakehouse) -> tuple[list[str], int]:
    """Return what the preview says otherwise than the jobs did, and how many records and rows were asked about."""
    letters = lakehouse.read("bronze.rejected_records")
    asked = [*_records(lakehouse, letters)]
    for source in SOURCE_TABLES:
        asked += _rows(lake, lakehouse, source, [one for one in letters if one["source_table"] == source.name])
    return [f"{what}: {told}, judged {judged}" for what, told, judged in asked if told != judged], len(asked)


def _records(lakehouse: Lakehouse, letters: list[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    repeated = Reason.DUPLICATE_DETECTED.name
    reasons = {(one["source_key"], one["_ingested_at"]): one["rejection_reason"] for one in letters}
    for row in lakehouse.read("bronze.iot_telemetry"):
        key = f"{row['source_file']}:{row['position']}"
        verdict = preview.record(row["raw_payload"], row["_ingested_at"], _SKEW)
        judged = reasons.get((key, row["_ingested_at"]), "")
        told = "" if isinstance(verdict, preview.Reading) else verdict.reason.name
        yield key, told, "" if judged == repeated else judged


def _rows(
    lake: Lake, lakehouse: Lakehouse, source: SourceTable, letters: list[dict[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    reasons: dict[Any, set[tuple[str, str]]] = {}
    for one in letters:
        at = (one["source_key"], one["_ingested_at"])
        reasons.setdefault(at, set()).add((one["rejection_reason"], one["reprocessing_status"]))
    known: dict[tuple[str, Any], bool] = {}

    def has_parent(table: str, key: Any) -> bool:
        if (table, key) not in known:
            known[table, key] = held.parent(lake.root, table, key)
        return known[table, key]

    for row in lakehouse.read(f"bronze.{source.name}"):
        key = "" if row[source.key] is None else str(row[source.key])
        found = reasons.get((key, row["_ingested_at"]), {("", "")})
        # A key that repeats in one extraction has several verdicts, and a closed orphan that of another moment.
        if len(found) == 1:
            ((reason, status),) = found
            verdict = preview.row(source, row, has_parent)
            if reason != _ORPHAN or status in OPEN:
                yield f"{source.name} {key}", "" if verdict is None else verdict.reason.name, reason
