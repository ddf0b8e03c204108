"""What a measured value means: pass, warn or fail."""

from __future__ import annotations

import pytest

from smart_logistics.contracts.model import Severity
from smart_logistics.contracts.silver import ORDERS
from smart_logistics.quality.checks import Check, Outcome, verdict


def outcome(value: float | None, severity: Severity = Severity.ERROR, threshold: float | None = 2) -> Outcome:
    return Outcome(ORDERS, Check("c", severity, threshold, "things"), value)


@pytest.mark.parametrize(
    ("value", "severity", "threshold", "status"),
    [
        (2, Severity.ERROR, 2, "pass"),
        (3, Severity.ERROR, 2, "fail"),
        (3, Severity.WARN, 2, "warn"),
        (None, Severity.ERROR, 2, "pass"),
        (1e9, Severity.ERROR, None, "pass"),
    ],
)
def test_only_more_than_the_threshold_breaks_a_check(
    value: float | None, severity: Severity, threshold: float | None, status: str
) -> None:
    assert outcome(value, severity, threshold).status == status


def test_the_verdict_is_the_worst_status() -> None:
    good, odd, bad = outcome(0), outcome(3, Severity.WARN), outcome(3)
    assert [verdict(found) for found in ([], [good], [good, odd], [odd, bad, good])] == ["pass", "pass", "warn", "fail"]
