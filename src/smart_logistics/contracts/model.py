"""How a table is declared. All else (DDL, validation, checks, the data-model page) derives from the declaration."""

from __future__ import annotations

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
class Table:
    """One Delta table at ``<lakehouse>/<layer>/<name>``.

    ``key`` identifies a row; ``partitions`` are columns of the table, in the order of the folders; ``clustered_by`` are
    the columns by which it is looked up: maintenance lays rows that are near in them into the same file. ``apps`` are
    the names under which jobs record their progress in its commits.
    """

    layer: str
    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    clustered_by: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = self.column_names
        if len(set(names)) != len(names):
            raise ValueError(f"{self.full_name}: a column is declared twice")
        for name in (*self.key, *self.partitions, *self.clustered_by):
            if name not in names:
                raise ValueError(f"{self.full_name}: {name} is not one of its columns")
        if {*self.partitions} & {*self.clustered_by}:
            raise ValueError(f"{self.full_name}: within a partition its column is all alike and clusters nothing")

    @property
    def full_name(self) -> str:
        """``layer.name``, as in a query."""
        return f"{self.layer}.{self.name}"

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
