"""How a source column reaches Bronze: the SQL that PostgreSQL runs, and the column that Spark makes of what it answers.

A value that Bronze's type cannot hold (NaN or infinity in a decimal, an instant at infinity or before Christ, a
number with more digits) must neither stop the read nor vanish: the column is null and ``_rescued_data`` keeps the
text. Instants travel as microseconds: the driver's own calendar would move old ones.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from smart_logistics.contracts.source import SourceTable
from smart_logistics.errors import SourceContractBroken

RESCUED = "_rescued_data"
_TEXTS = frozenset({"text", "varchar", "bpchar", "char", "name", "citext"})
_ACCEPTED = {
    "int": frozenset({"int2", "int4", "int8"}),
    "bigint": frozenset({"int2", "int4", "int8"}),
    "double": frozenset({"float4", "float8"}),
    "boolean": frozenset({"bool"}),
    "timestamp": frozenset({"timestamptz"}),
    "decimal": frozenset({"numeric"}),
    "string": _TEXTS,
}
# What a column that the contract does not name becomes; every other type becomes its text, which loses nothing.
_NATURAL = {"bool": "boolean", "int2": "int", "int4": "int", "int8": "bigint", "float4": "double", "float8": "double"}
_SQL = {"int": "int4", "bigint": "int8", "double": "float8", "boolean": "bool", "string": "text"}
_RESERVED = frozenset({RESCUED, "_ingested_at", "_run_id", "_ingestion_date"})


@dataclass(frozen=True)
class SourceColumn:
    """A column as PostgreSQL's catalogue has it.

    ``type`` is the base type's name, ``shown`` how people read it, ``labels`` those of an enumeration, ``computed`` how
    the server makes a value that it does not store. ``number`` stays the same while the column is renamed, and is never
    given again.
    """

    name: str
    type: str
    shown: str
    labels: str | None = None
    computed: str | None = None
    number: int = 0

    @property
    def is_enum(self) -> bool:
        """Whether its values are those of an enumeration."""
        return self.labels is not None


@dataclass(frozen=True)
class Selected:
    """A column on its way: ``sql`` gives the value, ``rescue`` its text where it cannot be held (None: it always can).

    ``name`` and ``type`` are Bronze's; an instant arrives as a bigint of microseconds.
    """

    name: str
    type: str
    sql: str
    rescue: str | None = None


def quoted(name: str) -> str:
    """Return a name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return text as a SQL literal that means the same under any ``standard_conforming_strings``."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'" if "\\" in text else f"'{escaped}'"


def fingerprint(columns: Iterable[SourceColumn], members: str = "") -> str:
    """Return a digest of what may change which rows there are, or what they say, without one of them being written.

    Such are a column dropped and added again, two that swap their names, a label of an enumeration renamed, a virtual
    column computed in another way, and a partition attached; ``members`` names the partitions.
    """
    lines = sorted(f"{c.number}\0{c.name}\0{c.shown}\0{c.labels or ''}\0{c.computed or ''}" for c in columns)
    return hashlib.sha256("\n".join([*lines, members]).encode()).hexdigest()[:16]


def broken(source: SourceTable, found: Sequence[SourceColumn]) -> list[str]:
    """Return in what a table is not what the contract says: columns that are missing or have another type."""
    by_name = {column.name: column for column in found}
    problems = []
    for column in source.columns:
        actual = by_name.get(column.name)
        if actual is None:
            problems.append(f"{source.name}.{column.name} is missing")
        elif not _accepts(column.type, actual):
            problems.append(f"{source.name}.{column.name} has the type {actual.shown}, not {column.type}")
    return problems


def _accepts(type_: str, column: SourceColumn) -> bool:
    family = type_.split("(")[0]
    return column.type in _ACCEPTED[family] or (family == "string" and column.is_enum)


def selection(source: SourceTable, found: Sequence[SourceColumn], bronze: Mapping[str, str]) -> list[Selected]:
    """Return what to select: the contract's columns, then every other one that the source has.

    ``bronze`` gives the types of the columns that the Bronze table has by now.

    Raises:
        SourceContractBroken: a column that the contract does not name no longer fits the one that Bronze keeps of it.
    """
    by_name = {column.name: column for column in found}
    declared = [_declared(column.name, column.type, by_name[column.name]) for column in source.columns]
    taken = {column.name.lower() for column in source.columns} | _RESERVED
    extra = []
    for column in sorted(found, key=lambda column: column.name):
        if column.name not in source.column_names:
            name = _bronze_name(column.name, taken)
            taken.add(name.lower())
            extra.append(_undeclared(source, name, column, bronze.get(name)))
    return declared + extra


def _declared(name: str, type_: str, column: SourceColumn) -> Selected:
    value = quoted(name)
    if type_ == "timestamp":
        held = f"{value} >= '0001-01-01 00:00:00+00' AND {value} < '10000-01-01 00:00:00+00'"
        return _guarded(name, type_, held, f"(extract(epoch FROM {value}) * 1000000)::int8", "int8")
    if type_.startswith("decimal"):
        precision, scale = (int(digits) for digits in re.findall(r"\d+", type_))
        target = f"numeric({precision},{scale})"
        held = f"abs({value}) < 1e{precision - scale} AND {value} = round({value}, {scale})"
        return _guarded(name, type_, held, f"{value}::{target}", target)
    if type_ == "int" and column.type == "int8":
        return _guarded(name, type_, f"{value} BETWEEN -2147483648 AND 2147483647", f"{value}::int4", "int4")
    return Selected(name, type_, f"{value}::{_SQL[type_]}")


def _guarded(name: str, type_: str, held: str, value: str, target: str) -> Selected:
    # The outer cast gives the column its precision; CASE keeps the inner one from values that it cannot take.
    text = f"CASE WHEN NOT ({held}) THEN {quoted(name)}::text END"
    return Selected(name, type_, f"(CASE WHEN {held} THEN {value} END)::{target}", text)


def _undeclared(source: SourceTable, name: str, column: SourceColumn, kept_as: str | None) -> Selected:
    type_ = _NATURAL.get(column.type, "string")
    if kept_as in {"string", type_, "bigint" if type_ == "int" else type_}:
        type_ = kept_as or type_
    elif kept_as is not None:
        raise SourceContractBroken(
            f"{source.name}.{column.name} has the type {column.shown} now, and Bronze keeps it as {kept_as}",
            remedy="rename the column in the source, or change its type back",
        )
    return Selected(name, type_, f"{quoted(column.name)}::{_SQL[type_]}")


def _bronze_name(name: str, taken: set[str]) -> str:
    """Return a name that a Delta table can have; one that must differ gets a suffix that is always the same for it."""
    clean = re.sub(r"[ ,;{}()\n\t=`.]", "_", name)
    return clean if clean == name and name.lower() not in taken else f"{clean}_{zlib.crc32(name.encode()):08x}"


def rescued(selected: Sequence[Selected]) -> str:
    """Return the SQL of ``_rescued_data``: a JSON object of the values that could not be held, or null."""
    pairs = ", ".join(f"{literal(column.name)}, {column.rescue}" for column in selected if column.rescue)
    return f"nullif(jsonb_strip_nulls(jsonb_build_object({pairs}))::text, '{{}}')" if pairs else "NULL::text"
