"""What a report says: of the record, of what is missing in it, of decisions, and of where it comes from."""

from __future__ import annotations

import math
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.contracts.model import Table
from smart_logistics.dispositions import book
from smart_logistics.errors import ConfigurationError
from smart_logistics.lake import tables
from smart_logistics.reports import kinetics, moment, words
from smart_logistics.reports.document import Code, Document, Facts, Grid, Text
from smart_logistics.reports.make import NoSuchShipment, document
from smart_logistics.reports.moment import Moment
from smart_logistics.reports.words import Clock
from smart_logistics.views.journey import Reading
from tests.unit.reports.conftest import REASON, decide
from tests.unit.views import lake
from tests.unit.views.lake import FIRST, HOUR, MINUTE, START


def of(root: str, shipment: str = "S1", zone: str = "UTC") -> Document:
    return document(Moment(root), shipment, Clock(zone))


def facts(made: Document, title: str) -> dict[str, str]:
    (section,) = (one for one in made.sections if one.title == title)
    return {name: value for part in section.parts if isinstance(part, Facts) for name, value in part.rows}


def said(made: Document, title: str, *, strong: bool = False) -> list[str]:
    (section,) = (one for one in made.sections if one.title == title)
    return [part.text for part in section.parts if isinstance(part, Text) and (part.strong or not strong)]


def grids(made: Document, title: str) -> list[Grid]:
    (section,) = (one for one in made.sections if one.title == title)
    return [part for part in section.parts if isinstance(part, Grid)]


def rewrite(root: str, table: Table, rows: list[dict[str, object]]) -> None:
    """Put other rows into a table, as whoever may write its files can."""
    DeltaTable(tables.uri(root, table)).alter.set_table_properties({"delta.appendOnly": "false"})
    arrow = pa.Table.from_pylist(rows, schema=tables.arrow_schema(table))
    write_deltalake(tables.uri(root, table), arrow, mode="overwrite")


@pytest.fixture(scope="module")
def made(root: str) -> Document:
    return of(root)


def test_it_says_what_a_record_must(made: Document) -> None:
    assert [one.title for one in made.sections] == [
        "Shipment",
        "Limits",
        "The whole record",
        "Excursions",
        "Decisions",
        "Mean kinetic temperature",
        "Data quality",
        "What to check",
        "Where this comes from",
    ]
    assert made.verdict == "outside its limits: Major"
    assert (facts(made, "Limits")["Lower limit"], facts(made, "Limits")["Upper limit"]) == ("2 °C", "8 °C")
    assert facts(made, "The whole record")["Journey covered by readings"] == "70 %"
    assert kinetics.FORMULA in said(made, "Mean kinetic temperature")
    ((excursion,),) = (grid.rows for grid in grids(made, "Excursions"))
    assert excursion[-1] == "quarantine (entry 1)"


def test_it_says_what_is_missing_rejected_and_excluded(made: Document) -> None:
    told = facts(made, "Data quality")
    assert (told["Readings that count"], told["Gaps without readings"], told["Time in gaps"]) == ("6", "1", "120 min")
    assert (told["Readings excluded as outliers"], told["Records rejected"]) == ("1", "3")
    assert told["After the last reading"] == "240 min (4 h)"
    gaps, reasons, excluded = grids(made, "Data quality")
    assert len(gaps.rows) == 1
    assert ("MALFORMED_JSON", "1") in reasons.rows
    assert excluded.rows[0][2:] == (
        "61 °C",
        "TEMPERATURE_RANGE",
        "temperature below -40 or above 60 °C",
        "iot_telemetry_20261102_120000_gw.json",
    )
    loud = said(made, "Data quality", strong=True)
    assert any("too little of the journey" in text for text in loud)
    assert any("computed from 10 readings, and there are 6 now" in text for text in loud)


def test_it_never_claims_more_than_support(made: Document) -> None:
    text = repr(made).lower()
    assert "supports" in text
    assert not {"complies", "compliant", "certif", "guarantee"} & set(text.replace(",", " ").split())
    assert "complies with" not in text


def test_a_decision_is_told_with_its_hashes_and_the_chain(root: str, made: Document) -> None:
    (entry,) = book.entries(root)
    told = facts(made, "Decisions")
    assert told["Reason"] == REASON
    assert told["By"].startswith("asha (Airflow's log-in)")
    assert told["Hash of the entry before"] == "0" * 64
    assert told["Chain of all decisions"].startswith("holds: 1")
    (section,) = (one for one in made.sections if one.title == "Decisions")
    codes = [part.text for part in section.parts if isinstance(part, Code)]
    assert codes == [f"1:{entry['entry_hash']}", f"logistics verify --expect 1:{entry['entry_hash']}"]


