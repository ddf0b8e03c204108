from __future__ import annotations

import argparse
import importlib.util
import re

import pytest
from benchmarks import registry
from benchmarks.__main__ import _words

from smart_logistics.jobs.catalog import PIPELINE
from smart_logistics.settings import REPOSITORY


def test_every_figure_has_one_place_and_one_module() -> None:
    ids = [figure.id for one in registry.BENCHMARKS for figure in one.figures]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"P[1-8](\.\w+)?", name) for name in ids)
    for one in registry.BENCHMARKS:
        assert importlib.util.find_spec(one.module) is not None, one.module


def test_asking_for_a_figure_gets_it_and_its_parts_from_their_module_alone() -> None:
    ((benchmark, figures),) = registry.chosen(["P7"])
    assert benchmark.module == "benchmarks.start_up"
    assert {figure.id for figure in figures} == {"P7", "P7.second", "P7.again"}
    ((benchmark, figures),) = registry.chosen(["P8"])
    assert (benchmark.module, [figure.id for figure in figures]) == ("benchmarks.hourly_run", ["P8", "P8.classic"])


def test_asking_for_nothing_in_particular_gets_all() -> None:
    assert [one for one, _ in registry.chosen([])] == list(registry.BENCHMARKS)


def test_a_figure_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no figure P9"):
        registry.chosen(["P1", "P9"])


def test_each_job_of_the_pipeline_has_its_part_in_the_figure_of_history() -> None:
    ((_, figures),) = registry.chosen(["P2"])
    assert [figure.id for figure in figures] == ["P2", "P2.whole", *(f"P2.{name}" for name in PIPELINE)]


def test_a_benchmark_is_told_only_what_it_takes() -> None:
    given = argparse.Namespace(rounds="3", small=True, readings="7", days=None, files="9", memory="2g")
    words = {one.module: _words(one, given) for one in registry.BENCHMARKS}
    assert words["benchmarks.start_up"] == ["--rounds", "3", "--small"]
    assert words["benchmarks.small_files"] == ["--rounds", "3", "--small", "--files", "9"]
    assert words["benchmarks.month_of_fleet"] == ["--rounds", "3", "--small", "--readings", "7", "--memory", "2g"]


def test_each_figure_is_explained() -> None:
    page = (REPOSITORY / "docs" / "performance.md").read_text(encoding="utf-8")
    for one in registry.BENCHMARKS:
        assert f"`{one.module.replace('.', '/')}.py`" in page
