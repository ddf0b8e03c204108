"""What was not measured does not look good: its badges are not green, and say that readings are too few."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS
from smart_logistics.pages import application
from tests.unit.pages.test_fleet_page import serving
from tests.unit.views.lake import alert, gold_row, put

UNKNOWN = {"reading_count": 0, "avg_temperature": None, "min_temperature": None, "max_temperature": None}
FEW = '<span class="badge few">too few readings</span>'
TEMPLATES = sorted((Path(application.__file__).parent / "templates").iterdir())
# Shipment, the class of its badge, whether it says that readings are too few.
SHIPMENTS = [
    ("covered", "none", False),
    ("almost", "unmeasured", True),
    ("unknown", "unmeasured", True),
    ("alert-covered", "major", False),
    ("alert-few", "major", True),
]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    rows = [
        gold_row("covered"),
        gold_row("almost", data_coverage=0.979),
        gold_row("unknown", **UNKNOWN, data_coverage=None),
        alert("alert-covered", "Major", 30.0),
        alert("alert-few", "Major", 20.0, data_coverage=0.5),
    ]
    put(str(tmp_path), SHIPMENT_ANALYTICS, rows)
    return serving(str(tmp_path), monkeypatch)


def cells(text: str, shipment: str) -> dict[str, str]:
    """Return the cells of a shipment's row in the list by their headings."""
    (row,) = (one for one in text.split("<tr") if f"/shipments/{shipment}" in one)
    return dict(re.findall(r'<td data-label="([^"]*)"[^>]*>(.*?)</td>', row, re.DOTALL))


@pytest.mark.parametrize(("shipment", "badge", "is_few"), SHIPMENTS)
def test_the_list_shows_it(client: TestClient, shipment: str, badge: str, is_few: bool) -> None:
    found = cells(client.get("/logistics/shipments").text, shipment)
    assert f'class="badge {badge}"' in found["Alert"]
    assert (FEW in found["Data"]) is is_few


@pytest.mark.parametrize(("shipment", "badge", "is_few"), SHIPMENTS)
def test_the_shipments_page_shows_it(client: TestClient, shipment: str, badge: str, is_few: bool) -> None:
    text = client.get(f"/logistics/shipments/{shipment}").text
    lead = re.findall(r'<p class="lead">(.*?)</p>', text, re.DOTALL)[0]
    assert f'class="badge {badge}"' in lead
    assert (FEW in lead) is is_few
    facts = text.partition('<dl class="facts">')[2].partition("</dl>")[0]
    assert (FEW in facts) is is_few


@pytest.mark.parametrize(("query", "badge"), [("", "unmeasured"), ("?text=covered", "none")])
def test_how_many_have_no_alert_is_only_green_where_all_were_measured(
    client: TestClient, query: str, badge: str
) -> None:
    counts = client.get(f"/logistics/shipments{query}").text.partition('<ul class="counts">')[2].partition("</ul>")[0]
    assert f'<span class="badge {badge}">None</span>' in counts


def test_such_a_badge_has_no_colour_of_success() -> None:
    rules = (Path(application.__file__).parent / "static" / "pages.css").read_text("utf-8")
    (green,) = re.findall(r"^(.*)\{ color: var\(--none\)", rules, re.MULTILINE)
    assert ".badge.none" in green
    assert "unmeasured" not in green
    assert "few" not in green


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_no_page_says_that_goods_comply(template: Path) -> None:
    assert re.findall(r"compl(?:y|ies|iant|iance)", template.read_text("utf-8"), re.IGNORECASE) == []
