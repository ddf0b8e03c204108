"""The application below ``/logistics``: every route of every page, none without its guard."""

from __future__ import annotations

from fastapi import FastAPI

from smart_logistics.pages import metrics


def make() -> FastAPI:
    """Return the application. No page of documentation: Airflow's covers its own API, and ours needs none."""
    application = FastAPI(title="Smart Logistics", openapi_url=None, docs_url=None, redoc_url=None)
    application.include_router(metrics.router)
    return application
