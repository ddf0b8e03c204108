"""The application below ``/logistics``: every route of every page, none without its guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from deltalake.exceptions import DeltaError
from fastapi import FastAPI, HTTPException, Request, Response, status
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse

from smart_logistics.errors import LogisticsError
from smart_logistics.pages import (
    assets,
    dispositions,
    fleet,
    guide,
    health,
    metrics,
    reports,
    run,
    shipment,
    shipments,
    tiles,
    web,
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def _headers() -> Mapping[str, str]:
    """Return what every answer says: no script but our own files, nothing from another server, Airflow's frame only.

    But pictures may come from the server of the map's tiles, where one is chosen. Such servers want to know which site
    asks: they are told its name, and not the page.
    """
    server = tiles.chosen()
    pictures = "" if server is None else f" {server.origin}"
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:{pictures}; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )
    referrer = "same-origin" if server is None else "strict-origin-when-cross-origin"
    return _HEADERS | {"Content-Security-Policy": policy, "Referrer-Policy": referrer}


def make() -> FastAPI:
    """Return the application. No page of documentation: Airflow's covers its own API, and ours needs none."""
    application = FastAPI(title="Smart Logistics", openapi_url=None, docs_url=None, redoc_url=None)
    for part in (metrics, assets, shipments, shipment, fleet, health, run, guide, reports, dispositions):
        application.include_router(part.router)
    application.middleware("http")(_with_headers)
    application.exception_handler(HTTPException)(_refused)
    application.exception_handler(LogisticsError)(_unanswered)
    application.exception_handler(DeltaError)(_unread)
    return application


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in _headers().items():
        response.headers.setdefault(name, value)
    # What is shown belongs to who is logged in; files with a mark in their address never change.
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


async def _refused(request: Request, error: Exception) -> Response:
    """Send a browser that is not logged in to Airflow's log-in and then back here; tell everybody else."""
    assert isinstance(error, HTTPException)  # noqa: S101 - by the registration above
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if error.status_code == status.HTTP_401_UNAUTHORIZED and wants_page:
        root = request.scope.get("root_path", "").removesuffix(web.PREFIX)
        query = urlencode({"next": str(request.url)})
        return RedirectResponse(f"{root}/api/v2/auth/login?{query}", status.HTTP_303_SEE_OTHER)
    if error.status_code == status.HTTP_404_NOT_FOUND and wants_page:
        return _with_status(web.page(request, "error.html", what=str(error.detail), remedy=""), error.status_code)
    return await http_exception_handler(request, error)


async def _unanswered(request: Request, error: Exception) -> Response:
    """Say what failed and what to do, as everywhere."""
    assert isinstance(error, LogisticsError)  # noqa: S101 - by the registration above
    answer = web.page(request, "error.html", what=error.what, remedy=error.remedy)
    return _with_status(answer, status.HTTP_503_SERVICE_UNAVAILABLE)


async def _unread(request: Request, error: Exception) -> Response:
    """Say that a table cannot be read."""
    what = f"A table cannot be read: {' '.join(str(error).split())[:300]}"
    answer = web.page(
        request, "error.html", what=what, remedy="Run `logistics audit`, and see the troubleshooting page."
    )
    return _with_status(answer, status.HTTP_503_SERVICE_UNAVAILABLE)


def _with_status(response: Response, code: int) -> Response:
    response.status_code = code
    return response
