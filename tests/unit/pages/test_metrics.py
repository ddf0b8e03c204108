"""The endpoint: text that Prometheus reads, made seldom, for nobody who may not see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.api_fastapi.app import create_auth_manager
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from smart_logistics.ops import measures as m
from smart_logistics.pages import application, auth, metrics

TOKEN = "a-token-for-scraping"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """The application as Airflow mounts it, with a token's file; what is measured is fixed."""
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("AIRFLOW__SMART_LOGISTICS__METRICS_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv(
        "AIRFLOW__API_AUTH__JWT_SECRET", "a-secret-that-is-long-enough-for-the-algorithm-and-more-than-that"
    )
    create_auth_manager()
    monkeypatch.setattr(metrics, "_kept", metrics.Kept(lambda: b"measured\n", 60))
    root = FastAPI()
    root.mount("/logistics", application.make())
    return TestClient(root)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_with_the_token_the_text_is_given(client: TestClient) -> None:
    answer = client.get("/logistics/metrics", headers=bearer(TOKEN))
    assert (answer.status_code, answer.text) == (200, "measured\n")
    assert answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), bearer(""), {"Authorization": f"Basic {TOKEN}"}])
def test_without_the_token_nothing_is_given(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/logistics/metrics", headers=headers)
    assert answer.status_code == 401
    assert "measured" not in answer.text


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_opens_nothing(client: TestClient, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    assert client.get("/logistics/metrics", headers=bearer(content.strip() or "x")).status_code == 401


def test_a_changed_token_counts_at_once(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("another")
    assert client.get("/logistics/metrics", headers=bearer(TOKEN)).status_code == 401
    assert client.get("/logistics/metrics", headers=bearer("another")).status_code == 200


def test_no_route_is_without_a_guard() -> None:
    guards = {auth.user_of_the_pipeline, auth.scraper_or_user}
    routes = application.make().routes
    assert routes
    for route in routes:
        assert isinstance(route, APIRoute), route
        assert guards & {one.call for one in route.dependant.dependencies}, route.path


def test_every_sample_comes_back_as_it_went_in() -> None:
    samples = [
        m.LAST_RUN_SUCCESS.sample(1, "a"),
        m.LAST_RUN_SUCCESS.sample(0, 'b"\\\n'),
        m.FILES_WAITING.sample(3),
        m.NEWEST_READING.sample(1795543687.25, "gold"),
    ]
    text = metrics.render(samples).decode()
    found = {
        (one.name, tuple(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    assert found == {(one.measure.full_name, tuple(one.labels.values())): one.value for one in samples}


def test_a_sample_needs_every_label() -> None:
    with pytest.raises(ValueError, match="argument"):
        m.LAST_RUN_ROWS.sample(1, "a dag and no layer")


def test_what_was_just_measured_is_not_measured_again() -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return str(len(made)).encode()

    kept = metrics.Kept(make, seconds=60)
    assert [kept.text(), kept.text()] == [b"1", b"1"]
    assert [metrics.Kept(make, seconds=0).text() for _ in range(2)] == [b"2", b"3"]
