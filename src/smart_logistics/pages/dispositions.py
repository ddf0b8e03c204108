"""``/logistics/disposition``: an excursion, what was decided about it, and for who may, a form to decide.

The author is whoever is logged in to Airflow, never a field of the form. The form carries a key of its own, so that it
counts once however often it is sent, and a mark of the excursion that it showed.
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response, status
from fastapi.responses import RedirectResponse

from smart_logistics.contracts.dispositions import Decision, Via
from smart_logistics.dispositions import book, seen
from smart_logistics.errors import LockHeld, LogisticsError
from smart_logistics.pages import places, web
from smart_logistics.pages.auth import user_of_the_pipeline
from smart_logistics.pages.editing import Editor, MayEdit, Person
from smart_logistics.reports.words import Clock, minutes, number, text

router = APIRouter()
_EXCURSION = ("No.", "Time", "Length", "Peak", "Truck", "Severity", "Decision")
_ENTRY = ("Entry", "Excursion then", "Decision", "Reason", "By", "When", "The excursion now", "SHA-256")
_CODES: dict[type[LogisticsError], int] = {
    book.WrongRequest: status.HTTP_422_UNPROCESSABLE_CONTENT,
    book.NoSuchExcursion: status.HTTP_404_NOT_FOUND,
    book.ExcursionChanged: status.HTTP_409_CONFLICT,
    book.KeyTaken: status.HTTP_409_CONFLICT,
    LockHeld: status.HTTP_503_SERVICE_UNAVAILABLE,
}


# Not async: FastAPI then runs it in a thread of its own, and the server answers others meanwhile.
@router.get("/disposition", dependencies=[Depends(user_of_the_pipeline)])
def show(
    request: Request,
    shipment_id: Annotated[str, Query(alias="shipment", max_length=1000)],
    may_edit: MayEdit,
    login: Person,
    excursion_no: Annotated[int | None, Query(alias="excursion")] = None,
) -> Response:
    """Return the page; 404 where the shipment has no excursion of that number."""
    return _page(request, shipment_id, excursion_no, login if may_edit else None)


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
    return web.link(request, "disposition", shipment=shipment_id, excursion=excursion_no)


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
    root, clock = places.lakehouse(), Clock()
    excursions = book.excursions(root, shipment_id)
    chosen = next((one for one in excursions if one["excursion_no"] == excursion_no), None)
    if error is None and (not excursions or (excursion_no is not None and chosen is None)):
        error = book.NoSuchExcursion(f"shipment {shipment_id!r} has no such excursion", remedy="see its page")
        code = status.HTTP_404_NOT_FOUND
    entries = book.entries(root, shipment_id=shipment_id)
    last = seen.last_of_each(entries, excursions)
    page = web.page(
        request,
        "disposition.html",
        shipment=text(shipment_id),
        shipment_id=shipment_id,
        shipment_page=web.shipment_link(request, shipment_id),
        excursion_head=_EXCURSION,
        excursions=[
            {
                "number": one["excursion_no"],
                "address": _address(request, shipment_id, one["excursion_no"]),
                "cells": _excursion(one, last.get(one["excursion_no"]), clock),
            }
            for one in excursions
        ],
        chosen=chosen and {"number": chosen["excursion_no"], "mark": seen.mark(chosen)},
        entry_head=_ENTRY,
        entries=[_entry(entry, seen.standing(entry, excursions), clock) for entry in entries],
        chain=book.verify(root),
        editor=editor,
        decisions=[one.value for one in Decision],
        key=uuid.uuid4(),
        most=book.MOST_REASON,
        message=None if error is None else text(error),
        reason=reason,
    )
    page.status_code = code
    return page


def _excursion(one: dict[str, Any], entry: Any, clock: Clock) -> tuple[str, ...]:
    beyond = number(one["peak_deviation"], "°C")
    return (
        f"{clock.at(one['started_at'])} to {clock.at(one['ended_at'])}",
        f"{minutes(one['minutes'])}, {number(one['reading_count'])} readings",
        f"{number(one['peak_temperature'], '°C')}, {beyond} beyond the limit, at {clock.at(one['peak_at'])}",
        text(one["truck_id"]),
        text(one["severity"]),
        "none yet" if entry is None else entry["decision"],
    )


def _entry(entry: dict[str, Any], standing: seen.Standing, clock: Clock) -> tuple[str, ...]:
    if standing.excursion is None:
        become = "there is no excursion at that time any more: decide again"
    else:
        become = "as it was" if standing.is_as_decided else "has changed since: decide again"
    facts = (entry["entry_no"], entry["excursion_no"], entry["decision"], entry["reason"], entry["author"])
    return (*(text(fact) for fact in facts), clock.at(entry["decided_at"]), become, entry["entry_hash"])
