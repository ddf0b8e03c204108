"""A job killed between any two of its steps is caught up with by its next run, each record exactly once."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from smart_logistics import failpoints
from tests.faults.kill_recount import held_locks, wrong
from tests.faults.kill_site import JOBS, Site
from tests.faults.kills import ANOTHER_HOLD, Kill, matrix, sample
from tests.oracle.hostile_data import hostile_waves
from tests.spark.bronze.source import Source

_TOLD = re.compile(r"^failpoint (\S+)@(\S*): tell$", re.MULTILINE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kill" in metafunc.fixturenames:
        whole, seed = metafunc.config.getoption("--whole-matrix"), metafunc.config.getoption("--seed")
        kills = matrix() if whole else sample(seed)
        metafunc.parametrize("kill", kills, ids=[kill.name for kill in kills])


class Bases:
    """A site before each job, with work for it: what came first went all the way, what came then up to there."""

    def __init__(self, site: Site, folder: Path, seed: int) -> None:
        self._site, self._folder = site, folder
        self._kept: dict[str, Site] = {}
        self.visits: dict[str, Counter[tuple[str, str]]] = {}
        first, second = hostile_waves(seed, 2, files=24, readings_per_truck=60)
        site.receive(first)
        site.run_from(JOBS[0])
        site.receive(second)

    def before(self, job: str) -> Site:
        """Return the site as it was before ``job``; what the job comes to by itself is in ``visits``."""
        for name in JOBS[len(self._kept) : JOBS.index(job) + 1]:
            self._kept[name] = self._site.copy(self._folder / name)
            heard = io.StringIO()
            failpoints.arm({failpoints.VARIABLE: "*=tell"})
            with contextlib.redirect_stderr(heard):
                self._site.run(name)
            failpoints.arm({})
            self.visits[name] = Counter(_TOLD.findall(heard.getvalue()))
        return self._kept[job]

    def aim(self, kill: Kill) -> str:
        """Return the failpoint of a kill: one of the visits to its point, another one at each turn."""
        visits = {where: n for (point, where), n in sorted(self.visits[kill.job].items()) if point == kill.point}
        if not visits:
            return f"{kill.point}={kill.kind}"
        where = sorted(visits)[kill.turn % len(visits)]
        return f"{kill.point}{'@' * bool(where)}{where}:{1 + kill.turn % visits[where]}={kill.kind}"


@pytest.fixture(scope="module")
def bases(
    spark: SparkSession, kill_source: Source, kill_jars: Path, tmp_path_factory: pytest.TempPathFactory, seed: int
) -> Iterator[Bases]:
    kill_source.reset()
    folder = tmp_path_factory.mktemp("bases")
    yield Bases(Site(folder / "first", kill_source, spark, kill_jars), folder, seed)
    shutil.rmtree(folder)


def test_a_kill_between_two_steps_is_caught_up_with(bases: Bases, tmp_path: Path, kill: Kill) -> None:
    before = bases.before(kill.job)
    site = before.copy(tmp_path / "site", **({"HOLD_MINUTES": 45} if kill.point == ANOTHER_HOLD else {}))
    with site.submitted(kill.job, bases.aim(kill)) as processes:
        code = processes.wait()
        assert code != 0, f"{kill.point} was not reached: {processes.text[-3000:]}"
        assert f"failpoint {kill.point}@" in site.told.read_text()
        processes.seconds_until_gone()
    assert held_locks(site) == []
    site.run_from(kill.job)
    assert wrong(site) == []
    shutil.rmtree(site.home)
