"""The pages over the real stack with the sample fleet: every answer is the one that Gold gives.

Alone it starts with the demo; with PAGES_SCREENSHOTS=FOLDER it leaves a picture of each page there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from playwright.sync_api import expect

from smart_logistics import settings
from smart_logistics.stack.connections import source_dsn
from tests.e2e.pages import Visitor, another_lakehouse, visiting
from tests.e2e.stack import Row, Stack
from tests.unit.pages import browser as chromium

DAG = "smart_logistics_pipeline"
LIST, FLEET = "/logistics/shipments", "/logistics/fleet"
# Shipments whose every excursion has a decision that is about it as it is.
_DECIDED = (
    "shipment_id IN (SELECT e.shipment_id FROM gold.temperature_excursions e LEFT JOIN gold.excursion_dispositions d "
    "ON d.shipment_id = e.shipment_id AND d.started_at = e.started_at AND d.minutes = e.minutes "
    "AND d.peak_deviation = e.peak_deviation GROUP BY 1 HAVING count(*) FILTER (d.entry_no IS NULL) = 0)"
)
HOSTILE = "<script>window.hurt=1</script>/'\"&"
HOSTILE_FILE = "iot_telemetry_20261101_101010_<img src=x onerror=window.hurt=1>.json"

pytestmark = [
    pytest.mark.long,
    chromium.WANTED,
]


@pytest.fixture(scope="module")
def visitor(lived_in: Stack, stack: Stack) -> Iterator[Visitor]:
    """A browser that is logged in, over the sample fleet, one shipment and one file whose names would be markup."""
    stack.must("up")
    plant(stack)
    stack.run()
    with visiting(stack) as one:
        yield one


def plant(stack: Stack) -> None:
    """Give the source a shipment and the landing folder a file with such names."""
    with psycopg.connect(source_dsn(settings.load({"LOGISTICS_HOME": str(stack.home)}))) as connection:
        connection.execute(
            "INSERT INTO logistics.shipments (shipment_id, order_id, origin_warehouse_id, destination_city,"
            " shipment_type, status, created_at) SELECT %s, order_id, origin_warehouse_id, %s, shipment_type,"
            " 'Created', now() FROM logistics.shipments LIMIT 1 ON CONFLICT DO NOTHING",
            (HOSTILE, HOSTILE),
        )
    record = '{"truck_id": "NOBODY", "timestamp": "2026-11-01T10:00:00Z", "temperature": 5}\n'
    (stack.home / "landing" / HOSTILE_FILE).write_text(record, encoding="utf-8")


def gold(stack: Stack, condition: str = "true") -> list[Row]:
    return stack.query(f"SELECT * FROM gold.shipment_analytics WHERE {condition}")


def decided(stack: Stack) -> set[str]:
    """Return the shipments that wait for no decision any more."""
    if not (stack.home / "lakehouse" / "gold" / "excursion_dispositions").is_dir():
        return set()
    return {row["shipment_id"] for row in gold(stack, _DECIDED)}


def number(visitor: Visitor) -> int:
    text = visitor.page.locator(".verdict .lead").inner_text()
    return int(text.split()[1].replace(",", ""))


def test_the_list_says_what_gold_says(stack: Stack, visitor: Visitor) -> None:
    page = visitor.open(LIST)
    alerts = {row["shipment_id"] for row in gold(stack, "temperature_alert")}
    waiting = len(alerts - decided(stack))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{waiting} shipments need a decision")
    assert number(visitor) == len(gold(stack))
    for severity in ("Critical", "Major", "Minor", "None"):
        count = len(gold(stack, f"alert_severity = '{severity}'"))
        expect(page.locator(".counts li").filter(has_text=severity)).to_have_text(f"{severity} {count}")
    visitor.picture("shipments")
    assert visitor.complaints == []


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("severity=Critical", "alert_severity = 'Critical'"),
        ("severity=any", "temperature_alert"),
        ("kind=Frozen", "shipment_type = 'Frozen'"),
        ("status=Delivered", "status = 'Delivered'"),
        ("origin=Mumbai", "origin_city = 'Mumbai'"),
        ("destination=Delhi", "destination_city = 'Delhi'"),
        ("truck=mh", "list_bool_or([contains(one, 'MH') for one in truck_ids])"),
        ("text=script", "contains(lower(shipment_id), 'script')"),
        ("data=low", "coalesce(data_coverage, 0) < 0.98"),
        ("since=2026-01-01&until=2035-12-31", "created_at >= '2026-01-01' AND created_at < '2036-01-01'"),
        ("until=2001-01-01", "false"),
    ],
)
def test_each_filter_gives_what_sql_gives(stack: Stack, visitor: Visitor, query: str, condition: str) -> None:
    page = visitor.open(f"{LIST}?{query}")
    rows = gold(stack, condition)
    assert number(visitor) == len(rows)
    shown = set(page.locator("#shipments tbody td:first-child").all_text_contents())
    assert shown <= {row["shipment_id"] for row in rows}
    assert len(shown) == min(len(rows), 50)


def test_open_and_decided_are_all_that_have_an_alert(stack: Stack, visitor: Visitor) -> None:
    done = decided(stack)
    visitor.open(f"{LIST}?decision=decided")
    assert number(visitor) == len(done)
    visitor.open(f"{LIST}?decision=open")
    assert number(visitor) == len(gold(stack, "temperature_alert")) - len(done)


def test_the_fleets_figures_are_those_of_gold(stack: Stack, visitor: Visitor) -> None:
    since = "2026-01-01"
    page = visitor.open(f"{FLEET}?since={since}")
    (told,) = stack.query(
        "SELECT CAST(sum(deliveries) AS bigint) AS of, CAST(sum(on_time_deliveries) AS bigint) AS on_time, "
        f"CAST(sum(excursion_count) AS bigint) AS excursions FROM gold.fleet_daily WHERE day >= '{since}'"
    )
    share = 100 * told["on_time"] // told["of"]
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(f"{share} % of {told['of']:,} deliveries were on time")
    expect(page.locator(".verdict .lead")).to_contain_text(f"had {told['excursions']:,} excursions")
    assert page.locator("figure[data-drawn=true]").count() == 3
    worst = stack.query(
        f"SELECT truck_id FROM gold.fleet_daily WHERE day >= '{since}' GROUP BY 1 "
        "ORDER BY sum(excursion_minutes) DESC, sum(excursion_count) DESC, 1 LIMIT 1"
    )[0]
    expect(page.locator("#worst tbody tr").first).to_contain_text(worst["truck_id"])
    visitor.picture("fleet")
    assert visitor.complaints == []


def test_a_deep_link_shows_one_shipment_with_all_it_rests_on(stack: Stack, visitor: Visitor) -> None:
    worst = gold(stack, "alert_severity = 'Critical' AND excursion_count > 0 ORDER BY excursion_minutes DESC")[0]
    page = visitor.open(f"{LIST}/{worst['shipment_id']}")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Shipment {worst['shipment_id']}: outside its limits")
    assert page.locator("figure[data-drawn=true]").count() == 2
    assert page.locator("#excursions tbody tr").count() == worst["excursion_count"]
    assert page.locator("#readings tbody tr").count() == min(worst["reading_count"], 500)
    facts = page.locator("dl.facts")
    expect(facts).to_contain_text(f"{worst['mean_kinetic_temperature']:.1f} °C")
    visitor.picture("shipment")
    assert visitor.complaints == []


def test_a_hostile_shipment_and_file_are_text(visitor: Visitor) -> None:
    page = visitor.open(f"{LIST}?text=script")
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    page = visitor.open("/logistics/health")
    expect(page.locator("#files")).to_contain_text(HOSTILE_FILE)
    assert page.evaluate("window.hurt") is None
    assert visitor.complaints == []


def test_health_says_so_in_words(stack: Stack, visitor: Visitor) -> None:
    page = visitor.open("/logistics/health")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Healthy")
    last = stack.query(
        "SELECT * FROM ops.pipeline_runs WHERE dag_id = 'smart_logistics_pipeline' ORDER BY ended_at DESC"
    )[0]
    expect(page.locator("#runs tbody tr").first).to_contain_text(last["run_id"])
    expect(page.locator("#tables tbody")).to_contain_text("gold.shipment_analytics")
    visitor.picture("health")


def test_each_run_has_a_tab(stack: Stack, visitor: Visitor) -> None:
    run = stack.query("SELECT run_id FROM ops.pipeline_runs WHERE state = 'success' ORDER BY ended_at DESC LIMIT 1")[0]
    visitor.page.goto(f"/dags/smart_logistics_pipeline/runs/{run['run_id']}/plugin/what-it-did")
    frame = visitor.page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_contain_text("This run succeeded")
    expect(frame.locator("#tries tbody")).to_contain_text("gold_aggregate")
    visitor.picture("run")


@pytest.mark.parametrize(
    "path", [LIST, FLEET, "/logistics/health", "/logistics/run?dag=smart_logistics_pipeline&run=x"]
)
@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_by_everybody(visitor: Visitor, path: str, dark: bool) -> None:
    visitor.page.emulate_media(color_scheme="dark" if dark else "light")
    page = visitor.open(path)
    assert chromium.breaches(page) == []
    if dark and path == LIST:
        visitor.picture("shipments-dark")
    visitor.page.emulate_media(color_scheme="light")


def test_on_a_phone(visitor: Visitor) -> None:
    desk = visitor.page.viewport_size
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    page = visitor.open(f"{LIST}?severity=Critical")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    visitor.picture("shipments-phone")
    assert desk is not None
    visitor.page.set_viewport_size(desk)


def test_an_empty_lakehouse_is_no_error(stack: Stack, visitor: Visitor, tmp_path: Path) -> None:
    with another_lakehouse(stack, str(tmp_path / "empty")):
        page = visitor.open(LIST)
        expect(page.get_by_role("heading", level=1)).to_have_text("There are no shipments yet")
        page = visitor.open(FLEET)
        expect(page.get_by_role("heading", level=1)).to_have_text("No delivery of which both dates are known")
        page = visitor.open("/logistics/health")
        expect(page.locator("#runs")).to_contain_text("No run has ended yet.")
    assert number_after(visitor) > 0


def number_after(visitor: Visitor) -> int:
    visitor.open(LIST)
    return number(visitor)


def test_without_a_login_there_is_nothing(visitor: Visitor) -> None:
    for path in (LIST, FLEET, "/logistics/health", "/logistics/shipments.csv", "/logistics/static/pages.js"):
        assert httpx.get(visitor.base + path, trust_env=False).status_code == 401
