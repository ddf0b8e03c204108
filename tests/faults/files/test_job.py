"""Damaged files through the whole job on Spark: what the tables hold accounts for every byte that landed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random

from smart_logistics.jobs import bronze_ingest_iot as job
from smart_logistics.jobs.runner import Context
from smart_logistics.lake.store import Lake
from tests.faults.files.accountant import Account, account
from tests.faults.files.fuzz import DamagedFile, Dealer
from tests.oracle import files as oracle
from tests.oracle.load import Lakehouse

FILES = 150


def test_the_tables_account_for_every_byte_that_landed(lake: Lake, seed: int, tmp_path: Path) -> None:
    lake.job = "bronze_ingest_iot"
    landing = tmp_path / "landing"
    landing.mkdir()
    dealer = Dealer(Random(seed))  # noqa: S311 (data, not secrets)
    landed: dict[str, DamagedFile] = {}
    while len(landed) < FILES:
        file = dealer.file()
        # The caps are the real ones here, under which a head stands for nothing.
        landed[file.name] = file
        (landing / file.name).write_bytes(file.data)
    told = job.run(Context(lake, "r", str(landing), {"SETTLE_SECONDS": 0}))
    tables = Lakehouse(tmp_path / "lakehouse")
    texts: dict[str, list[tuple[int, str, str | None]]] = defaultdict(list)
    for row in tables.read("bronze.iot_telemetry"):
        texts[row["source_file"]].append((row["position"], row["raw_payload"], None))
    for row in tables.read("bronze.rejected_records"):
        position = int(row["source_key"].rpartition(":")[2])
        texts[row["source_file"]].append((position, row["raw_payload"], row["rejection_detail"]))
    log = {row["file_name"]: row for row in tables.read("bronze.processed_files_log")}
    assert set(log) == set(landed)
    for name, file in landed.items():
        place = Path(log[name]["file_path"])
        assert place.read_bytes() == file.data
        if log[name]["status"] == "LOADED":
            laid = [(text, detail) for _, text, detail in sorted(texts.pop(name, []), key=lambda one: one[0])]
            content = oracle.inflate(file.data)[0] if name.endswith(".gz") else file.data
            assert account(content, laid) == Account(), (seed, name, sorted(file.kinds))
            assert len(laid) == log[name]["record_count"]
    assert texts == {}
    assert list(landing.iterdir()) == []
    failed = sorted(name for name, row in log.items() if row["status"] == "FAILED")
    assert told["failed_files"] == failed[:20]
    before = {name: len(tables.read(f"bronze.{name}")) for name in ("iot_telemetry", "rejected_records")}
    again = job.run(Context(lake, "r2", str(landing), {"SETTLE_SECONDS": 0}))
    assert again["rows"] == 0
    assert {name: len(tables.read(f"bronze.{name}")) for name in before} == before
