"""The declared CHECKs of a table, in its own metadata: the backstop that every writer obeys, Spark and delta-rs alike.

What a rule lets through by mistake is refused by the commit, whole: nothing of it becomes visible. NOT NULL is part of
the schema. delta-rs writes an expression down in its own words, so the name alone tells whether it is there.
"""

from __future__ import annotations

from deltalake import DeltaTable

from smart_logistics.contracts.model import Constraint, Table

_PROPERTY = "delta.constraints."
# How the two writers begin, where a row breaks a CHECK or holds null where it must not.
_REFUSALS = (
    "DELTA_VIOLATE_CONSTRAINT",
    "DELTA_NOT_NULL_CONSTRAINT_VIOLATED",
    "NOT_NULL_ASSERT_VIOLATION",
    "Invalid data found",
    "non-nullable but contains null",
)


def missing(found: DeltaTable, table: Table) -> list[Constraint]:
    """Return the declared constraints that the table does not carry."""
    carried = found.metadata().configuration
    # Delta's properties know no capital letters.
    names = {name.lower() for name in carried}
    return [one for one in table.constraints if f"{_PROPERTY}{one.name}" not in names]


def add(found: DeltaTable, wanted: list[Constraint]) -> None:
    """Add constraints in one commit; idempotent where they are there.

    Raises:
        DeltaError: a row that is there breaks one; none is added.
    """
    if wanted:
        found.alter.add_constraint({one.name: one.expression for one in wanted})


def is_refusal(error: BaseException) -> bool:
    """Return whether a writer refused rows because of a constraint."""
    return any(sign in str(error) for sign in _REFUSALS)
