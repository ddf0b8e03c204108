"""Hundreds of small hostile histories side by side in one lake, so that one run of the jobs judges all of them.

A world is a company of its own: two or three keys of each table, some trucks, and what comes of them in four steps. Its
keys are its own, so worlds do not meet. Each history is told several times, by twins: worlds with the same steps, dealt
to the runs in another way. All twins must end with the same content.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations_with_replacement
from random import Random
from typing import Any

from tests.oracle.hostile_data import FIRST_WAVE, Wave
from tests.oracle.hostile_records import VALUES, damaged, encode, readings
from tests.oracle.hostile_rows import KEYS, T0, Keys, events, version
from tests.oracle.model import Row
from tests.oracle.readings import instant
from tests.oracle.source_tables import BY_NAME

STEPS, RUNS, TWINS = 4, 2, 4
_CUTS = tuple(combinations_with_replacement(range(RUNS), STEPS))
"""Every way to deal the steps to the runs in their order."""
_EVENTS_A_STEP, _READINGS_A_TRUCK = 3, 6
_KEYS_APART = 1000
_MOST_KEYS = {"customers": 1, "drivers": 1, "warehouses": 1, "vehicles": 3, "truck_assignments": 4}
_KEYS: Keys = {name: keys[: _MOST_KEYS.get(name, 2)] for name, keys in KEYS.items()}
_KEY_COLUMNS = frozenset(
    {table.key for table in BY_NAME.values()}
    | {column for table in BY_NAME.values() for column in table.parents}
    | {"driver_id", "origin_warehouse_id"}
)
_PLATES = frozenset({"license_plate", "truck_id"})
# Routes are told apart by their cities: each world has cities of its own.
_CITIES = frozenset({"city", "origin_city", "destination_city"})
_OWN_TEXTS = _KEY_COLUMNS | _PLATES | _CITIES
_LISTS = {"truck_ids": "truck_id", "driver_ids": "driver_id"}
# What says when or by which file something came, or is a function of the keys' spelling.
_NOT_CONTENT = frozenset({"shipment_sk", "source_file", "first_event_id"})


@dataclass(frozen=True)
class Step:
    """What one extraction and one ingestion bring. A record's damage is one of VALUES, or empty."""

    rows: Mapping[str, list[Row]]
    deleted: Mapping[str, list[Any]]
    records: list[tuple[str, Row]]


