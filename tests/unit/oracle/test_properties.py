"""Properties of the oracle on hostile data: batching, order, repetition; and a naive replay that must agree with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import Deletion, Source, Version, expect
from tests.oracle.gold import mean_kinetic_temperature
from tests.oracle.hostile_data import BETWEEN_WAVES, FIRST_WAVE, hostile_waves, source_of
from tests.oracle.model import Row
from tests.oracle.rows import own_reason
from tests.oracle.source_tables import BY_NAME, TABLES
from tests.unit.oracle.conftest import T0

SEEDS = st.integers(0, 10_000)
quick = settings(max_examples=25, deadline=None)


def content(source: Source) -> dict[str, list[str]]:
    """Silver and Gold, without what depends on when something was noticed."""
    tables = expect(source).tables
    return {
        name: sorted(repr(sorted({**row, "effective_end_ts": _end(row)}.items())) for row in rows)
        for name, rows in tables.items()
        if not name.startswith("bronze.")
    }


def _end(row: Row) -> Any:
    return None if row.get("is_deleted") else row.get("effective_end_ts")


@quick
@given(seed=SEEDS)
def test_silver_and_gold_do_not_depend_on_how_finely_the_extraction_was_cut(seed: int) -> None:
    source = source_of(hostile_waves(seed, 6))
    # What is extracted and what is found gone in one wave are different keys: their order in it is free.
    facts: list[Version | Deletion] = sorted([*source.versions, *source.deletions], key=_moment)
    finer = [_moved(fact, FIRST_WAVE + number * timedelta(seconds=1)) for number, fact in enumerate(facts)]
    versions = [fact for fact in finer if isinstance(fact, Version)]
    deletions = [fact for fact in finer if isinstance(fact, Deletion)]
    assert content(replace(source, versions=versions, deletions=deletions)) == content(source)


@quick
@given(seed=SEEDS)
def test_silver_and_gold_do_not_depend_on_how_many_extractions_are_judged_together(seed: int) -> None:
    source = replace(source_of(hostile_waves(seed, 6)), deletions=())
    together = [replace(version, extracted_at=FIRST_WAVE) for version in source.versions]
    assert content(replace(source, versions=together)) == content(source)


def _moment(fact: Version | Deletion) -> datetime:
    return fact.extracted_at if isinstance(fact, Version) else fact.noticed_at


def _moved(fact: Version | Deletion, to: datetime) -> Version | Deletion:
    return replace(fact, extracted_at=to) if isinstance(fact, Version) else replace(fact, noticed_at=to)


@quick
@given(seed=SEEDS)
def test_what_comes_again_changes_nothing(seed: int) -> None:
    source = source_of(hostile_waves(seed, 4))
    later = FIRST_WAVE + 100 * BETWEEN_WAVES
    gone = {(one.table, one.key) for one in source.deletions}
    newest = {(version.table, str(version.values[BY_NAME[version.table].key])): version for version in source.versions}
    again = [replace(version, extracted_at=later) for key, version in newest.items() if key not in gone]
    loaded = {
        row["checksum_md5"] for row in expect(source).tables["bronze.processed_files_log"] if row["status"] == "LOADED"
    }
    more = replace(
        source,
        versions=[*source.versions, *again],
        files=[*source.files, *(replace(file, taken_at=later) for file in source.files)],
    )
    assert content(more) == content(source)
    log = [row for row in expect(more).tables["bronze.processed_files_log"] if row["processed_at"] == later]
    assert {row["status"] for row in log if row["checksum_md5"] in loaded} <= {"DUPLICATE"}


@quick
@given(seed=SEEDS)
def test_every_record_and_every_version_ends_in_exactly_one_place(seed: int) -> None:
    expected = expect(source_of(hostile_waves(seed, 5, files=40)))
    log = expected.tables["bronze.processed_files_log"]
    records = sum(row["record_count"] for row in log if row["status"] == "LOADED")
    of_files = [letter for letter in expected.dead_letters if letter.source_table == "iot_telemetry"]
    assert records == len(expected.tables["silver.iot_telemetry"]) + len(of_files)
    assert sum(row["rejected_count"] for row in log if row["status"] == "LOADED") == sum(
        letter.reason == "MALFORMED_JSON" for letter in of_files
    )
    assert set(Counter((letter.source_key, letter.ingested_at) for letter in of_files).values()) <= {1}


@quick
@given(seed=SEEDS)
def test_a_replay_run_by_run_gives_the_same_dead_letter_and_silver_keys(seed: int) -> None:
    source = source_of(hostile_waves(seed, 6))
    expected = expect(source, every_batch_was_judged=True)
    letters, kept = replay(source.versions)
    wanted = {(letter.source_table, letter.source_key, letter.ingested_at): letter for letter in expected.dead_letters}
    wanted = {key: letter for key, letter in wanted.items() if key[0] != "iot_telemetry"}
    nameless = {key for key in wanted if key[1] in ("", "\u2003", " ")}
    assert letters.keys() - nameless == wanted.keys() - nameless
    for key, (reason, status) in letters.items():
        if key not in nameless:
            assert (reason, status in wanted[key].statuses) == (wanted[key].reason, True), key
    for table in TABLES:
        rows = expected.tables[f"silver.{table.name}"]
        assert {row[table.key] for row in rows} == set(kept[table.name])


def replay(versions: Any) -> tuple[dict[Any, tuple[str, str]], dict[str, dict[Any, Version]]]:
    """Judge wave by wave as a pipeline would: retry open orphans, close what is superseded."""
    kept: dict[str, dict[Any, Version]] = {table.name: {} for table in TABLES}
    letters: dict[Any, tuple[str, str]] = {}
    orphans: list[Version] = []
    for at in sorted({version.extracted_at for version in versions}):
        new = [version for version in versions if version.extracted_at == at]
        newest = {name_of(version)[:2] for version in new}
        for key, (reason, status) in letters.items():
            if key[:2] in newest and status == "PENDING":
                letters[key] = (reason, "DISCARDED")
        for table in TABLES:
            for version in [v for v in (*orphans, *new) if v.table == table.name]:
                key, reason = name_of(version), own_reason(table, version)
                if not reason and any(version.values.get(c) not in kept[parent] for c, parent in table.parents.items()):
                    reason = "INVALID_FOREIGN_KEY"
                if not reason:
                    current = kept[table.name].get(version.values[table.key])
                    if current is None or current.extracted_at <= version.extracted_at:
                        kept[table.name][version.values[table.key]] = version
                    if key in letters and letters[key][1] == "PENDING":
                        letters[key] = (letters[key][0], "REPROCESSED")
                elif key not in letters:
                    letters[key] = (reason, "PENDING")
        # A superseded orphan is tried on, for it is the latest valid version where the newer ones are invalid.
        orphans = [v for v in (*orphans, *new) if letters.get(name_of(v), ("", ""))[0] == "INVALID_FOREIGN_KEY"]
    return letters, kept


def name_of(version: Version) -> tuple[str, str, Any]:
    return version.table, str(version.values[BY_NAME[version.table].key]), version.extracted_at


@quick
@given(seed=SEEDS)
def test_histories_are_contiguous_with_one_current_version_of_what_is_there(seed: int) -> None:
    histories: dict[str, list[Row]] = {}
    for row in expect(source_of(hostile_waves(seed, 5))).tables["silver.shipments"]:
        histories.setdefault(row["shipment_id"], []).append(row)
    for versions in histories.values():
        assert [row["version"] for row in versions] == list(range(1, len(versions) + 1))
        assert sum(row["is_current"] for row in versions) == (not versions[0]["is_deleted"])
        for earlier, later in pairwise(versions):
            assert earlier["effective_end_ts"] == later["effective_start_ts"] >= earlier["effective_start_ts"]
            assert earlier["status"] != later["status"]


@given(
    celsius=st.lists(st.floats(-40, 60), min_size=1, max_size=20),
    minutes=st.lists(st.integers(0, 120), min_size=20, max_size=20),
)
def test_mean_kinetic_temperature_lies_between_the_extremes(celsius: list[float], minutes: list[int]) -> None:
    moment, readings = T0, []
    for value, gap in zip(celsius, minutes, strict=False):
        readings.append((moment, value))
        moment += gap * BETWEEN_WAVES / 60
    mean = mean_kinetic_temperature(readings, BETWEEN_WAVES)
    assert mean is not None
    assert min(celsius) - 1e-9 <= mean <= max(celsius) + 1e-9
