"""``/logistics/report``: the record of one shipment as a page or on paper; see ``smart_logistics.reports``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Response, status

from smart_logistics.errors import ConfigurationError
from smart_logistics.pages import places
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.reports import make, moment

router = APIRouter()
_MEDIA = {make.Format.HTML: "text/html; charset=utf-8", make.Format.PDF: "application/pdf"}
# The page runs nothing; should a browser be told otherwise, it does not let it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-downloads",
    "Cache-Control": "private, no-store",
}


# Not async: FastAPI then runs it in a thread of its own, and the server answers others meanwhile.
@router.get("/report", dependencies=[Depends(user_of_the_pipeline)])
def report(
    shipment: Annotated[str, Query(max_length=1000)],
    format_: Annotated[make.Format, Query(alias="format")] = make.Format.HTML,
    at: Annotated[str | None, Query(max_length=4000)] = None,
    zone: Annotated[str, Query(max_length=100)] = "UTC",
) -> Response:
    """Return the report; 404 for no such shipment, 410 for a version that is gone, 422 for what cannot be read."""
    try:
        versions = None if at is None else moment.parse(at)
        made = make.report(places.lakehouse(), shipment, format_, at=versions, zone=zone)
    except make.NoSuchShipment as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND, error.what) from None
    except moment.VersionGone as error:
        raise HTTPException(status.HTTP_410_GONE, str(error)) from None
    except ConfigurationError as error:
        raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, str(error)) from None
    name = make.file_name(shipment, format_)
    told = {
        "Content-Disposition": f'{"inline" if format_ is make.Format.HTML else "attachment"}; filename="{name}"',
        "ETag": f'"{made.sha256}"',
    }
    return Response(made.content, media_type=_MEDIA[format_], headers=_HEADERS | told)
