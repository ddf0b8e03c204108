"""What `logistics run` says at its end."""

from __future__ import annotations

from smart_logistics.cli.run_watch import file_troubles


def test_failed_files_are_named_with_the_way_to_the_reason() -> None:
    told = {"files": {"LOADED": 3, "FAILED": 22}, "failed_files": ["a\n\x1b[2J.json", *"b" * 19], "left_files": []}
    lines = file_troubles(told)
    assert lines[0].startswith("22 files in failed/")
    assert lines[1] == "  a\\n\\x1b[2J.json"
    assert lines[-2] == "  … and 2 more"
    assert "processed_files_log" in lines[-1]


def test_files_that_may_not_be_moved_are_named() -> None:
    assert file_troubles({"left_files": ["a.json"]})[1:] == ["  a.json"]


def test_where_all_is_well_nothing_is_said() -> None:
    assert file_troubles({"files": {"LOADED": 3, "FAILED": 0}, "failed_files": [], "left_files": []}) == []
    assert file_troubles({}) == []
