"""The plugin by which Airflow finds what it serves for us: the entry point ``airflow.plugins`` of this package.

Every Airflow process loads it, tasks too; so the application itself is only made when the first request comes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from smart_logistics.orchestration.queued import RunQueued

PREFIX = "/logistics"
_Message = MutableMapping[str, Any]
_Application = Callable[
    [_Message, Callable[[], Awaitable[_Message]], Callable[[_Message], Awaitable[None]]], Awaitable[None]
]


@cache
def _application() -> _Application:
    from smart_logistics.pages.application import make

    return make()


async def application(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
) -> None:
    """Hand a request to the application."""
    await _application()(scope, receive, send)


class LogisticsPlugin(AirflowPlugin):
    """What Airflow is told."""

    name = "smart_logistics"
    # Addresses are relative to Airflow's own; shown in a frame inside its pages, whose log-in is theirs.
    external_views = [  # noqa: RUF012 - so does its base
        {
            "name": "Shipments at risk",
            "href": f"{PREFIX[1:]}/shipments",
            "destination": "nav",
            "url_route": "shipments-at-risk",
            "nav_top_level": True,
        },
        {
            "name": "Pipeline health",
            "href": f"{PREFIX[1:]}/health",
            "destination": "nav",
            "url_route": "pipeline-health",
            "nav_top_level": True,
        },
        {
            "name": "Fleet and routes",
            "href": f"{PREFIX[1:]}/fleet",
            "destination": "nav",
            "url_route": "fleet-and-routes",
            "nav_top_level": True,
        },
        {
            "name": "What it did",
            "href": f"{PREFIX[1:]}/run?dag={{DAG_ID}}&run={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "what-it-did",
        },
    ]
    deadline_references = [RunQueued]  # noqa: RUF012 - so does its base
    fastapi_apps = [{"app": application, "url_prefix": PREFIX, "name": "Smart Logistics"}]  # noqa: RUF012 - so does its base