def steps(history: int, telling: int) -> list[Step]:
    """Return the steps of a history; the same numbers give the same steps.

    All tellings of a history have the same rows. Of an odd one, whose readings are sound and of different instants,
    they deal the readings to the steps in different orders; of an even one, damaged and repeated, in the same order.
    """
    rng = Random(history)  # noqa: S311 (data, not secrets)
    records = readings(rng, _READINGS_A_TRUCK)
    if history % 2:
        dealt = [("", record) for record in _of_different_instants(records)]
        Random(f"{history} {telling}").shuffle(dealt)  # noqa: S311 (data, not secrets)
    else:
        rng.shuffle(records)
        dealt = [(rng.choice((*VALUES, *[""] * 200)), record) for record in records]
    rows_of = _rows(rng)
    return [
        Step(rows, deleted, dealt[number * len(dealt) // STEPS : (number + 1) * len(dealt) // STEPS])
        for number, (rows, deleted) in enumerate(rows_of)
    ]


def _of_different_instants(records: Iterable[Row]) -> list[Row]:
    return list({(_core(row["truck_id"]).upper(), instant(row["timestamp"])): row for row in records}.values())


def _rows(rng: Random) -> list[tuple[dict[str, list[Row]], dict[str, list[Any]]]]:
    """Return the row versions and the keys gone of each step."""
    seen: dict[str, set[Any]] = defaultdict(set)
    result = []
    for number in range(STEPS):
        deleted = {table: [key for key in sorted(keys) if rng.random() < 0.06] for table, keys in seen.items()}
        rows = {
            table: [
                version(rng, table, key, T0 + timedelta(days=number), _KEYS, broken=0.2)
                for key in keys
                # Most parents come in the first step, or all of the world would be orphans.
                if key not in deleted.get(table, ()) and rng.random() < (0.4 if number else 0.85)
            ]
            for table, keys in _KEYS.items()
        }
        for table, of in rows.items():
            seen[table] |= {row[BY_NAME[table].key] for row in of}
        rows["shipment_status_events"] = events(rng, 1 + number * _EVENTS_A_STEP, _EVENTS_A_STEP, _KEYS)
        result.append((rows, deleted))
    return result


def runs(histories: Iterable[int]) -> list[list[Wave]]:
    """Return what is extracted and ingested before each run, moment by moment, for every telling of ``histories``."""
    rows: dict[tuple[int, int], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    deleted: dict[tuple[int, int], dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    files: dict[tuple[int, int], list[tuple[str, bytes]]] = defaultdict(list)
    for history in histories:
        cuts = Random(-history).sample(_CUTS, TWINS)  # noqa: S311 (data, not secrets)
        for twin, cut in enumerate(cuts):
            world = history * TWINS + twin
            for number, step in enumerate(steps(history, twin)):
                at = (cut[number], number)
                for table, of in step.rows.items():
                    rows[at][table] += [{name: _own(name, value, world) for name, value in row.items()} for row in of]
                for table, keys in step.deleted.items():
                    deleted[at][table] += [_own(BY_NAME[table].key, key, world) for key in keys]
                lines = [_line(damage, record, world) for damage, record in step.records]
                name = f"iot_telemetry_20260331_{number:06}_{world}.json"
                files[at].append((name, b"".join(line + b"\n" for line in lines)))
    return [
        [
            Wave(moment(run, step), rows[run, step], files[run, step], deleted[run, step])
            for step in range(STEPS)
            if (run, step) in rows
        ]
        for run in range(RUNS)
    ]


def moment(run: int, step: int) -> datetime:
    """Return when a step of a run is extracted and ingested."""
    return FIRST_WAVE + timedelta(hours=run, minutes=step)


def _line(damage: str, record: Row, world: int) -> bytes:
    own = {**record, "truck_id": _own("truck_id", record["truck_id"], world)}
    return damaged(damage, own) if damage else encode(own)


def _core(text: str) -> str:
    return text.strip()


def _own(column: str, value: Any, world: int) -> Any:
    """Return a value with keys and plates made a world's own; what is no key of any sort stays."""
    if isinstance(value, str) and _core(value) and column in _OWN_TEXTS:
        return value.replace(_core(value), f"{_core(value)}~{world}")
    if isinstance(value, int) and column in _KEY_COLUMNS:
        return value + world * _KEYS_APART
    return value


def world_of(row: Mapping[str, Any]) -> int | None:
    """Return the world that a row of Silver or Gold belongs to, None where its keys name none."""
    for column in (*_KEY_COLUMNS, *_PLATES, *_CITIES):
        value = row.get(column)
        if isinstance(value, str) and "~" in value:
            return int(value.rpartition("~")[2])
        if isinstance(value, int):
            return value // _KEYS_APART
    return None


def told(row: Mapping[str, Any], world: int, of: Iterable[str]) -> str:
    """Return the columns ``of`` a row, alike for all twins: keys as in every world, nothing of when or whence."""
    ends = {"effective_end_ts"} if row.get("is_deleted") else set()
    return repr({name: _common(name, row[name], world) for name in sorted({*of} - _NOT_CONTENT - ends)})


def _common(column: str, value: Any, world: int) -> Any:
    if isinstance(value, list):
        return [_common(_LISTS.get(column, column), one, world) for one in value]
    if isinstance(value, str) and column in _OWN_TEXTS:
        return value.removesuffix(f"~{world}")
    if isinstance(value, int) and column in _KEY_COLUMNS:
        return value - world * _KEYS_APART
    return value
