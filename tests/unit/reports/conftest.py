from __future__ import annotations

import pytest

from smart_logistics.contracts.dispositions import Decision, Via
from smart_logistics.dispositions import book
from smart_logistics.dispositions.book import Request
from tests.unit.views import lake

REASON = "Tür offen, 12 °C ≤ 20 min <b>\nदरवाज़ा खुला था 😀"


def decide(root: str, key: str = "k", decision: Decision = Decision.QUARANTINE) -> None:
    book.decide(root, Request(key, "S1", 1, decision, REASON, "asha", Via.AIRFLOW))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A journey with everything, and a decision about its excursion."""
    root = str(tmp_path_factory.mktemp("reports") / "lakehouse")
    lake.a_journey(root)
    decide(root)
    return root
