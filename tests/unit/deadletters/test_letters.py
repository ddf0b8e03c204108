"""Finding letters, and writing a person's decision into them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from smart_logistics.contracts.rules import SUPERSEDED, Reprocessing
from smart_logistics.deadletters import letters
from smart_logistics.deadletters.correction import Correction
from smart_logistics.deadletters.discard import discard, review
from smart_logistics.deadletters.letters import Wanted
from smart_logistics.deadletters.reprocess import reprocess
from smart_logistics.errors import ConfigurationError, LockHeld
from smart_logistics.lake import locks
from smart_logistics.lake.waiting import waiting
from tests.unit.deadletters.desk import AT, Site, letter_id

ORPHAN = {"rejection_reason": "INVALID_FOREIGN_KEY", "raw_payload": '{"order_id": "O1", "customer_id": 9}'}


def found(site: Site, **filters: object) -> list[int]:
    ids = letters.read(site.lakehouse, replace(Wanted(), **filters), ["record_id"])["record_id"]  # type: ignore[arg-type]
    return [int(text.as_py(), 16) for text in ids]


def test_filters_hold_together_and_the_newest_come_first(site: Site) -> None:
    site.reject(1)
    site.reject(2, rejection_reason="MALFORMED_JSON", layer="bronze", rejection_detail="not JSON: Extra data")
    site.reject(3, source_file="other.json", run_id="other", reprocessing_status="REVIEWED")
    site.reject(4, reprocessing_status="DISCARDED")
    site.reject_order(5)
    assert found(site) == [5, 3, 2, 1]
    assert found(site, statuses=("DISCARDED",)) == [4]
    assert found(site, table="iot_telemetry", layer="silver") == [3, 1]
    assert found(site, reason="MALFORMED_JSON") == found(site, text="EXTRA") == [2]
    assert found(site, file="other.json") == found(site, run="other") == [3]
    assert found(site, since=AT + timedelta(minutes=2), until=AT + timedelta(minutes=5)) == [3, 2]


def test_a_letter_is_named_by_the_beginning_of_its_id_if_that_is_one(site: Site) -> None:
    ids = [site.reject(1, record_id="ab" + "0" * 62), site.reject(2, record_id="ac" + "0" * 62)]
    assert ids
    assert letters.resolve(site.lakehouse, ["AB"]) == ("ab" + "0" * 62,)
    for prefix, message in (("a", "2 letters begin"), ("x", "no letter begins"), ("", "no letter begins")):
        with pytest.raises(ConfigurationError, match=message):
            letters.resolve(site.lakehouse, [prefix])


def test_without_a_table_there_are_no_letters(site: Site) -> None:
    assert found(site) == []


def test_a_discarded_letter_says_why_and_who_and_a_repetition_changes_nothing(site: Site) -> None:
    site.reject(1)
    site.reject(2)
    (outcome,) = discard(site.desk, [letter_id(1)], "sent twice")
    assert outcome.state.value == "discarded"
    assert site.status(1) == ("DISCARDED", "truck_id is null or blank; discarded (asha: sent twice)")
    assert site.status(2)[0] == "PENDING"
    version = DeltaTable(f"{site.lakehouse}/bronze/rejected_records").version()
    assert discard(site.desk, [letter_id(1)], "again")[0].told == "is DISCARDED"
    assert DeltaTable(f"{site.lakehouse}/bronze/rejected_records").version() == version


def test_an_orphan_that_somebody_discarded_waits_for_nothing_whatever_the_words(site: Site) -> None:
    site.reject_order(1, **ORPHAN)
    site.reject_order(2, **ORPHAN | {"reprocessing_status": "DISCARDED", "rejection_detail": f"x{SUPERSEDED}"})
    assert waiting(site.lakehouse)["orders"].orphans == 2
    discard(site.desk, [letter_id(1)], f"why{SUPERSEDED}")
    assert waiting(site.lakehouse)["orders"].orphans == 1


def test_what_is_on_its_way_or_in_silver_is_not_discarded(site: Site) -> None:
    site.keep("customers", customer_id=1)
    site.reject(1)
    site.reject_order(2)
    site.reject_order(3, **ORPHAN)
    # Killed after Silver was merged: the letter is still to be closed.
    site.keep("orders", at=AT, order_id="O3", customer_id=9)
    reprocess(site.desk, [letter_id(1)], Correction(values={"truck_id": "X"}))
    reprocess(site.desk, [letter_id(2)], Correction(values={"total_amount": "5"}))
    told = [one.told for one in discard(site.desk, [letter_id(n) for n in (1, 2, 3)], "no")]
    assert [text.split(": ")[0].split(".json ")[-1] for text in told] == [
        "its row is in Silver", "its corrected version is in Bronze", "waits in the landing folder"
    ]  # fmt: skip
    assert [site.status(n)[0] for n in (1, 2, 3)] == ["REVIEWED", "REVIEWED", "PENDING"]


def test_a_reviewed_letter_stays_open_and_is_marked_once(site: Site) -> None:
    site.reject(1)
    assert review(site.desk, [letter_id(1)]) == [letter_id(1)]
    assert review(site.desk, [letter_id(1)]) == []
    assert site.status(1) == ("REVIEWED", "truck_id is null or blank; reviewed (asha)")
    assert found(site) == [1]


def test_a_writer_of_the_table_is_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.reject(1)
    hold = locks.hold
    monkeypatch.setattr(locks, "hold", lambda path, **_: hold(path, wait_seconds=0.2))
    with hold(locks.of(site.lakehouse, "bronze.rejected_records")), pytest.raises(LockHeld):
        letters.mark(site.lakehouse, [letter_id(1)], Reprocessing.REVIEWED, "")
    assert site.status(1)[0] == "PENDING"


def test_what_a_job_closed_meanwhile_stays_closed(site: Site) -> None:
    site.reject(1, reprocessing_status="REPROCESSED")
    assert letters.mark(site.lakehouse, [letter_id(1)], Reprocessing.DISCARDED, "; x") == []
    assert site.status(1)[0] == "REPROCESSED"


def test_on_object_storage_letters_are_not_changed(site: Site) -> None:
    with pytest.raises(ConfigurationError, match="not changed"):
        letters.mark("s3a://bucket/lake", [letter_id(1)], Reprocessing.REVIEWED, "")
