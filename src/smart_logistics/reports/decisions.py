"""The sections about excursions and what people decided about them, with the chain that shows nothing was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from smart_logistics.contracts.dispositions import Via
from smart_logistics.dispositions import seen
from smart_logistics.dispositions.chain import Verdict
from smart_logistics.dispositions.seen import Standing
from smart_logistics.reports.document import Code, Facts, Grid, Section, Text
from smart_logistics.reports.words import Clock, minutes, number, text
from smart_logistics.views.shipment import Shipment
from smart_logistics.views.snapshot import Row

_UNITS = {"minutes": "min", "peak_temperature": "°C", "peak_deviation": "°C"}
_VIA = {Via.AIRFLOW.value: "Airflow's log-in", Via.COMMAND_LINE.value: "user of the machine, command line"}


def excursions(found: Shipment, entries: Sequence[Row], clock: Clock) -> Section:
    """Each excursion with its place, and the last decision about it."""
    last = seen.last_of_each(entries, found.excursions)
    rows = tuple(
        (
            number(one["excursion_no"]),
            f"{clock.at(one['started_at'])} to {clock.at(one['ended_at'])}",
            f"{minutes(one['minutes'])}, {number(one['reading_count'])} readings",
            _peak(one, clock),
            f"{text(one['truck_id'])}, {_place(one)}",
            text(one["severity"]),
            _decided(last.get(one["excursion_no"]), one),
        )
        for one in found.excursions
    )
    head = ("No.", "Time", "Length", "Peak", "Truck, place", "Severity", "Decision")
    parts: list[Grid | Text] = [Grid(head, rows, "No excursion was seen.", (1, 5, 3, 5, 4, 2, 4))]
    undecided = sum(one["excursion_no"] not in last for one in found.excursions)
    if undecided:
        parts.append(Text(f"No decision was written down about {undecided} of them.", strong=True))
    return Section("Excursions", tuple(parts))


def _peak(one: Row, clock: Clock) -> str:
    beyond = number(one["peak_deviation"], "°C")
    return f"{number(one['peak_temperature'], '°C')}, {beyond} beyond, {clock.at(one['peak_at'])}"


def _place(one: Row) -> str:
    if one["peak_latitude"] is None or one["peak_longitude"] is None:
        return "place not known"
    return f"{number(one['peak_latitude'], '', 5)}, {number(one['peak_longitude'], '', 5)}"


def _decided(entry: Mapping[str, Any] | None, excursion: Row) -> str:
    if entry is None:
        return "none yet"
    changed = not seen.standing(entry, [excursion]).is_as_decided
    return f"{entry['decision']} (entry {entry['entry_no']})" + (": the excursion has changed since" if changed else "")


def dispositions(found: Shipment, entries: Sequence[Row], verdict: Verdict, clock: Clock) -> Section:
    """Every decision about the shipment as it was written down, and whether the chain holds."""
    parts: list[Any] = []
    for entry in entries:
        standing = seen.standing(entry, found.excursions)
        parts += [Facts(_entry(entry, clock)), Code(f"{entry['entry_no']}:{entry['entry_hash']}")]
        parts.append(Text(_become(standing, clock), strong=not standing.is_as_decided))
    if not entries:
        parts.append(Text("No decision about this shipment was written down."))
    return Section("Decisions", (*parts, *_chain(verdict)))


def _entry(entry: Row, clock: Clock) -> tuple[tuple[str, str], ...]:
    least, most = number(entry["min_threshold"], "°C"), number(entry["max_threshold"], "°C")
    upon = (
        f"{clock.at(entry['started_at'])} to {clock.at(entry['ended_at'])}, {minutes(entry['minutes'])}, "
        f"{number(entry['reading_count'])} readings, peak {number(entry['peak_temperature'], '°C')} "
        f"({number(entry['peak_deviation'], '°C')} beyond {least} to {most}) at {clock.at(entry['peak_at'])}, "
        f"truck {text(entry['truck_id'])}, {text(entry['severity'])}"
    )
    return (
        (f"Entry {entry['entry_no']}", f"{entry['decision']} of excursion {entry['excursion_no']}"),
        ("Reason", text(entry["reason"])),
        (
            "By",
            f"{text(entry['author'])} ({_VIA.get(entry['via'], text(entry['via']))}), {clock.at(entry['decided_at'])}",
        ),
        ("Decided upon", upon),
        ("Version of gold.temperature_excursions", str(entry["excursions_version"])),
        ("Version of gold.shipment_analytics", str(entry["analytics_version"])),
        ("Hash of the entry before", entry["previous_hash"]),
    )


def _become(standing: Standing, clock: Clock) -> str:
    if standing.excursion is None:
        return "There is no excursion at that time any more: newer data say otherwise. Decide again."
    number_ = standing.excursion["excursion_no"]
    if standing.is_as_decided:
        return f"Excursion {number_} is as it was decided upon."
    changes = "; ".join(
        f"{one.fact.replace('_', ' ')} {_value(one.fact, one.then, clock)} → {_value(one.fact, one.now, clock)}"
        for one in standing.changes
    )
    return f"Excursion {number_} has changed since it was decided upon: {changes}. Decide again."


def _value(fact: str, value: Any, clock: Clock) -> str:
    if isinstance(value, datetime):
        return clock.at(value)
    return number(value, _UNITS.get(fact, "")) if isinstance(value, int | float) else text(value)


def _chain(verdict: Verdict) -> list[Text | Facts | Code]:
    if verdict.broken is not None:
        broken = f"entry {verdict.broken.entry_no} {verdict.broken.why}"
        return [Text(f"The chain of all decisions is BROKEN: {broken}.", strong=True)]
    if not verdict.entries:
        return []
    held = f"holds: {verdict.entries} in all, each with the SHA-256 of the one before"
    return [
        Facts((("Chain of all decisions", held),)),
        Text("Whoever notes this line outside of the lakehouse can show later that nothing before it was changed:"),
        Code(f"logistics verify --expect {verdict.entries}:{verdict.head}"),
    ]
