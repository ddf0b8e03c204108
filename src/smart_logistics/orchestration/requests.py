"""The form under which a person starts a run: a layer made again, some days of it, or a dry run. See ``jobs.request``.

Scheduled runs have its defaults, which ask for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from smart_logistics.jobs import request
from smart_logistics.jobs.request import DRY_RUN, FROM_DAY, NOTHING, REFRESH, REFRESHES, TO_DAY, Request

if TYPE_CHECKING:
    from airflow.sdk import Context

_DAY: dict[str, Any] = {"type": ["null", "string"], "format": "date"}


def form() -> dict[str, Param]:
    """Return the fields of the form."""
    return {
        REFRESH: Param(
            NOTHING,
            type="string",
            enum=list(REFRESHES),
            title="Make a layer again",
            description="From all that the layer below holds. What is there and right stays; what differs is mended.",
        ),
        FROM_DAY: Param(
            None,
            **_DAY,
            title="From day",
            description="Only readings from this UTC day on, and shipments created or under way then.",
        ),
        TO_DAY: Param(None, **_DAY, title="To day", description="The last of those days, included."),
        DRY_RUN: Param(
            False,
            type="boolean",
            title="Dry run",
            description="Each task says what it would write, by the tables as they are now, and writes nothing.",
        ),
    }


def template(field: str) -> str:
    """Return the template of a field: what nobody gave is empty."""
    return f"{{{{ params.{field} if params.{field} is not none else '' }}}}"


def asked(context: Context) -> Request:
    """Return what was asked of a run.

    Raises:
        ConfigurationError: the fields do not go together.
    """
    given: Any = context.get("params") or {}
    return Request.of(dict(given))


def is_dry(context: Context) -> bool:
    """Return whether a run is only to say what it would do."""
    given: Any = context.get("params")
    return request.is_dry(given)