def test_an_excursion_that_changed_since_wants_another_decision(tmp_path: Path) -> None:
    root = str(tmp_path / "lakehouse")
    lake.a_journey(root)
    decide(root)
    rewrite(root, TEMPERATURE_EXCURSIONS, [lake.excursion("S1", 1, START + 20 * MINUTE, peak_temperature=14.0)])
    made = of(root)
    assert grids(made, "Excursions")[0].rows[0][-1] == "quarantine (entry 1): the excursion has changed since"
    (loud,) = said(made, "Decisions", strong=True)
    assert "peak temperature 12 °C → 14 °C" in loud
    rewrite(root, TEMPERATURE_EXCURSIONS, [])
    assert any("no excursion at that time any more" in text for text in said(of(root), "Decisions", strong=True))


def test_a_broken_chain_is_said_loudly(tmp_path: Path) -> None:
    root = str(tmp_path / "lakehouse")
    lake.a_journey(root)
    decide(root)
    (entry,) = book.entries(root)
    rewrite(root, EXCURSION_DISPOSITIONS, [entry | {"reason": "none"}])
    assert any("BROKEN: entry 1 is not what was hashed" in text for text in said(of(root), "Decisions", strong=True))


def test_a_shipment_without_readings_is_not_called_well(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("avg_temperature", "min_temperature", "max_temperature", "mean_kinetic_temperature"))
    row = lake.gold_row("S9", reading_count=0, data_coverage=None, **nothing)
    lake.put(str(tmp_path), SHIPMENT_ANALYTICS, [row])
    made = of(str(tmp_path), "S9")
    assert made.verdict == "no readings: nothing is known"
    assert any("nothing is known of its temperatures" in text for text in said(made, "Data quality", strong=True))
    assert facts(made, "Where this comes from")["silver.truck_assignments"] == "not there"


def test_times_are_given_in_the_zone_of_the_site_too(root: str) -> None:
    told = facts(of(root, zone="Asia/Kolkata"), "Shipment")["Journey"]
    assert told.startswith("2026-11-02 08:00:00 UTC (2026-11-02 13:30:00 +0530) to ")
    with pytest.raises(ConfigurationError, match="no time zone"):
        Clock("../etc/passwd")


def test_a_shipment_that_is_not_there(root: str) -> None:
    with pytest.raises(NoSuchShipment):
        of(root, "S1' OR 1=1")


def test_what_hides_in_a_text_is_spelt_out() -> None:
    assert words.text("a\x00b\u202ec\nd") == "a\\u{0}b\\u{202e}c\nd"
    assert [words.text(value) for value in (None, "", "क्\u200dष")] == ["–", "–", "क्\u200dष"]


@pytest.mark.parametrize(
    ("value", "told"), [(None, "–"), (0.0, "0"), (-0.001, "0"), (-2.5, "−2.5"), (12345.678, "12,345.68"), (8.0, "8")]
)
def test_numbers_are_written_for_people(value: float | None, told: str) -> None:
    assert words.number(value) == told


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert [words.share(value) for value in (0.99999, 1.0, None)] == ["99.99 %", "100 %", "–"]


@pytest.mark.parametrize(
    ("temperatures", "expected"),
    [((20, 20, 40, 25), 30.208237), ((20, 40), 34.35788), ((-20,) * 9 + (-10,), -18.0684), ((5,), 5.0)],
)
def test_mkt_of_readings_alike_is_that_of_the_books(temperatures: tuple[float, ...], expected: float) -> None:
    apart = [reading(number * 120, value) for number, value in enumerate(temperatures)]
    assert kinetics.mean_kinetic_temperature(apart, HOUR) == pytest.approx(expected, abs=1e-4)


def test_mkt_is_weighted_by_time() -> None:
    found = kinetics.mean_kinetic_temperature(
        [reading(m, c) for m, c in ((0, 5), (60, 5), (120, 12), (240, 6), (300, 5))], timedelta(hours=2)
    )
    assert found == pytest.approx(7.9934, abs=1e-4)
    assert kinetics.mean_kinetic_temperature([], HOUR) is None
    assert not kinetics.agrees(5.0, 5.001)
    assert kinetics.agrees(math.pi, math.pi + 1e-9)


def reading(minutes: float, temperature: float) -> Reading:
    return Reading(FIRST, START + minutes * MINUTE, float(temperature), None, None, 0.0, "f")


@pytest.mark.parametrize(
    "text", ["", "gold.x=1", "gold.shipment_analytics", "gold.shipment_analytics=1,gold.shipment_analytics=2"]
)
def test_what_are_no_versions_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LAYER\.TABLE=VERSION"):
        moment.parse(text)


def test_versions_are_read_as_they_are_written() -> None:
    versions = {"gold.shipment_analytics": 12, "silver.drivers": moment.ABSENT}
    assert moment.written(versions) == "gold.shipment_analytics=12,silver.drivers=-"
    assert moment.parse(" gold.shipment_analytics=12,\nsilver.drivers=- ") == versions
