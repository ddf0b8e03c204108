"""A decision is written once, says what it was about, and stays readable when the excursion changes."""

from __future__ import annotations

import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smart_logistics.cli.main import app
from smart_logistics.contracts.dispositions import Decision
from smart_logistics.dispositions import book, seen
from smart_logistics.dispositions.book import ExcursionChanged, KeyTaken, NoSuchExcursion, WrongRequest
from smart_logistics.lake.conditions import ALL
from tests.unit.dispositions.ward import Ward, excursion

EACH = 6


def test_an_entry_says_what_was_seen(ward: Ward) -> None:
    entry = ward.decide().entry
    assert {name: entry[name] for name in seen.FACTS} == {name: excursion()[name] for name in seen.FACTS}
    assert (entry["min_threshold"], entry["max_threshold"], entry["author"]) == (2.0, 8.0, "asha")
    assert (entry["excursions_version"], entry["analytics_version"]) == (2, 2)
    assert ward.rows() == [entry]


def test_a_repeated_request_adds_nothing(ward: Ward) -> None:
    first = ward.decide()
    ward.recompute()  # not even when its excursion is gone meanwhile
    again = ward.decide()
    assert (first.is_new, again.is_new) == (True, False)
    assert ward.rows() == [first.entry] == [again.entry]


@pytest.mark.parametrize("other", [{"reason": "x"}, {"author": "ravi"}, {"decision": Decision.RELEASE}])
def test_a_key_belongs_to_one_decision(ward: Ward, other: dict[str, Any]) -> None:
    ward.decide()
    with pytest.raises(KeyTaken, match="entry 1"):
        ward.decide(**other)
    assert len(ward.rows()) == 1


def test_of_what_has_changed_since_it_was_shown_nothing_is_decided(ward: Ward) -> None:
    shown = seen.mark(excursion())
    ward.recompute(excursion(peak_temperature=12.5))
    with pytest.raises(ExcursionChanged):
        ward.decide(seen=shown)
    assert ward.rows() == []
    assert ward.decide(seen=seen.mark(excursion(peak_temperature=12.5))).is_new


@pytest.mark.parametrize("which", [{"excursion_no": 3}, {"shipment_id": "S3"}, {"shipment_id": "' OR 1=1"}])
def test_an_excursion_that_is_not_there_cannot_be_decided_upon(ward: Ward, which: dict[str, Any]) -> None:
    with pytest.raises(NoSuchExcursion):
        ward.decide(**which)


@pytest.mark.parametrize(
    "wrong",
    [
        {"reason": " \n"},
        {"reason": "x" * 2001},
        {"author": ""},
        {"key": " "},
        {"reason": "a\x00b"},
        {"reason": "\u202ex"},
    ],
)
def test_what_is_no_reason_is_refused(ward: Ward, wrong: dict[str, str]) -> None:
    with pytest.raises(WrongRequest):
        ward.decide(**wrong)


def test_a_reason_may_have_lines_and_any_script(ward: Ward) -> None:
    assert ward.decide(reason=" दरवाज़ा खुला था\r\nक्\u200dष <b> ").entry["reason"] == "दरवाज़ा खुला था\nक्\u200dष <b>"


def _write(lakehouse: str, ward: Ward, who: str) -> list[int]:
    return [ward.decide(f"{who}{n}", author=who).entry["entry_no"] for n in range(EACH)]


def test_two_writers_at_once_give_one_chain(ward: Ward) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        numbers = list(pool.map(_write, [ward.lakehouse] * 2, [ward] * 2, ["asha", "ravi"]))
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 2 * EACH + 1))
    verdict = book.verify(ward.lakehouse)
    assert (verdict.holds, verdict.entries) == (True, 2 * EACH)


