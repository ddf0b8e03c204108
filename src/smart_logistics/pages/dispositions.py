"""``/logistics/disposition``: a shipment's excursions, what was decided about them, and for who may, a form to decide.

The author is whoever is logged in to Airflow, never a field of the form. The form carries a key of its own, so that it
counts once however often it is sent, and a mark of the excursion that it showed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response, status
from fastapi.responses import RedirectResponse

from smart_logistics.contracts.dispositions import Decision, Via
from smart_logistics.dispositions import book, seen
from smart_logistics.errors import LockHeld, LogisticsError
from smart_logistics.pages import places, web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.editing import Editor, MayEdit, Person
from smart_logistics.pages.web import Column, Table, link
from smart_logistics.reports.words import text

router = APIRouter()
ShipmentId = Annotated[str, Query(alias="shipment", max_length=1000)]
_CODES: dict[type[LogisticsError], int] = {
    book.WrongRequest: status.HTTP_422_UNPROCESSABLE_CONTENT,
    book.NoSuchExcursion: status.HTTP_404_NOT_FOUND,
    book.ExcursionChanged: status.HTTP_409_CONFLICT,
    book.KeyTaken: status.HTTP_409_CONFLICT,
    LockHeld: status.HTTP_503_SERVICE_UNAVAILABLE,
}
_EXCURSIONS = (
    ("decision", "Decision", "text"),
    *(("started_at", "From", "instant"), ("ended_at", "Until", "instant"), ("minutes", "Lasted", "minutes")),
    *(("reading_count", "Readings", "whole"), ("peak_temperature", "Peak", "celsius")),
    *(("peak_deviation", "Beyond limit, °C", "number"), ("peak_at", "Peak at", "instant")),
    *(("truck_id", "Truck", "typed"), ("severity", "Severity", "severity")),
)
_ENTRIES = (
    *(("entry_no", "Entry", "text"), ("excursion_no", "Excursion then", "text"), ("decision", "Decision", "text")),
    *(("reason", "Reason", "typed"), ("author", "By", "typed"), ("via", "Known by", "text")),
    *(("decided_at", "When", "instant"), ("now", "The excursion now", "text"), ("entry_hash", "SHA-256", "hash")),
)


@dataclass(frozen=True)
class _Found:
    """A shipment's excursions with their last decision, and every entry with what became of its excursion."""

    shipment_id: str
    excursions: Sequence[Mapping[str, Any]]
    entries: Sequence[Mapping[str, Any]]


# Not async: FastAPI then runs it in a thread of its own, and the server answers others meanwhile.
@router.get("/disposition", dependencies=[Depends(user_of_the_pipeline)])
def show(
    request: Request,
    shipment_id: ShipmentId,
    may_edit: MayEdit,
    login: Person,
    excursion_no: Annotated[int | None, Query(alias="excursion")] = None,
) -> Response:
    """Return the page; 404 where the shipment has no excursion of that number."""
    return _page(request, shipment_id, excursion_no, login if may_edit else None)


@router.get("/disposition.csv", dependencies=[Depends(user_of_the_pipeline)])
def export(request: Request, shipment_id: ShipmentId, table: str = "") -> Response:
    """Return one of the page's tables."""
    found = _tables(request, _found(shipment_id), None)
    if table not in found:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"the tables are {', '.join(found)}")
    return web.csv_of_table(found[table])


@router.post("/disposition", dependencies=[Depends(user_of_the_pipeline)])
def decide(
    request: Request,
    login: Editor,
    shipment_id: Annotated[str, Form(alias="shipment", max_length=1000)],
    excursion_no: Annotated[int, Form(alias="excursion")],
    decision: Annotated[Decision, Form()],
    reason: Annotated[str, Form(max_length=20_000)],
    key: Annotated[str, Form(max_length=1000)],
    shown: Annotated[str, Form(alias="seen", max_length=100)],
) -> Response:
    """Write a decision down and show it; with a message where that was not possible, and then nothing was written."""
    asked = book.Request(key, shipment_id, excursion_no, decision, reason, login, Via.AIRFLOW, shown)
    try:
        book.decide(places.lakehouse(), asked)
    except LogisticsError as error:
        code = _CODES.get(type(error), status.HTTP_500_INTERNAL_SERVER_ERROR)
        return _page(request, shipment_id, excursion_no, login, error=error, reason=reason, code=code)
    return RedirectResponse(_address(request, shipment_id, excursion_no), status.HTTP_303_SEE_OTHER)


def _address(request: Request, shipment_id: str, excursion_no: int) -> str:
    return link(request, "disposition", shipment=shipment_id, excursion=excursion_no)


def _page(
    request: Request,
    shipment_id: str,
    excursion_no: int | None,
    editor: str | None,
    *,
    error: LogisticsError | None = None,
    reason: str = "",
    code: int = status.HTTP_200_OK,
) -> Response:
    found = _found(shipment_id)
    chosen = next((one for one in found.excursions if one["excursion_no"] == excursion_no), None)
    if error is None and (not found.excursions or (excursion_no is not None and chosen is None)):
        error = book.NoSuchExcursion(f"shipment {shipment_id!r} has no such excursion", remedy="see its page")
        code = status.HTTP_404_NOT_FOUND
    tables = _tables(request, found, excursion_no)
    page = web.page(
        request,
        "disposition.html",
        shipment=text(shipment_id),
        shipment_id=shipment_id,
        shipment_page=web.shipment_link(request, shipment_id),
        excursions=tables["excursions"],
        chosen=chosen and {"number": chosen["excursion_no"], "mark": seen.mark(chosen)},
        entries=tables["decisions"],
        chain=book.verify(places.lakehouse()),
        editor=editor,
        decisions=[one.value for one in Decision],
        key=uuid.uuid4(),
        most=book.MOST_REASON,
        message=None if error is None else text(error),
        reason=reason,
    )
    page.status_code = code
    return page


def _found(shipment_id: str) -> _Found:
    root = places.lakehouse()
    excursions, entries = book.excursions(root, shipment_id), book.entries(root, shipment_id=shipment_id)
    last = seen.last_of_each(entries, excursions)
    return _Found(
        shipment_id,
        [one | {"decision": _decision(one, last.get(one["excursion_no"]))} for one in excursions],
        [entry | {"now": _become(seen.standing(entry, excursions))} for entry in entries],
    )


def _decision(excursion: Mapping[str, Any], entry: Mapping[str, Any] | None) -> str:
    if entry is None:
        return "none yet"
    holds = seen.standing(entry, [excursion]).is_as_decided
    return str(entry["decision"]) if holds else f"{entry['decision']}, but it has changed since: decide again"


def _become(standing: seen.Standing) -> str:
    if standing.excursion is None:
        return "there is no excursion at that time any more: decide again"
    return "as it was" if standing.is_as_decided else "has changed since: decide again"


def _tables(request: Request, found: _Found, excursion_no: int | None) -> dict[str, Table]:
    def csv(table: str) -> str:
        return link(request, "disposition.csv", shipment=found.shipment_id, table=table)

    number = Column("excursion_no", "No.", link=lambda row: _address(request, found.shipment_id, row["excursion_no"]))
    return {
        "excursions": Table(
            "excursions",
            "Excursions",
            [number, *(Column(*one) for one in _EXCURSIONS)],
            found.excursions,
            csv=csv("excursions"),
            current=lambda row: row["excursion_no"] == excursion_no,
        ),
        "decisions": Table(
            "decisions",
            "What was decided",
            [Column(*one) for one in _ENTRIES],
            found.entries,
            "Nothing yet.",
            csv("decisions"),
        ),
    }
