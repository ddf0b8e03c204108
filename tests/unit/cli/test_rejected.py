"""`logistics rejected` as it is typed: filters, formats, questions, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smart_logistics.cli.main import app
from smart_logistics.errors import ConfigurationError
from tests.unit.deadletters.desk import Site, letter_id


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    for name in ("LAKEHOUSE", "LANDING"):
        monkeypatch.delenv(f"LOGISTICS_{name}", raising=False)
    monkeypatch.setenv("LOGISTICS_HOME", str(tmp_path))
    return Site(tmp_path)


def rejected(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, ["rejected", *arguments], input=stdin)


def test_a_list_says_how_many_more_there_are(site: Site) -> None:
    for number in range(1, 4):
        site.reject(number)
    result = rejected("list", "--limit", "2")
    assert result.exit_code == 0
    assert "1 more: see them with --limit 3" in result.stderr
    assert len(json.loads(rejected("list", "--format", "json").stdout)) == 3
    assert json.loads(rejected("list", "--status", "DISCARDED", "--format", "json").stdout) == []


def test_nothing_that_a_file_holds_steers_the_terminal(site: Site) -> None:
    hostile = "\x1b[2J\x1b]0;x\x07\u202e\n"
    site.reject(1, raw_payload=hostile, rejection_detail=hostile, source_file=hostile, source_key=hostile)
    for result in (rejected("list"), rejected("show", letter_id(1)), rejected("reprocess", letter_id(1))):
        assert r"\x1b[2J" in result.stdout
        assert not {"\x1b", "\x07", "\u202e"} & set(result.output)


def test_a_correction_from_stdin_is_sent_and_a_bad_one_ends_with_1(site: Site) -> None:
    site.reject(1)
    bad = rejected("reprocess", letter_id(1), "--payload", "-", stdin='{"truck_id": "A"}')
    assert (bad.exit_code, site.landed()) == (1, [])
    assert "NULL_CRITICAL_FIELD: timestamp is null or blank" in bad.stdout
    good = rejected("reprocess", letter_id(1), "--set", "truck_id=A", "--author", "ravi")
    assert good.exit_code == 0
    assert "The next run takes what was sent" in good.stderr
    assert site.status(1) == ("REVIEWED", "truck_id is null or blank; sent again (ravi)")


def test_a_discard_is_asked_for_and_nothing_is_done_to_all_unawares(site: Site) -> None:
    site.reject(1)
    for arguments, message in (
        (["discard", "--why", "x"], "no letters are named"),
        (["discard", "--why", " ", "--all"], "is blank"),
        (["discard", "--why", "x", "--all"], "nobody is there"),
        (["discard", "--why", "x", "--all", letter_id(1)], "ids and filters"),
        (["reprocess"], "no letters are named"),
        (["reprocess", "--all", "--set", "a"], "not FIELD=VALUE"),
    ):
        result = rejected(*arguments)
        assert isinstance(result.exception, ConfigurationError)
        assert message in str(result.exception)
    assert rejected("discard", "--all", "--why", "x", "--dry-run").exit_code == 0
    assert site.status(1)[0] == "PENDING"
    assert rejected("discard", "--reason", "NULL_CRITICAL_FIELD", "--why", "x", "--yes").exit_code == 0
    assert site.status(1)[0] == "DISCARDED"


def test_a_correction_of_several_letters_is_refused(site: Site) -> None:
    site.reject(1)
    site.reject(2)
    result = rejected("reprocess", "--all", "--set", "truck_id=A")
    assert "for one letter" in str(result.exception)


def test_since_takes_a_day_an_instant_or_how_long_ago(site: Site) -> None:
    site.reject(1)
    for text, count in (("2026-11-01", 1), ("2026-11-01T00:02:00", 0), ("2026-11-01T05:30:00+05:30", 1)):
        assert len(json.loads(rejected("list", "--since", text, "--format", "json").stdout)) == count
    assert rejected("list", "--since", "90m").exit_code == 0
    assert "no moment" in str(rejected("list", "--since", "yesterday").exception)
