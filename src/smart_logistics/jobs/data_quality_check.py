"""The gate: every check of ``quality.declared.GATE`` over what is new, recorded in one commit; errors fail the run.

Progress moves on only where nothing failed and nothing was behind: a failed check is asked again until it is mended.
The latest run is checked again from where its check began, because it died behind its record or somebody cleared the
task: it finds again what it found, and its record says the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from smart_logistics.contracts import silver
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.failpoints import reached
from smart_logistics.jobs import catalog
from smart_logistics.jobs.quality_measures import measure, measure_run
from smart_logistics.jobs.quality_sample import recomputed
from smart_logistics.jobs.quality_verdict import conclude
from smart_logistics.jobs.quality_window import Window
from smart_logistics.jobs.runner import Context, main
from smart_logistics.lake import metrics
from smart_logistics.lake.still import Still
from smart_logistics.lake.tables import instant
from smart_logistics.quality import checks
from smart_logistics.quality.checks import FAIL

PRODUCERS = tuple(name for name in catalog.PIPELINE if name != catalog.DATA_QUALITY_CHECK.name)


def run(ctx: Context) -> Mapping[str, object]:
    """Check and record; return the number of checks, how many failed or warned, and the verdict.

    Raises:
        QualityGateFailed: a check of severity error failed; everything is recorded.
    """
    lake = ctx.lake
    stamp = lake.new_stamp()
    window = _since_the_last(ctx)
    with window.lake.settings_for(few=window.is_small), ThreadPoolExecutor(1) as pool:
        # What all of them ask for; then the sample, beside the rules unless both need memory.
        window.measure_facts()
        sample = pool.submit(recomputed, window)
        if window.at_once == 1:
            wait([sample])
        outcomes = measure(window, ctx.setting("HOLD_MINUTES"))
        outcomes += measure_run(window, instant(stamp), ctx.run_id, made_again=ctx.request.makes_again(silver.LAYER))
        outcomes.append(sample.result())
    failed = any(outcome.status == FAIL for outcome in outcomes)
    settled = not failed and not any(o.check is checks.BEHIND and o.value for o in outcomes)
    rows = [outcome.row(ctx.run_id, instant(stamp)) for outcome in outcomes]
    reached("data_quality_check.measured")
    with lake.writing(DQ_METRICS):
        progress = metrics.Progress(lake.job, window.seen, stamp) if settled else None
        metrics.replace(lake.root, ctx.run_id, rows, progress)
    reached("data_quality_check.recorded")
    return conclude(outcomes, ctx.run_id)


def plan(ctx: Context) -> Mapping[str, object]:
    """Return which tables have something that no check has looked at."""
    return {"tables": [table.full_name for table in _since_the_last(ctx).changed()]}


def _since_the_last(ctx: Context) -> Window:
    """Return what is new since the last check that did not fail."""
    still = Still(ctx.lake.spark, ctx.lake.root, ctx.lake.job)
    return Window(still, metrics.seen_before(ctx.lake.root, still.state(DQ_METRICS).delta, ctx.run_id, ctx.lake.job))


if __name__ == "__main__":
    main(catalog.DATA_QUALITY_CHECK, run, plan=plan, producers=PRODUCERS)
