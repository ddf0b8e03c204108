"""Count again, by files and tables and without the pipeline's code, what a killed and recovered site holds."""

from __future__ import annotations

import fcntl
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from hashlib import md5
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tests.faults.kill_site import EVENTS, Site
from tests.oracle import Rules, differences, expect
from tests.oracle.files import is_taken
from tests.oracle.load import Lakehouse, misplaced, source_of
from tests.oracle.source_tables import TABLES

_FOLDERS = ("landing", "processing", "archive", "failed")


def wrong(site: Site) -> list[str]:
    """Return what is not exactly once where it belongs; for a site whose every job came to its end."""
    lakehouse = Lakehouse(site.lakehouse)
    source = source_of(lakehouse, site.home)
    rules = Rules(hold=timedelta(minutes=site.settings["HOLD_MINUTES"]))
    return [
        *wrong_logs(site.lakehouse),
        *wrong_files(site, lakehouse),
        *_wrong_versions(site, lakehouse),
        *misplaced(lakehouse, site.home),
        *differences(expect(source, rules), lakehouse.read),
        *_twice("ops.dq_metrics", lakehouse, "run_id", "layer", "table_name", "check_name"),
        *_twice("bronze.rejected_records", lakehouse, "record_id"),
    ]


def wrong_logs(lakehouse: Path) -> Iterator[str]:
    """Every table's versions are contiguous and whole, and every file that they name is there and as long as said."""
    for log in sorted(lakehouse.glob("*/*/_delta_log")):
        table = log.parent
        versions = sorted(int(path.stem) for path in log.glob("*.json") if path.stem.isdigit())
        if versions != list(range(len(versions))):
            yield f"{table}: its versions are {versions}"
        for path in log.glob("[0-9]*.json"):
            if not [json.loads(line) for line in path.read_bytes().splitlines()]:
                yield f"{path} is empty"
        for action in DeltaTable(str(table)).get_add_actions(flatten=True).to_struct_array().to_pylist():
            file = table / action["path"]
            if not file.is_file() or file.stat().st_size != action["size_bytes"]:
                yield f"{file} is not there as the log says"


def held_locks(site: Site) -> list[str]:
    """Return the locks that somebody still holds."""
    return [path.name for path in (site.home / ".iot_files.lock", *site.lakehouse.glob("_locks/*")) if _is_held(path)]


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def wrong_files(site: Site, lakehouse: Lakehouse) -> Iterator[str]:
    """Each file that landed lies in exactly one place, and is logged once where its name is for us."""
    landed = Counter(checksum for (_, checksum), n in site.journal.files.items() for _ in range(n))
    lies: Counter[str] = Counter()
    for folder in _FOLDERS:
        for path in (site.home / folder).rglob("*"):
            if path.is_file():
                lies[md5(path.read_bytes(), usedforsecurity=False).hexdigest()] += 1
                if folder == "processing" or (folder == "landing" and is_taken(path.name)):
                    yield f"{path} was left there"
    for checksum in landed.keys() | lies.keys():
        if landed[checksum] != lies[checksum]:
            yield f"of the bytes {checksum} {landed[checksum]} files landed and {lies[checksum]} lie somewhere"
    logged = Counter((row["file_name"], row["checksum_md5"]) for row in lakehouse.read("bronze.processed_files_log"))
    wanted = Counter({one: n for one, n in site.journal.files.items() if is_taken(one[0])})
    for one in logged.keys() | wanted.keys():
        if logged[one] != wanted[one]:
            yield f"{one} landed {wanted[one]} times and is logged {logged[one]} times"


def _wrong_versions(site: Site, lakehouse: Lakehouse) -> Iterator[str]:
    """Bronze holds each version at most once, none that never was, and the one that the source has now."""
    with site.source.connect() as connection:
        for table in TABLES:
            moment = table.key if table.name == EVENTS else "updated_at"
            held = Counter((row[table.key], row[moment]) for row in lakehouse.read(f"bronze.{table.name}"))
            came: set[tuple[Any, Any]] = {(key, at) for name, key, at in site.journal.versions if name == table.name}
            if table.name == EVENTS:
                came = {(one, one) for one in site.journal.events}
            live = set(connection.execute(f"SELECT {table.key}, {moment} FROM {table.name}".encode()).fetchall())
            for what, found in (
                ("taken twice", {one for one, n in held.items() if n > 1}),
                ("never came", held.keys() - came),
                ("lost", live - held.keys()),
            ):
                yield from (f"bronze.{table.name}: {what}: {one}" for one in sorted(found, key=repr))


def _twice(name: str, lakehouse: Lakehouse, *key: str) -> Iterator[str]:
    counted = Counter(tuple(row[column] for column in key) for row in lakehouse.read(name))
    yield from (f"{name}: {n} rows of {one}" for one, n in counted.items() if n > 1)
