"""A record's fields, typed as contract §4 says; the oracle's judgement is the measure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_logistics.sources.telemetry import fields, instant
from tests.oracle import readings
from tests.oracle.files import is_taken, read
from tests.oracle.hostile_data import hostile_waves

SOUND = {"truck_id": "A", "timestamp": "2026-03-01T00:00:00Z", "temperature": 5.0}
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("seed", range(10))
def test_hostile_records_are_typed_as_the_oracle_judges_them(seed: int) -> None:
    for name, data in (file for wave in hostile_waves(seed, files=120) for file in wave.files):
        for record in read(name, data).records if is_taken(name) else ():
            if record.value is not None:
                agree(record.value)


def agree(value: dict[str, Any]) -> None:
    found = fields(value)
    reason, reading = readings.judge(value, "f", FOREVER)
    assert (found.schema_error is not None) is (reason == "SCHEMA_VALIDATION_FAILED"), value
    at = readings.reading_date_source(value)
    assert (found.event_ts, found.reading_date) == (at, at and at.date())
    if reason == "NULL_CRITICAL_FIELD":
        assert None in (found.truck_id, found.timestamp, found.temperature)
    if reading is not None:
        assert found.truck_id is not None
        assert (found.event_ts, found.temperature) == (reading.event_ts, reading.temperature)
        assert (found.latitude, found.longitude) == (reading.latitude, reading.longitude)


@given(
    st.from_regex(
        r"(00|19|20|99)[0-9]{2}-[0-9]{2}-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{0,10})?([Zz]|[+-][0-9]{2}:?[0-9]{2})?",
        fullmatch=True,
    )
)
def test_instants_are_read_as_the_oracle_reads_them(text: str) -> None:
    assert instant(text) == readings.instant(text)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("2026-03-01T06:00:00.1234569+05:30", datetime(2026, 3, 1, 0, 30, 0, 123456, tzinfo=UTC)),
        ("2026-03-01T00:00:00.5", datetime(2026, 3, 1, 0, 0, 0, 500000, tzinfo=UTC)),
        ("2026-03-01T00:00:00-00:00", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01t00:00:00z", None),
        ("2026-03-01T00:00:00Z\n", None),
        ("2026-03-01T00:00:00+24:00", None),
        ("0001-01-01T00:00:00+00:01", None),
        ("2026-02-29T00:00:00Z", None),
    ],
)
def test_an_instant_has_one_grammar(text: str, read_as: datetime | None) -> None:
    assert instant(text) == read_as


def test_the_error_names_every_value_of_the_wrong_type_and_shows_only_its_head() -> None:
    found = fields(SOUND | {"truck_id": 7.0, "temperature": "x" * 10_000, "latitude": True})
    assert found.schema_error is not None
    assert "truck_id=7.0" in found.schema_error
    assert "temperature=" in found.schema_error
    assert "latitude=true" in found.schema_error
    assert len(found.schema_error) < 400
    assert (found.truck_id, found.temperature, found.latitude) == (None, None, None)
    assert found.reading_date == date(2026, 3, 1)


def test_a_blank_text_is_null_in_every_field_before_types_are_judged() -> None:
    blank = "\u00a0\u2003\x1c"
    found = fields(dict.fromkeys(("truck_id", "timestamp", "temperature", "latitude", "longitude"), blank))
    assert set(found) == {None}
