"""The files that pages load: styles, scripts and the outlines of the map; nothing from another server."""

from __future__ import annotations

from fastapi import APIRouter, Depends, HTTPException
from fastapi.responses import FileResponse

from smart_logistics.pages import chart_script
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.web import STATIC

router = APIRouter()
# Natural Earth's countries, 1:50 million (public domain), as TopoJSON by world-atlas 2.0.2 (see outlines.LICENSE).
OUTLINES = "outlines.json"
_TYPES = {"pages.css": "text/css", "pages.js": "text/javascript", OUTLINES: "application/json"}
# Their addresses change with them.
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


# Not async: the script of the charts may have to be made first.
@router.get("/static/{name}", dependencies=[Depends(user_of_the_pipeline)])
def static(name: str) -> FileResponse:
    """Return one of the files."""
    if name == "charts.js":
        return FileResponse(chart_script.path(), media_type="text/javascript", headers=_FOR_EVER)
    if name not in _TYPES:
        raise HTTPException(404, "there is no such file")
    return FileResponse(STATIC / name, media_type=_TYPES[name], headers=_FOR_EVER)
