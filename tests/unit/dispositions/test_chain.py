"""The chain tells of each entry that was changed, removed, moved or inserted, and of what it cannot know."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
from smart_logistics.dispositions import book, chain
from smart_logistics.dispositions.chain import Anchor, Verdict
from smart_logistics.errors import ConfigurationError
from smart_logistics.lake import compaction, vacuum
from tests.unit.dispositions.ward import NOON, Row, Ward, excursion

# Written out by hand from the description in docs/reports.md: whoever checks a chain with it must get this.
_BYTES = (
    b"entry_no:bigint:1:1\n"
    b"format:int:1:1\n"
    b"request_id:string:1:k\n"
    b"decided_at:timestamp:27:2026-11-01T12:00:00.000000Z\n"
    b"author:string:4:asha\n"
    b"via:string:7:airflow\n"
    b"decision:string:7:release\n"
    b"reason:string:10:so\n3\xc2\xb0 too\n"
    b"shipment_id:string:2:S1\n"
    b"excursion_no:int:1:1\n"
    b"truck_id:string:10:MH12AB1234\n"
    b"started_at:timestamp:27:2026-11-01T13:00:00.000000Z\n"
    b"ended_at:timestamp:27:2026-11-01T13:50:00.000000Z\n"
    b"minutes:double:16:4049000000000000\n"
    b"reading_count:bigint:1:5\n"
    b"peak_temperature:double:16:4026000000000000\n"
    b"peak_deviation:double:16:4008000000000000\n"
    b"peak_at:timestamp:27:2026-11-01T13:10:00.000000Z\n"
    b"severity:string:5:Major\n"
    b"min_threshold:null:0:\n"
    b"max_threshold:double:16:4020000000000000\n"
    b"excursions_version:bigint:1:7\n"
    b"analytics_version:bigint:1:8\n"
    b"previous_hash:string:64:" + b"0" * 64 + b"\n"
)


def an_entry() -> Row:
    said = {
        "entry_no": 1,
        "request_id": "k",
        "decided_at": NOON,
        "author": "asha",
        "via": "airflow",
        "decision": "release",
        "reason": "so\n3° too",
        "min_threshold": None,
        "max_threshold": 8.0,
        "excursions_version": 7,
        "analytics_version": 8,
    }
    return chain.sealed(excursion() | said, None)


def test_the_encoding_is_the_one_that_is_described() -> None:
    assert chain.encoded(an_entry()) == _BYTES
    assert an_entry()["entry_hash"] == sha256(_BYTES).hexdigest()


def test_every_column_but_the_hash_itself_is_covered() -> None:
    assert (*chain.COVERED, "entry_hash") == EXCURSION_DISPOSITIONS.column_names


def another(value: Any) -> Any:
    match value:
        case None:
            return 1.0
        case str():
            return value + "x"
        case datetime():
            return value + timedelta(microseconds=1)
        case _:
            return value + 1


def test_a_chain_that_nobody_touched_holds(ward: Ward) -> None:
    entries = ward.decide_three()
    assert book.verify(ward.lakehouse) == Verdict(3, entries[-1]["entry_hash"])
    assert [row["previous_hash"] for row in entries] == [chain.GENESIS, *(e["entry_hash"] for e in entries[:2])]


@pytest.mark.parametrize("name", EXCURSION_DISPOSITIONS.column_names)
def test_a_change_of_any_field_is_found(ward: Ward, name: str) -> None:
    rows = ward.decide_three()
    if name in ("decision", "via"):  # the table itself refuses another word
        value = {"decision": "reject", "via": "command line"}[name]
    else:
        value = another(rows[1][name])
    ward.tamper([rows[0], rows[1] | {name: value}, rows[2]])
    broken = book.verify(ward.lakehouse).broken
    assert broken is not None
    assert broken.entry_no == 2


def test_a_change_that_is_hashed_again_breaks_the_next_entry(ward: Ward) -> None:
    rows = ward.decide_three()
    ward.tamper([rows[0], chain.sealed(rows[1] | {"reason": "none"}, rows[0]), rows[2]])
    broken = book.verify(ward.lakehouse).broken
    assert broken is not None
    assert broken.entry_no == 3
    assert "the entry before it" in broken.why


@pytest.mark.parametrize(("gone", "first"), [(0, 1), (1, 2), (2, 3)])
def test_a_removed_entry_is_found_at_the_end_too(ward: Ward, gone: int, first: int) -> None:
    rows = ward.decide_three()
    ward.tamper([row for number, row in enumerate(rows) if number != gone])
    broken = book.verify(ward.lakehouse).broken
    assert broken is not None
    assert broken.entry_no == first
    assert "missing" in broken.why


def test_all_entries_removed_is_found(ward: Ward) -> None:
    ward.decide_three()
    ward.tamper([])
    broken = book.verify(ward.lakehouse).broken
    assert broken is not None
    assert broken.entry_no == 1


def test_entries_that_change_places_are_found(ward: Ward) -> None:
    rows = ward.decide_three()
    ward.tamper([rows[0], rows[1] | {"entry_no": 3}, rows[2] | {"entry_no": 2}])
    broken = book.verify(ward.lakehouse).broken
    assert broken is not None
    assert broken.entry_no == 2


def test_an_inserted_entry_is_found_in_the_middle_and_at_the_end(ward: Ward) -> None:
    rows = ward.decide_three()
    forged = chain.sealed(rows[1] | {"decision": "release", "request_id": "forged"}, rows[0])
    ward.tamper([*rows, forged])
    middle = book.verify(ward.lakehouse).broken
    ward.tamper([*rows, chain.sealed(rows[2] | {"entry_no": 4, "request_id": "forged"}, rows[2])])
    end = book.verify(ward.lakehouse).broken
    assert (middle and middle.entry_no, end and end.entry_no) == (2, 4)


def test_after_a_removal_the_numbers_go_on_and_the_gap_stays_visible(ward: Ward) -> None:
    rows = ward.decide_three()
    ward.tamper(rows[:2])
    assert ward.decide("d").entry["entry_no"] == 4
    broken = book.verify(ward.lakehouse).broken
    assert broken is not None
    assert broken.entry_no == 3


def test_a_chain_that_was_written_anew_with_its_log_holds_unless_an_entry_was_noted_outside(ward: Ward) -> None:
    rows = ward.decide_three()
    noted = Anchor(2, rows[1]["entry_hash"])
    assert book.verify(ward.lakehouse, expected=noted).holds
    first = chain.sealed(rows[0] | {"decision": "release"}, None)
    ward.tamper([first, chain.sealed(rows[1], first)], written=2)
    assert book.verify(ward.lakehouse).holds, "nothing inside the lakehouse knows of it"
    broken = book.verify(ward.lakehouse, expected=noted).broken
    assert broken is not None
    assert broken.entry_no == 2
    cut = book.verify(ward.lakehouse, expected=Anchor(3, rows[2]["entry_hash"])).broken
    assert cut is not None
    assert "missing at the end" in cut.why


@pytest.mark.parametrize("text", ["", "3", "3:abc", f"0:{'a' * 64}", f"x:{'a' * 64}", f"3:{'g' * 64}"])
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="NUMBER:HASH"):
        Anchor.parse(text)


def test_an_anchor_is_read_as_it_is_printed() -> None:
    assert Anchor.parse(f" 12:{'AB' * 32}\n") == Anchor(12, "ab" * 32)


def test_delta_refuses_to_delete_or_update(ward: Ward) -> None:
    ward.decide_three()
    table = DeltaTable(ward.place)
    with pytest.raises(DeltaError):
        table.delete("entry_no = 3")
    with pytest.raises(DeltaError):
        table.update(predicate="entry_no = 3", updates={"reason": "'x'"})
    assert book.verify(ward.lakehouse).entries == 3


def test_maintenance_leaves_the_chain_as_it_was(ward: Ward) -> None:
    entries = ward.decide_three()
    steps = compaction.steps(ward.lakehouse, EXCURSION_DISPOSITIONS)
    assert [compaction.apply(ward.lakehouse, EXCURSION_DISPOSITIONS, step) for step in steps] == [3]
    assert vacuum.apply(ward.lakehouse, EXCURSION_DISPOSITIONS, 0).files == 3
    vacuum.clean_log(ward.lakehouse, EXCURSION_DISPOSITIONS)
    assert book.verify(ward.lakehouse) == Verdict(3, entries[-1]["entry_hash"])
    assert ward.rows() == entries
    assert ward.decide("d").entry["entry_no"] == 4
    assert book.verify(ward.lakehouse).holds
