"""A job killed between any two of its steps is caught up with by its next run, each record exactly once.

The same data went through the jobs once without a kill, and the oracle counted it again. After each kill the job is
tried again, and every table must then hold what it held there; where a kill comes with another setting, the jobs behind
it run, too, and the oracle counts.
"""

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
from smart_logistics.jobs import catalog, warm
from tests.faults.kill_recount import held_locks, wrong, wrong_files, wrong_logs
from tests.faults.kill_sameness import Content, content, unlike
from tests.faults.kill_site import JOBS, Site
from tests.faults.kills import ANOTHER_HOLD, Kill, matrix, sample
from tests.oracle.hostile_data import hostile_waves
from tests.oracle.load import Lakehouse
from tests.spark.bronze.source import Source
from tests.spark.jobs.warm_server import serving

# Before it has run, files wait in the landing folder.
_BEHIND_FILES = JOBS[JOBS.index(catalog.BRONZE_INGEST_IOT.name) :]
_TOLD = re.compile(r"^failpoint (\S+)@(\S*): tell$", re.MULTILINE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kill" in metafunc.fixturenames:
        whole, seed = metafunc.config.getoption("--whole-matrix"), metafunc.config.getoption("--seed")
        kills = matrix() if whole else sample(seed)
        if metafunc.config.getoption("--spark-session") == "warm":
            # A job there is one process; its server is killed in tests/kills.
            kills = [kill._replace(kind="kill-python") for kill in kills if not whole or kill.kind == "kill-python"]
        metafunc.parametrize("kill", kills, ids=[kill.name for kill in kills])


class Bases:
    """A site before each job, with work for it: what came first went all the way, what came then up to there."""

    def __init__(self, site: Site, folder: Path, seed: int) -> None:
        self._site, self._folder = site, folder
        self._kept: list[Site] = []
        self._content: dict[str, Content] = {}
        self.visits: dict[str, Counter[tuple[str, str]]] = {}
        first, second = hostile_waves(seed, 2, files=24, readings_per_truck=60)
        site.receive(first)
        site.run_from(JOBS[0])
        site.receive(second)
        self._keep()

    def _keep(self) -> None:
        self._kept.append(self._site.copy(self._folder / str(len(self._kept))))

    def before(self, job: str) -> Site:
        """Return the site as it was before ``job``."""
        return self._kept[JOBS.index(job)]

    def after(self, job: str) -> Content:
        """Return what the site held after ``job``, and keep in ``visits`` what it and those before it came to."""
        for name in JOBS[len(self._kept) - 1 : JOBS.index(job) + 1]:
            heard = io.StringIO()
            failpoints.arm({failpoints.VARIABLE: "*=tell"})
            with contextlib.redirect_stderr(heard):
                self._site.run(name)
            failpoints.arm({})
            self.visits[name] = Counter(_TOLD.findall(heard.getvalue()))
            self._content[name] = content(self._site)
            self._keep()
        return self._content[job]

    def whole(self) -> Site:
        """Return the site after all jobs."""
        self.after(JOBS[-1])
        return self._site

    def aim(self, kill: Kill) -> str:
        """Return the failpoint of a kill: one of the visits to its point, another one at each turn."""
        visits = {where: n for (point, where), n in sorted(self.visits[kill.job].items()) if point == kill.point}
        if not visits:
            return f"{kill.point}={kill.kind}"
        where = sorted(visits)[kill.turn % len(visits)]
        return f"{kill.point}{'@' * bool(where)}{where}:{1 + kill.turn % visits[where]}={kill.kind}"


@pytest.fixture(scope="module")
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[warm.Session | None]:
    """A warm session where the kills are to be of jobs on one."""
    if request.config.getoption("--spark-session") != "warm":
        yield None
        return
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server.session


@pytest.fixture(scope="module")
def bases(
    spark: SparkSession,
    kill_source: Source,
    kill_jars: Path,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    session: warm.Session | None,
) -> Iterator[Bases]:
    kill_source.reset()
    folder = tmp_path_factory.mktemp("bases")
    yield Bases(Site(folder / "first", kill_source, spark, kill_jars, session=session), folder, seed)
    shutil.rmtree(folder)


def test_what_the_kills_are_compared_with_is_what_the_oracle_says(bases: Bases) -> None:
    assert wrong(bases.whole()) == []


def test_a_kill_between_two_steps_is_caught_up_with(bases: Bases, tmp_path: Path, kill: Kill) -> None:
    wanted = bases.after(kill.job)
    is_another_hold = kill.point == ANOTHER_HOLD
    site = bases.before(kill.job).copy(tmp_path / "site", **({"HOLD_MINUTES": 45} if is_another_hold else {}))
    with site.submitted(kill.job, bases.aim(kill)) as processes:
        code = processes.wait()
        assert code != 0, f"{kill.point} was not reached: {processes.text[-3000:]}"
        assert f"failpoint {kill.point}@" in site.told.read_text()
        processes.seconds_until_gone()
    assert held_locks(site) == []
    if is_another_hold:
        site.run_from(kill.job)
        assert wrong(site) == []
    else:
        site.retry(kill.job)
        assert [*wrong_logs(site.lakehouse), *unlike(content(site), wanted)] == []
        if kill.job in _BEHIND_FILES:
            assert list(wrong_files(site, Lakehouse(site.lakehouse))) == []
    shutil.rmtree(site.home)
