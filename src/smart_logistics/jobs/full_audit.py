"""The audit: the gate's rules over all that there is, Silver and Gold made again from the layer below, and the chain.

The gate looks at what is new; what changed behind its back is found here. The jobs are kept waiting only while the
tables' logs are opened: what is read afterwards is as of that moment. Its results stand beside the gate's in
``ops.dq_metrics``, under a run id that begins with ``audit__``, and are no progress of the gate.
"""

from __future__ import annotations

from collections.abc import Mapping

from smart_logistics.contracts.dispositions import EXCURSION_DISPOSITIONS
from smart_logistics.contracts.ops import DQ_METRICS
from smart_logistics.dispositions import book
from smart_logistics.failpoints import reached
from smart_logistics.jobs import catalog
from smart_logistics.jobs.audit_gold import gold_rebuilt
from smart_logistics.jobs.audit_silver import readings_rebuilt, rows_rebuilt
from smart_logistics.jobs.quality_measures import measure
from smart_logistics.jobs.quality_sample import all_recomputed
from smart_logistics.jobs.quality_verdict import conclude
from smart_logistics.jobs.quality_window import Window
from smart_logistics.jobs.runner import Context, main
from smart_logistics.lake import metrics
from smart_logistics.lake.metrics import AUDIT
from smart_logistics.lake.still import Still
from smart_logistics.lake.tables import instant
from smart_logistics.quality import checks
from smart_logistics.quality.checks import Outcome


def run(ctx: Context) -> Mapping[str, object]:
    """Check and record; return the number of checks, how many failed or warned, and the verdict.

    Raises:
        QualityGateFailed: a check of severity error failed; everything is recorded.
    """
    lake = ctx.lake
    run_id = ctx.run_id if ctx.run_id.startswith(AUDIT) else f"{AUDIT}{ctx.run_id}"
    hold = ctx.setting("HOLD_MINUTES")
    with lake.resting(tuple(catalog.PIPELINE)):
        stamp = lake.new_stamp()
        window = Window(Still(lake.spark, lake.root, lake.job), 0)
    with window.lake.settings_for(few=window.is_small):
        outcomes = measure(window, hold)
        outcomes += [*rows_rebuilt(window), readings_rebuilt(window), *gold_rebuilt(window, hold)]
        outcomes += [all_recomputed(window), _chain(lake.root)]
    with lake.writing(DQ_METRICS):
        rows = [outcome.row(run_id, instant(stamp)) for outcome in outcomes]
        metrics.replace(lake.root, run_id, rows)
    reached("full_audit.recorded")
    return conclude(outcomes, run_id)


def _chain(lakehouse: str) -> Outcome:
    """Check the decisions of people: no job writes them, so they are looked at as of now."""
    broken = book.verify(lakehouse).broken
    example = "" if broken is None else f"entry {broken.entry_no} {broken.why}"
    return Outcome(EXCURSION_DISPOSITIONS, checks.CHAIN, float(broken is not None), example)


if __name__ == "__main__":
    main(catalog.FULL_AUDIT, run)
