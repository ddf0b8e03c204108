"""The generator: deterministic, complete in its kinds, and hostile enough to reach every rule."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.oracle import expect
from tests.oracle.files import is_taken, read
from tests.oracle.hostile_data import hostile_waves, source_of
from tests.oracle.hostile_files import FILE_KINDS, NAMES_LEFT, make, suffix
from tests.oracle.hostile_records import RECORD_DAMAGE, damaged, encode, readings

SEEDED = Random(3)  # noqa: S311 (data, not secrets)
LINES = [encode({"truck_id": "P", "timestamp": f"2026-03-01T00:00:0{n}Z", "temperature": n}) for n in range(6)]


def outcome(kind: str) -> str:
    """What six sound lines become in a file of this kind."""
    content = read(f"iot_telemetry_20260301_000000_a{suffix(kind)}", make(SEEDED, kind, LINES))
    return content.status[0] + "".join("x" if record.value is None else "o" for record in content.records)


def test_the_same_seed_gives_the_same_data() -> None:
    one, other = hostile_waves(5, 3), hostile_waves(5, 3)
    assert repr(one) == repr(other)  # NaN is not equal to itself
    assert repr(one) != repr(hostile_waves(6, 3))


def test_there_are_at_least_forty_kinds_of_damage_of_files_and_of_records() -> None:
    assert len(set(FILE_KINDS)) == len(FILE_KINDS) >= 40
    assert len(set(RECORD_DAMAGE)) == len(RECORD_DAMAGE) >= 40


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("lines", "Loooooo"),
        ("lines_with_bom", "Loooooo"),
        ("lines_with_two_boms", "Lxooooo"),
        ("lines_with_blank_ones", "Loooooo"),
        ("lines_with_lone_cr", "F"),
        ("lines_concatenated", "Loooooox"),
        ("array_with_bom_and_space", "Loooooo"),
        ("array_without_end", "Loooooox"),
        ("array_missing_comma", "Loox"),
        ("array_and_lines", "Looooox"),
        ("array_of_others", "Lxxxxxxoooooo"),
        ("array_of_arrays", "F"),
        ("array_not_utf8_in_text", "Loxooooo"),
        ("array_empty", "L"),
        ("bom_only", "L"),
        ("utf_16", "F"),
        ("pretty_object", "F"),
        ("gzip_two_members", "Loooooo"),
        ("gzip_zero_padding", "Loooooo"),
        ("gzip_text_after", "Loooooox"),
        ("gzip_wrong_checksum", "Loooooox"),
        ("gzip_cut_in_trailer_no_last_end", "Loooooox"),
        ("gzip_of_nothing", "L"),
        ("gzip_of_nothing_cut", "F"),
        ("gzip_no_bytes", "L"),
        ("not_gzip", "F"),
    ],
)
def test_a_kind_of_file_is_what_its_name_says(kind: str, expected: str) -> None:
    assert outcome(kind) == expected


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_every_kind_of_file_can_be_read(kind: str) -> None:
    assert outcome(kind)[0] in "LF"


def test_every_kind_of_record_differs_from_the_sound_one() -> None:
    record = readings(SEEDED, 3)[0] | {"latitude": 1.5, "longitude": 2.5}
    lines = {kind: damaged(kind, record) for kind in RECORD_DAMAGE}
    assert encode(record) not in lines.values()
    assert max(Counter(lines.values()).values()) == 1


def test_names_that_must_be_left_are_in_the_waves() -> None:
    assert not any(map(is_taken, NAMES_LEFT))
    assert any(name in NAMES_LEFT for wave in hostile_waves(1, 2) for name, _ in wave.files)


def test_a_wave_has_one_version_of_a_key_and_none_of_a_key_that_is_gone() -> None:
    source = source_of(hostile_waves(2, 6))
    names = Counter((v.table, str(v.values[next(iter(v.values))]), v.extracted_at) for v in source.versions)
    assert set(names.values()) == {1}
    assert source.deletions
    assert not {(one.table, one.key, one.noticed_at) for one in source.deletions} & set(names)


def test_the_waves_reach_every_rule() -> None:
    expected = [expect(source_of(hostile_waves(seed, 5, files=60)), every_batch_was_judged=True) for seed in range(12)]
    letters = [letter for one in expected for letter in one.dead_letters]
    rows = [row for one in expected for row in one.tables["silver.iot_telemetry"]]
    shipments = [row for one in expected for row in one.tables["gold.shipment_analytics"]]
    logs = [row for one in expected for row in one.tables["bronze.processed_files_log"]]
    assert len({letter.reason for letter in letters}) == 6
    assert len({letter.statuses for letter in letters}) == 4
    assert {row["outlier_reason"] for row in rows} == {None, "TEMPERATURE_RANGE", "GPS_RANGE", "SPEED"}
    assert {row["alert_severity"] for row in shipments} == {"None", "Minor", "Major", "Critical"}
    assert {row["status"] for row in logs} == {"LOADED", "DUPLICATE", "FAILED"}
    assert max(len(row["truck_ids"]) for row in shipments) > 1
    assert max(row["excursion_count"] for row in shipments) > 2
    assert any(row["is_deleted"] for one in expected for row in one.tables["silver.shipments"])
