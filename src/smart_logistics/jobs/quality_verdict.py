"""What the outcomes of all checks mean for the job that made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smart_logistics.errors import QualityGateFailed
from smart_logistics.quality.checks import FAIL, WARN, Outcome, verdict

_SHOWN = 5


def conclude(outcomes: Sequence[Outcome], run_id: str) -> Mapping[str, object]:
    """Return the counts of a job whose ``outcomes`` are recorded under ``run_id``.

    Raises:
        QualityGateFailed: a check of severity error failed.
    """
    failed = [outcome for outcome in outcomes if outcome.status == FAIL]
    if failed:
        more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        look = f"logistics query \"SELECT * FROM ops.dq_metrics WHERE run_id = '{run_id}' AND status = 'fail'\""  # noqa: S608 - for a person
        raise QualityGateFailed(
            f"{len(failed)} data-quality check(s) failed: {'; '.join(map(_told, failed[:_SHOWN]))}{more}",
            remedy=f"docs/quality.md says what each means; see all with `{look}`",
        )
    return {
        "rows": len(outcomes),
        "failed": 0,
        "warned": sum(outcome.status == WARN for outcome in outcomes),
        "verdict": verdict(outcomes),
    }


def _told(outcome: Outcome) -> str:
    limit = f"at most {outcome.check.threshold:g}"
    return f"{outcome.table.full_name} {outcome.check.name} = {outcome.value:g}, {limit} ({outcome.detail})"
