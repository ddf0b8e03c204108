from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks import figures
from benchmarks.figures import Figure, Measured

AT_MOST = Figure("P1", "a run ÷ another", 1.0, "s")
AT_LEAST = Figure("P3", "rows ÷ rows", 0.5, "rows/s", at_least=True)


def test_a_ratio_is_of_the_medians_and_not_the_median_of_ratios() -> None:
    found = figures.ratio("P1", [10.0, 30.0, 20.0], [40.0, 5.0, 10.0])
    assert found == Measured("P1", 2.0, 20.0, 10.0, 3)


@pytest.mark.parametrize(("ours", "baseline"), [([1.0], []), ([], []), ([1.0, 2.0], [1.0]), ([1.0], [0.0])])
def test_a_side_that_failed_makes_no_ratio(ours: list[float], baseline: list[float]) -> None:
    with pytest.raises(ValueError, match="P1"):
        figures.ratio("P1", ours, baseline)


def test_what_is_no_number_is_no_measurement() -> None:
    with pytest.raises(ValueError, match="no measurement"):
        Measured("P1", float("nan"), 1.0, 1.0, 1)


def test_a_promise_about_ours_alone_keeps_its_baseline_for_comparison() -> None:
    assert figures.absolute("P7", [50.0], [80.0]) == Measured("P7", 50.0, 50.0, 80.0, 1)


def test_who_takes_a_twentieth_of_the_time_is_twenty_times_faster() -> None:
    assert figures.times_faster("P4", [50.0], [1000.0]) == Measured("P4", 20.0, 50.0, 1000.0, 1)


def test_the_worst_stands_for_all() -> None:
    found = [Measured("P2.a", 1.0, 2.0, 2.0, 3), Measured("P2.b", 1.2, 6.0, 5.0, 3)]
    assert figures.worst("P2", found) == Measured("P2", 1.2, 6.0, 5.0, 3)


@pytest.mark.parametrize(
    ("figure", "value", "holds"),
    [(AT_MOST, 1.0, True), (AT_MOST, 1.001, False), (AT_LEAST, 0.5, True), (AT_LEAST, 0.499, False)],
)
def test_the_goal_itself_is_kept(figure: Figure, value: float, holds: bool) -> None:
    (row,) = figures.results([figure], [Measured(figure.id, value, value, 1.0, 3)], "")
    assert row.holds is holds


def test_a_figure_that_was_not_measured_is_an_error_and_not_left_out(tmp_path: Path) -> None:
    rows = figures.results([AT_MOST, AT_LEAST], [Measured("P1", 0.5, 1.0, 2.0, 3)], "")
    assert [(row.figure.id, row.holds, bool(row.error)) for row in rows] == [("P1", True, False), ("P3", False, True)]
    shown = figures.table(rows)
    assert "| P3 | rows ÷ rows | **error** | ≥ 0.5 | **no** |" in shown
    assert "P3 could not be measured: the benchmark did not measure it" in shown
    figures.keep(tmp_path / "results.json", rows)
    entries = json.loads((tmp_path / "results.json").read_text())
    assert entries[0] == {
        "id": "P1",
        "value": 0.5,
        "goal": 1.0,
        "holds": True,
        "ours": 1.0,
        "baseline": 2.0,
        "unit": "s",
        "repeats": 3,
    }
    assert (entries[1]["value"], entries[1]["holds"], entries[1]["repeats"]) == (None, False, 0)
    assert entries[1]["error"]


def test_figures_that_were_not_asked_for_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    figures.keep(path, figures.results([AT_MOST, AT_LEAST], [], "both broke"))
    figures.keep(path, figures.results([AT_LEAST], [Measured("P3", 0.7, 7.0, 10.0, 3)], ""))
    first, second = json.loads(path.read_text())
    assert (first["id"], first["error"]) == ("P1", "both broke")
    assert (second["id"], second["holds"], "error" in second) == ("P3", True, False)


def test_what_one_process_wrote_another_reads(tmp_path: Path) -> None:
    found = [Measured("P1", 0.5, 1.0, 2.0, 3)]
    figures.dump(found, tmp_path / "measured")
    assert figures.load(tmp_path / "measured") == found
    assert figures.load(tmp_path / "nothing") == []
