"""Who may write, and whether it was they who asked: for the few routes that change something.

Airflow's cookie goes along with whatever a browser sends to this server, also from a page of somebody else. So a
request that comes with the cookie must say that it was sent from a page of this server; the browser writes that down, a
page cannot. A script that comes with a token in its header is nobody's browser.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request, status

from smart_logistics.pages import auth

# Viewers may GET a DAG and nothing else.
_may_edit = requires_access_dag("PUT", param_dag_id=auth.PIPELINE)


async def person(request: Request, bearer: auth.Bearer) -> str:
    """Return the login of who asks. The route's guard has let them in already."""
    return (await get_user(request, None, bearer)).get_name()


async def may_edit(request: Request, bearer: auth.Bearer) -> bool:
    """Return whether who asks may change the pipeline in Airflow."""
    try:
        _may_edit(request, await get_user(request, None, bearer))
    except HTTPException:
        return False
    return True


async def editor(request: Request, bearer: auth.Bearer) -> str:
    """Return the login of who asks; 401 without one, 403 for who may only look or whose request is somebody else's."""
    await auth.user_of_the_pipeline(request, bearer)
    if not await may_edit(request, bearer):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "you may look, but not decide")
    if bearer is None and not is_from_here(request):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this was not sent from a page of this server")
    return await person(request, bearer)


def is_from_here(request: Request) -> bool:
    """Return whether the browser says that a page of this server sent the request. Silence is no."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return False
    base = urlsplit(conf.get("api", "base_url", fallback="") or "")
    known = {request.headers.get("host", ""), base.netloc} - {""}
    sent = urlsplit(origin)
    return sent.scheme in ("http", "https") and sent.netloc in known


Person = Annotated[str, Depends(person)]
MayEdit = Annotated[bool, Depends(may_edit)]
Editor = Annotated[str, Depends(editor)]
