"""Files are left out by what their statistics say, and never a row that is asked for."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smart_logistics.contracts.bronze import IOT_TELEMETRY
from smart_logistics.lake import scanning, tables
from smart_logistics.lake.conditions import Condition, Where

SCHEMA = pa.schema(
    {
        "day": pa.date32(),
        "text": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "number": pa.int64(),
    }
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = st.none() | st.sampled_from([date(1, 1, 1), date(2026, 2, 28), date(2026, 3, 1), date(9999, 12, 31)])
# Around the lengths at which statistics cut a text, and what its cut end may be followed by.
TEXTS = st.none() | st.sampled_from(
    ["", "'", "a'; --", "é", "z" * 32, "z" * 33, "z" * 64, "z" * 65, "z" * 64 + "\U0010ffff", "\U0001f600", "null"]
)
# Closer to each other than statistics tell them apart.
INSTANTS = st.none() | st.builds(lambda n: NOON + timedelta(microseconds=n), st.integers(-1500, 1500))
NUMBERS = st.none() | st.sampled_from([-(2**63), -1, 0, 1, 2**53 + 1, 2**63 - 1])
VALUES = {"day": DAYS, "text": TEXTS, "at": INSTANTS, "number": NUMBERS}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "in": lambda value, values: value in values,
}

rows = st.fixed_dictionaries(VALUES)
files = st.lists(st.lists(rows, min_size=1, max_size=3), min_size=1, max_size=4)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    name = draw(st.sampled_from([*VALUES]))
    how = draw(st.sampled_from([*COMPARE, "null"]))
    known = VALUES[name].filter(lambda value: value is not None)
    if how == "null":
        return name, how, None
    return name, how, draw(st.lists(known, max_size=3)) if how == "in" else draw(known)


wheres = st.lists(st.lists(conditions(), min_size=1, max_size=3), max_size=2)


def _holds(row: dict[str, Any], condition: Condition) -> bool:
    name, how, value = condition
    if how == "null":
        return row[name] is None
    # Texts are in the order of their UTF-8, which is that of Python's.
    return row[name] is not None and COMPARE[how](row[name], value)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(files=files, where=wheres)
def test_exactly_the_rows_that_are_asked_for_are_read(files: list[list[dict[str, Any]]], where: Where) -> None:
    with TemporaryDirectory() as folder:
        place = tables.uri(folder, IOT_TELEMETRY)
        for file in files:
            write_deltalake(place, pa.Table.from_pylist(file, schema=SCHEMA), partition_by=["day"], mode="append")
        found = scanning.rows(folder, IOT_TELEMETRY, DeltaTable(place), where, ["number", "text"]).to_pylist()
    wanted = [
        row
        for file in files
        for row in file
        if not any(where) or any(all(_holds(row, one) for one in all_of) for all_of in where)
    ]
    assert sorted(map(str, found)) == sorted(str({name: row[name] for name in ("number", "text")}) for row in wanted)


def test_of_a_year_one_file_is_opened(tmp_path: Path) -> None:
    place = tables.uri(str(tmp_path), IOT_TELEMETRY)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    year = [{"day": day, "text": str(day), "at": NOON + timedelta(days=n)} for n, day in enumerate(days)]
    write_deltalake(place, pa.Table.from_pylist(year, schema=SCHEMA), partition_by=["day"])
    found = DeltaTable(place)
    for where in (
        [[("day", "=", days[7])]],
        [[("text", "in", [str(days[7])])]],
        [[("at", ">=", year[7]["at"]), ("at", "<", year[8]["at"])]],
        [[("text", ">=", ""), ("text", "null", None), ("day", "=", days[7])]],
    ):
        assert len(list(scanning.scan(str(tmp_path), IOT_TELEMETRY, found, where).get_fragments())) == 1
    assert len(list(scanning.scan(str(tmp_path), IOT_TELEMETRY, found).get_fragments())) == len(days)
    nothing: Where = [[("day", "=", days[7]), ("text", "in", [])]]
    assert not list(scanning.scan(str(tmp_path), IOT_TELEMETRY, found, nothing).to_table().to_pylist())
