"""The gate: every check of ``quality.checks`` over what is new, recorded in one commit; then errors fail the run.

Progress moves on only where nothing failed and Silver was not behind: a failed check is asked again until it is mended.
"""

from __future__ import annotations

from collections.abc import Mapping

from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.errors import QualityGateFailed
from smart_logistics.failpoints import reached
from smart_logistics.jobs import catalog
from smart_logistics.jobs.quality_measures import measure
from smart_logistics.jobs.quality_window import Window
from smart_logistics.jobs.runner import Context, main
from smart_logistics.lake import metrics
from smart_logistics.lake.store import instant
from smart_logistics.quality import checks
from smart_logistics.quality.checks import FAIL, WARN, Outcome, verdict

PRODUCERS = tuple(name for name in catalog.JOBS if name != catalog.DATA_QUALITY_CHECK.name)
_SHOWN = 5


def run(ctx: Context) -> Mapping[str, object]:
    """Check and record; return the number of checks, how many failed or warned, and the verdict.

    Raises:
        QualityGateFailed: a check of severity error failed; everything is recorded.
    """
    lake = ctx.lake
    stamp = lake.new_stamp()
    window = Window(lake, lake.progress(DQ_METRICS))
    outcomes = measure(window, instant(stamp), ctx.run_id)
    failed = [outcome for outcome in outcomes if outcome.status == FAIL]
    settled = not failed and not any(o.check is checks.BEHIND and o.value for o in outcomes)
    rows = [outcome.row(ctx.run_id, instant(stamp)) for outcome in outcomes]
    reached("data_quality_check.measured")
    with lake.writing(DQ_METRICS):
        metrics.replace(lake.root, ctx.run_id, rows, app=lake.job, stamp=stamp if settled else None)
    reached("data_quality_check.recorded")
    if failed:
        raise QualityGateFailed(
            f"{len(failed)} data-quality check(s) failed: {'; '.join(_told(o) for o in failed[:_SHOWN])}",
            remedy="`logistics query \"select * from ops.dq_metrics where status = 'fail' order by checked_at desc\"`",
        )
    return {
        "rows": len(outcomes),
        "failed": 0,
        "warned": sum(outcome.status == WARN for outcome in outcomes),
        "verdict": verdict(outcomes),
    }


def _told(outcome: Outcome) -> str:
    return f"{outcome.table.full_name} {outcome.check.name} = {outcome.value:g} ({outcome.detail})"


if __name__ == "__main__":
    main(catalog.DATA_QUALITY_CHECK, run, producers=PRODUCERS)
