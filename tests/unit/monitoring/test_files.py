"""The rules and the dashboard speak of metrics that exist, and every alert says where help is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from smart_logistics.ops.measures import MEASURES, PREFIX
from smart_logistics.settings import REPOSITORY

PROMETHEUS = REPOSITORY / "monitoring" / "prometheus"
DASHBOARD = REPOSITORY / "monitoring" / "grafana" / "smart-logistics.json"
PROMTOOL = shutil.which("promtool")
NAMES = {one.full_name for one in MEASURES}
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed: apt install prometheus")


def names_in(expressions: Iterable[str]) -> set[str]:
    # Without the values of labels: a DAG's name begins alike.
    bare = "\n".join(re.sub(r'"[^"]*"', "", one) for one in expressions)
    return set(re.findall(rf"{PREFIX}_[a-z_]+", bare))


def alerts() -> list[dict[str, Any]]:
    read = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


def promtool(*words: str) -> None:
    done = subprocess.run([str(PROMTOOL), *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_speak_of_metrics_that_exist() -> None:
    found = names_in(rule["expr"] for rule in alerts())
    assert len(found) > 10
    assert found <= NAMES


def test_the_dashboard_speaks_of_metrics_that_exist_and_of_nearly_all() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = names_in(target["expr"] for panel in panels for target in panel.get("targets", ()))
    assert found <= NAMES
    unseen = {
        f"{PREFIX}_{name}" for name in ("last_run_end_timestamp_seconds", "dq_checked_timestamp_seconds")
    }  # moments that others are shown by
    assert found == NAMES - unseen
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_has_a_severity_and_a_page_that_helps(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (REPOSITORY / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower().replace(" ", "-") for heading in headings}


def test_every_alert_is_tested() -> None:
    tests = (PROMETHEUS / "alerts.test.yml").read_text()
    assert [rule["alert"] for rule in alerts() if rule["alert"] not in tests] == []


@needs_promtool
def test_prometheus_accepts_the_files() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "--syntax-only", "prometheus.yml")


@needs_promtool
def test_alerts_fire_when_they_should_and_not_before() -> None:
    promtool("test", "rules", "alerts.test.yml")
