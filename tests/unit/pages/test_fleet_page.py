"""Fleet and routes: what the page, its charts and its tables say of some days, and what it makes of odd requests."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from smart_logistics.contracts.gold import FLEET_DAILY, ROUTE_DAILY
from smart_logistics.pages import application, auth, places
from smart_logistics.views.snapshot import Snapshot
from tests.unit.views.lake import put
from tests.unit.views.test_fleet import DAY, route_day, truck_day

HOSTILE = "<script>window.hurt=1</script>'\"&"
WEEK = {"since": DAY.isoformat(), "until": (DAY + timedelta(days=6)).isoformat()}


def serving(lakehouse: str, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The application as Airflow mounts it, for one who may see the pipeline."""
    monkeypatch.setattr(places, "snapshot", lambda: Snapshot(lakehouse))
    ours = application.make()
    ours.dependency_overrides[auth.user_of_the_pipeline] = lambda: None
    root = FastAPI()
    root.mount("/logistics", ours)
    return TestClient(root)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    put(
        str(tmp_path),
        FLEET_DAILY,
        [
            truck_day("KA01", DAY, deliveries=1000, on_time_deliveries=999),
            truck_day("KA01", DAY + timedelta(days=1), excursion_minutes=20.0),
            truck_day(HOSTILE.upper(), DAY, excursion_minutes=90.0, critical_excursions=1, major_excursions=0),
            truck_day("OLD", DAY - timedelta(days=1), excursion_minutes=500.0),
        ],
    )
    put(
        str(tmp_path),
        ROUTE_DAILY,
        [
            route_day("Pune", "Leh", DAY, shipments=4, deliveries=4, on_time_deliveries=1, delay_minutes=60.0),
            route_day(None, HOSTILE, DAY),
            route_day("=cmd()", "Goa", DAY),
        ],
    )
    return serving(str(tmp_path), monkeypatch)


def table(client: TestClient, name: str, **asked: Any) -> list[dict[str, str]]:
    answer = client.get(f"/logistics/fleet/{name}.csv", params=WEEK | asked)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_answer_is_at_the_top_and_a_late_delivery_is_not_rounded_away(client: TestClient) -> None:
    text = client.get("/logistics/fleet", params=WEEK).text
    assert "<h1>99 % of 1,000 deliveries were on time</h1>" in text
    assert "In 7 days 2 trucks had 2 excursions of 1 h 50 min in all" in text
    assert 'class="verdict critical"' in text
    assert 'aria-current="page"' in text.split("Fleet and routes</a>")[0].rpartition("<a")[2]


def test_what_comes_from_data_is_text(client: TestClient) -> None:
    text = client.get("/logistics/fleet", params=WEEK | {"truck": HOSTILE}).text
    assert "<script>window" not in text.lower()
    assert "&lt;SCRIPT&gt;" in text
    assert "&lt;script&gt;" in text
    assert [row["origin_city"] for row in table(client, "routes") if row["destination_city"] == "Goa"] == ["'=cmd()"]


def test_each_table_is_there_whole_as_csv(client: TestClient) -> None:
    assert [row["truck_id"] for row in table(client, "worst")] == [HOSTILE.upper(), "KA01"]
    first, *_ = table(client, "routes")
    assert (first["destination_city"], first["on_time_rate"], first["average_delay"]) == ("Leh", "0.25", "15.0")
    days = table(client, "days")
    assert [row["day"] for row in days] == [(DAY + timedelta(days=n)).isoformat() for n in range(6, -1, -1)]
    assert (days[-1]["on_time_rate"], days[0]["on_time_rate"]) == ("0.999", "")
    assert (days[-1]["excursion_count"], days[0]["excursion_count"], days[0]["trucks"]) == ("1", "", "0")
    assert client.get("/logistics/fleet/else.csv").status_code == 404


def test_a_plate_chooses_trucks_and_leads_to_their_shipments(client: TestClient) -> None:
    assert [row["truck_id"] for row in table(client, "worst", truck="ka")] == ["KA01"]
    text = client.get("/logistics/fleet", params=WEEK | {"truck": "ka"}).text
    assert 'href="/logistics/shipments?truck=KA01"' in text
    assert "/logistics/fleet/worst.csv?since=2026-11-02&amp;until=2026-11-08&amp;truck=ka" in text


@pytest.mark.parametrize(("name", "field"), [("on-time", "percent"), ("minutes", "excursion_minutes")])
def test_a_trend_has_a_point_for_each_day(client: TestClient, name: str, field: str) -> None:
    values = client.get(f"/logistics/charts/fleet-{name}.json", params=WEEK).json()["data"]["values"]
    # Of the days on which no truck reported nothing is known: that is not none.
    expected = {"percent": [99.9, *[None] * 6], "excursion_minutes": [90.0, 20.0, *[None] * 5]}
    assert [row[field] for row in values] == expected[field]
    assert values[1]["at"] - values[0]["at"] == 86_400_000


def test_alerts_are_counted_by_day_and_severity(client: TestClient) -> None:
    spec = client.get("/logistics/charts/fleet-alerts.json", params=WEEK).json()
    found = [(row["severity"], row["excursions"]) for row in spec["data"]["values"]]
    assert found[:3] == [("Minor", 0), ("Major", 0), ("Critical", 1)]
    assert [number for _, number in found[6:]] == [None] * 15
    assert client.get("/logistics/charts/fleet-else.json").status_code == 404


@pytest.mark.parametrize("asked", [{"since": "then"}, {"until": "9999-12-31"}, {"since": "0001-01-01", "until": "x"}])
def test_what_is_no_day_asks_for_nothing_and_a_long_time_is_cut(client: TestClient, asked: dict[str, str]) -> None:
    assert client.get("/logistics/fleet", params=asked).status_code == 200


def test_without_figures_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = serving(str(tmp_path), monkeypatch).get("/logistics/fleet").text
    assert "No delivery of which both dates are known" in text
    assert text.count("None in these days.") == 3
    assert "data-spec" not in text


def test_the_days_before_are_left_out(client: TestClient) -> None:
    assert "OLD" not in client.get("/logistics/fleet", params=WEEK).text
    assert "OLD" in client.get("/logistics/fleet", params={"until": DAY.isoformat()}).text
    assert date.fromisoformat(table(client, "days", since="", until="")[0]["day"]) == DAY + timedelta(days=1)
