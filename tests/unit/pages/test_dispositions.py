"""The form: who may edit decides, from a page of this server, under their own login, once; all others look."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from smart_logistics.contracts.gold import SHIPMENT_ANALYTICS, TEMPERATURE_EXCURSIONS
from smart_logistics.dispositions import book
from smart_logistics.lake import tables
from smart_logistics.pages import places
from tests.unit.dispositions.ward import Ward, analytics, excursion
from tests.unit.pages.visitors import HERE, token, visitor

PAGE = "/logistics/disposition"
HOSTILE = "S<script>alert(1)</script>'\"&{{7*7}}"


@pytest.fixture
def ward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ward:
    monkeypatch.setenv(
        "AIRFLOW__API_AUTH__JWT_SECRET", "a-secret-that-is-long-enough-for-the-algorithm-and-more-than-that"
    )
    ward = Ward(tmp_path)
    monkeypatch.setattr(places, "lakehouse", lambda: ward.lakehouse)
    return ward


def form(client: TestClient, shipment: str = "S1", number: int = 1, **values: str) -> dict[str, str]:
    """Return the form as the page gives it, filled in."""
    page = client.get(PAGE, params={"shipment": shipment, "excursion": number}).text
    hidden = {name: html.unescape(v) for name, v in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)}
    return hidden | {"decision": "quarantine", "reason": "The door stood open"} | values


def test_who_may_edit_decides_under_their_own_login(ward: Ward) -> None:
    client = visitor("user")
    sent = form(client, author="somebody else", via="command line", login="ravi")
    answer = client.post(PAGE, data=sent, headers=HERE)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PAGE}?shipment=S1&excursion=1")
    (entry,) = ward.rows()
    assert (entry["author"], entry["via"], entry["decision"]) == ("asha", "airflow", "quarantine")
    page = client.get(answer.headers["location"]).text
    assert "The door stood open" in page
    assert entry["entry_hash"] in page


def test_a_form_that_is_sent_twice_counts_once(ward: Ward) -> None:
    client = visitor("user")
    sent = form(client)
    assert [client.post(PAGE, data=sent, headers=HERE).status_code for _ in range(3)] == [303] * 3
    assert len(ward.rows()) == 1
    assert form(client)["key"] != sent["key"]


def test_a_viewer_looks_and_cannot_decide(ward: Ward) -> None:
    sent = form(visitor("user"))
    client = visitor("viewer")
    page = client.get(f"{PAGE}?shipment=S1&excursion=1")
    assert page.status_code == 200
    assert "<form" not in page.text
    assert "You may look, but not decide" in page.text
    assert client.post(PAGE, data=sent, headers=HERE).status_code == 403
    assert ward.rows() == []


def test_without_a_login_there_is_nothing(ward: Ward) -> None:
    sent = form(visitor("user"))
    client = visitor(None)
    for answer in (client.get(f"{PAGE}?shipment=S1"), client.post(PAGE, data=sent, headers=HERE)):
        assert answer.status_code == 401
        assert "S1" not in answer.text
    assert ward.rows() == []


FROM_ELSEWHERE = [
    {},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://lake.example:8080"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://lake.example:8081"},
    {"Origin": "http://lake.example:8080.evil.example"},
    {"Origin": "null"},
    {"Referer": "http://lake.example:8080/logistics/disposition"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_what_another_page_makes_a_browser_send_is_refused(ward: Ward, headers: dict[str, str]) -> None:
    client = visitor("user")
    sent = form(client)
    assert client.post(PAGE, data=sent, headers=headers).status_code == 403
    assert ward.rows() == []


@pytest.mark.parametrize("headers", [HERE, {"Origin": "http://lake.example:8080"}])
def test_a_page_of_this_server_is_taken(ward: Ward, headers: dict[str, str]) -> None:
    client = visitor("user")
    assert client.post(PAGE, data=form(client), headers=headers).status_code == 303
    assert len(ward.rows()) == 1


def test_a_script_with_a_token_needs_no_page(ward: Ward) -> None:
    sent = form(visitor("user"))
    client = visitor(None)
    viewer = client.post(PAGE, data=sent, headers={"Authorization": f"Bearer {token('viewer', 'v')}"})
    user = client.post(PAGE, data=sent, headers={"Authorization": f"Bearer {token('user', 'robot')}"})
    assert (viewer.status_code, user.status_code) == (403, 303)
    assert [row["author"] for row in ward.rows()] == ["robot"]


def test_of_what_changed_while_it_was_looked_at_nothing_is_written(ward: Ward) -> None:
    client = visitor("user")
    sent = form(client, reason="thought about <it>")
    ward.recompute(excursion(peak_temperature=12.5))
    answer = client.post(PAGE, data=sent, headers=HERE)
    assert answer.status_code == 409
    assert "has changed since it was shown" in answer.text
    assert "thought about &lt;it&gt;</textarea>" in answer.text, "what was typed is not lost"
    assert ward.rows() == []


@pytest.mark.parametrize(
    ("values", "code"),
    [({"reason": "   "}, 422), ({"decision": "keep"}, 422), ({"excursion": "9"}, 404), ({"reason": "x" * 2001}, 422)],
)
def test_what_is_no_decision_is_refused(ward: Ward, values: dict[str, str], code: int) -> None:
    client = visitor("user")
    assert client.post(PAGE, data=form(client, **values), headers=HERE).status_code == code
    assert ward.rows() == []


def test_a_hostile_shipment_and_reason_are_text(ward: Ward) -> None:
    tables.append_rows(ward.lakehouse, SHIPMENT_ANALYTICS, [analytics(HOSTILE)])
    tables.append_rows(ward.lakehouse, TEMPERATURE_EXCURSIONS, [excursion(1, HOSTILE)])
    client = visitor("user")
    sent = form(client, HOSTILE, reason="<img src=x onerror=alert(1)>")
    answer = client.post(PAGE, data=sent, headers=HERE)
    assert answer.status_code == 303
    page = client.get(answer.headers["location"])
    assert "<script>" not in page.text
    assert "<img" not in page.text
    assert "{{7*7}}" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert [row["shipment_id"] for row in ward.rows()] == [HOSTILE]


def test_a_broken_chain_is_said_on_the_page(ward: Ward) -> None:
    entry = ward.decide().entry
    ward.tamper([entry | {"reason": "none"}])
    assert not book.verify(ward.lakehouse).holds
    assert "is not what was hashed" in visitor("viewer").get(f"{PAGE}?shipment=S1").text


def test_a_shipment_that_is_not_there(ward: Ward) -> None:
    assert visitor("viewer").get(f"{PAGE}?shipment=S9").status_code == 404


def test_the_reports_are_for_who_may_look(ward: Ward) -> None:
    links = [f"/logistics/report?shipment=S1&format={name}" for name in ("html", "pdf")]
    for link in links:
        assert visitor(None).get(link).status_code == 401
    page = visitor("viewer").get(links[0])
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Temperature record of shipment S1" in page.text
    assert "sandbox" in page.headers["content-security-policy"]
    paper = visitor("viewer").get(links[1])
    assert paper.content.startswith(b"%PDF-")
    assert paper.headers["content-disposition"] == 'attachment; filename="shipment-S1.pdf"'


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("shipment=S9", 404),
        ("shipment=S1&at=gold.shipment_analytics%3D99", 410),
        ("shipment=S1&at=x", 422),
        ("shipment=S1&zone=Mars", 422),
        ("shipment=S1&format=exe", 422),
        ("", 422),
    ],
)
def test_a_report_that_cannot_be_made_says_why(ward: Ward, query: str, code: int) -> None:
    assert visitor("viewer").get(f"/logistics/report?{query}").status_code == code
