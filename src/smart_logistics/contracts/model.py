"""How a table is declared. All else (DDL, validation, checks, the data-model page) derives from the declaration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """What a failed check does: ERROR fails the run, WARN is recorded and mailed."""

    ERROR = "error"
    WARN = "warn"


@dataclass(frozen=True)
class Column:
    """A column: its Spark SQL type, its meaning with unit, and whether null is allowed."""

    name: str
    type: str
    meaning: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class Constraint:
    """What holds for every row: SQL that Spark and delta-rs read alike and that is never null.

    delta-rs writes an expression down without its parentheses: mix AND and OR by their precedence only, and compare
    no comparison with another.
    """

    name: str
    expression: str


@dataclass(frozen=True)
class Table:
    """One Delta table at ``<lakehouse>/<layer>/<name>``.

    ``key`` identifies a row; ``partitions`` are columns of the table, in the order of the folders; ``clustered_by`` are
    the columns by which it is looked up: maintenance lays rows that are near in them into the same file. ``apps`` are
    the names under which jobs record their progress in its commits. ``constraints`` are CHECKs that every writer
    obeys. ``near`` is the column by whose range the rows of some keys are found, where the first of the key would not
    do: rows that come together lie apart in it. ``append_only`` lets Delta refuse whatever changes or deletes a row.
    """

    layer: str
    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    near: str = ""
    append_only: bool = False

    def __post_init__(self) -> None:
        names = self.column_names
        if len(set(names)) != len(names):
            raise ValueError(f"{self.full_name}: a column is declared twice")
        for name in (*self.key, *self.partitions, *self.clustered_by, *filter(None, [self.near])):
            if name not in names:
                raise ValueError(f"{self.full_name}: {name} is not one of its columns")
        if {*self.partitions} & {*self.clustered_by}:
            raise ValueError(f"{self.full_name}: within a partition its column is all alike and clusters nothing")

    @property
    def full_name(self) -> str:
        """``layer.name``, as in a query."""
        return f"{self.layer}.{self.name}"

    @property
    def range_column(self) -> str:
        """The column by whose range the rows of some keys are found: files that hold none of them are left alone."""
        return self.near or self.key[0]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The columns as Spark SQL DDL."""
        return ", ".join(f"`{c.name}` {c.type}{'' if c.nullable else ' NOT NULL'}" for c in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by name; KeyError where the table has none of it."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.full_name} has no column {name}")


def required(name: str, type_: str, meaning: str = "") -> Column:
    """Declare a column that is never null."""
    return Column(name, type_, meaning, nullable=False)


def one_of(column: str, allowed: Iterable[str], *, or_null: bool = False) -> Constraint:
    """Declare the values that a column may have."""
    values = ", ".join(f"'{value}'" for value in allowed)
    listed = f"{column} IN ({values})"
    return Constraint(f"{column}_known", f"{column} IS NULL OR {listed}" if or_null else listed)


def in_order(first: str, then: str) -> Constraint:
    """Declare that one column is never less than another, where both are there."""
    return Constraint(f"{then}_in_order", f"{first} IS NULL OR {then} IS NULL OR {first} <= {then}")


def same(flag: str, condition: str, negated: str) -> Constraint:
    """Declare that a boolean column says whether ``condition`` holds; ``negated`` is its negation."""
    return Constraint(f"{flag}_true", f"{flag} AND {condition} OR NOT {flag} AND {negated}")
