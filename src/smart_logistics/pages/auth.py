"""Who may look. Airflow gives a plugin's application no guard of its own: each route here depends on one of these.

A person or script comes with Airflow's own cookie or token and must be allowed to see the pipeline. A Prometheus, which
cannot log in, may come with the token of the file that ``[smart_logistics] metrics_token_file`` names; it opens the
metrics and nothing else.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.core_api.security import bearer_scheme, get_user, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request, status
from fastapi.security import HTTPAuthorizationCredentials

PIPELINE = "smart_logistics_pipeline"
_may_see = requires_access_dag("GET", param_dag_id=PIPELINE)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]


async def user_of_the_pipeline(request: Request, bearer: Bearer) -> None:
    """Let in who is logged in to Airflow and may see the pipeline; 401 for anybody else's token, 403 for no right."""
    try:
        user = await get_user(request, None, bearer)
    except HTTPException:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, "log in to Airflow first", headers={"WWW-Authenticate": "Bearer"}
        ) from None
    _may_see(request, user)


async def scraper_or_user(request: Request, bearer: Bearer) -> None:
    """Let in whoever has the token for scraping, or is a user of the pipeline."""
    if bearer is None or not _is_scrape_token(bearer.credentials):
        await user_of_the_pipeline(request, bearer)


def _is_scrape_token(given: str) -> bool:
    """Compare with the token in the file, read anew each time, so that it can be changed without a restart."""
    name = conf.get("smart_logistics", "metrics_token_file", fallback="")
    if not name:
        return False
    try:
        token = Path(name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return False
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())