def test_without_a_lock_too(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on object storage: whoever comes second reads again and follows."""
    ward.decide("first")
    read = book._rows
    others = iter(["between", ""])

    def overtaken(lakehouse, table, found, where=ALL):  # type: ignore[no-untyped-def]
        rows = read(lakehouse, table, found, where)
        if table.name == "excursion_dispositions" and (key := next(others, "")):
            monkeypatch.setattr("smart_logistics.lake.tables.is_local", lambda _: False)
            ward.decide(key)
        return rows

    monkeypatch.setattr(book, "_rows", overtaken)
    monkeypatch.setattr("smart_logistics.lake.tables.is_local", lambda _: False)
    assert ward.decide("second").entry["entry_no"] == 3
    assert book.verify(ward.lakehouse).holds
    assert [row["request_id"] for row in ward.rows()] == ["first", "between", "second"]


def test_an_entry_finds_its_excursion_again_and_says_what_changed(ward: Ward) -> None:
    entry = ward.decide(excursion_no=2).entry
    same = excursion(2, excursion_no=5)
    assert seen.standing(entry, [excursion(), same]).is_as_decided
    longer = excursion(2, excursion_no=3, started_at=entry["started_at"] - timedelta(minutes=5), peak_temperature=14.0)
    found = seen.standing(entry, [excursion(), longer])
    assert found.excursion == longer
    assert {(change.fact, change.then, change.now) for change in found.changes} == {
        ("started_at", entry["started_at"], longer["started_at"]),
        ("peak_temperature", 11.0, 14.0),
    }
    assert seen.standing(entry, [excursion()]).excursion is None


def test_of_two_halves_the_longer_one_is_taken_and_the_last_entry_counts(ward: Ward) -> None:
    first, last = ward.decide("a").entry, ward.decide("b", decision=Decision.RELEASE).entry
    start = first["started_at"]
    halves = [
        excursion(1, started_at=start + timedelta(minutes=1), ended_at=start + timedelta(minutes=9)),
        excursion(2, started_at=start + timedelta(minutes=20), ended_at=start + timedelta(minutes=50)),
    ]
    assert seen.standing(first, halves).excursion == halves[1]
    assert seen.last_of_each([last, first], halves) == {2: last}


@pytest.fixture
def home(ward: Ward, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    monkeypatch.setenv("LOGISTICS_LAKEHOUSE", ward.lakehouse)
    monkeypatch.setenv("LOGNAME", "meera")
    return CliRunner()


def test_the_commands_add_list_and_verify(ward: Ward, home: CliRunner) -> None:
    assert "there are no dispositions" in home.invoke(app, ["verify"]).stdout
    words = ["disposition", "add", "S1", "1", "--decision", "reject", "--reason", "thawed", "--key", "k"]
    added = home.invoke(app, words)
    assert added.exit_code == 0, added.output
    (entry,) = ward.rows()
    assert (entry["author"], entry["via"], entry["decision"]) == ("meera", "command line", "reject")
    assert f"1:{entry['entry_hash']}" in added.stdout
    assert "is there already" in home.invoke(app, words).stdout
    assert json.loads(home.invoke(app, ["disposition", "list", "--format", "json"]).stdout)[0]["reason"] == "thawed"
    assert "1 entry, the last 1:" in home.invoke(app, ["verify"]).stdout
    assert home.invoke(app, ["verify", "--expect", f"1:{entry['entry_hash']}"]).exit_code == 0
    ward.tamper([entry | {"reason": "fine"}])
    found = home.invoke(app, ["verify"])
    assert found.exit_code == 1
    assert "entry 1 is not what was hashed" in found.stderr
    told = json.loads(home.invoke(app, ["verify", "--json"]).stdout)
    assert (told["holds"], told["broken_entry"]) == (False, 1)


def test_a_log_that_lost_its_end_is_no_shorter_chain(ward: Ward, home: CliRunner) -> None:
    ward.decide_three()
    newest = max((Path(ward.place) / "_delta_log").glob("0*.json"))
    newest.unlink()
    found = home.invoke(app, ["verify"])
    assert found.exit_code == 1
    assert f"entry 3 may be lost: {newest} is missing" in found.stderr
