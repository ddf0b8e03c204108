"""Judging a row: the first reason that applies, as one Column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from smart_logistics.contracts.model import Column as Declared
from smart_logistics.contracts.rules import (
    BUSINESS_RULES,
    WHITE_SPACE,
    InOrder,
    NotNegative,
    OneOf,
    Reason,
    RowRule,
)
from smart_logistics.contracts.source import SourceTable


@dataclass(frozen=True)
class Check:
    """``broken`` is true where a row breaks the rule; null counts as not broken. ``detail`` says what was seen."""

    reason: Reason
    broken: Column
    detail: Column


def trimmed(column: str | Column) -> Column:
    """Return text without Unicode white space around it."""
    return F.btrim(column, F.lit(WHITE_SPACE))


def normalised_plate(column: str | Column) -> Column:
    """Return a license plate trimmed and in upper case: how trucks and vehicles are matched."""
    return F.upper(trimmed(column))


def first_failure(checks: Sequence[Check]) -> Column:
    """Return a struct (reason, detail) of the first check that is broken; null where none is."""
    verdicts = [
        F.when(check.broken, F.struct(F.lit(check.reason.name).alias("reason"), check.detail.alias("detail")))
        for check in checks
    ]
    return F.coalesce(*verdicts)


def _shown(column: str) -> Column:
    # Only the head of a value: a hostile megabyte belongs into the payload, not into a detail that people read.
    return F.concat(F.lit(f"{column}="), F.coalesce(F.substring(F.col(column).cast("string"), 1, 200), F.lit("null")))


def missing(column: Declared) -> Check:
    """Critical: null, or text that is blank."""
    name = column.name
    broken = F.col(name).isNull()
    if column.type == "string":
        broken = broken | (trimmed(name) == "")
    return Check(Reason.NULL_CRITICAL_FIELD, broken, F.lit(f"{name} is null or blank"))


def not_a_number(source: SourceTable) -> list[Check]:
    """A value that the type cannot hold, NaN and the infinities."""
    rescued = Check(
        Reason.SCHEMA_VALIDATION_FAILED,
        F.col("_rescued_data").isNotNull(),
        F.concat(F.lit("not representable: "), F.substring("_rescued_data", 1, 500)),
    )
    nan = [
        Check(
            Reason.SCHEMA_VALIDATION_FAILED,
            F.isnan(c.name) | (F.abs(c.name) == float("inf")),
            F.concat(F.lit(f"{c.name} is "), F.col(c.name).cast("string")),
        )
        for c in source.columns
        if c.type == "double"
    ]
    return [rescued, *nan]


def _business_rule(rule: RowRule) -> Check:
    match rule:
        case OneOf(column, words):
            broken, detail = ~F.col(column).isin(*words), _shown(column)
        case NotNegative(column):
            broken, detail = F.col(column) < 0, _shown(column)
        case InOrder(low, high):
            broken, detail = F.col(high) < F.col(low), F.concat_ws(", ", _shown(low), _shown(high))
    return Check(Reason.BUSINESS_RULE_VIOLATION, broken, detail)


def business_rules(table: str) -> list[Check]:
    """Return the business rules of a source table."""
    return [_business_rule(rule) for rule in BUSINESS_RULES.get(table, ())]


def orphan(column: str, parent: str) -> Check:
    """The parent is not in Silver; ``_has_<column>`` says whether it is (see ``latest.with_parents``)."""
    detail = F.concat(_shown(column), F.lit(f" is not in {parent}"))
    return Check(Reason.INVALID_FOREIGN_KEY, ~F.col(f"_has_{column}"), detail)


def row_checks(source: SourceTable) -> list[Check]:
    """Return every check of a source table in the contract's order."""
    by_name = {column.name: column for column in source.columns}
    return [
        *not_a_number(source),
        *(missing(by_name[name]) for name in source.critical),
        *business_rules(source.name),
        *(orphan(key.column, key.parent) for key in source.foreign_keys),
    ]
