"""SQL over the lakehouse without a JVM: delta-rs reads, DuckDB answers. Read-only, and blind to every other file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from smart_logistics import contracts
from smart_logistics.contracts.model import Table
from smart_logistics.errors import LakeUnavailable, LogisticsError
from smart_logistics.lake.scanning import scan
from smart_logistics.lake.tables import open_table, schema

# Questions about the tables themselves; for them every table must be there.
_CATALOGUE = re.compile(r"\b(show|information_schema|duckdb_\w+|pg_\w+)\b", re.IGNORECASE)
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
_HANDLE = "_delta_{}_{}"


class QueryFailed(LogisticsError):
    """The SQL is wrong, or asks for more than reading."""

    exit_code = 2


def query(lakehouse: str, sql: str) -> pa.Table:
    """Return the answer to one SELECT over ``layer.table``; times are UTC. A table that no job wrote yet is empty.

    Raises:
        QueryFailed: the SQL does not parse or bind, fails while it runs, or is not one SELECT.
        LakeUnavailable: a table cannot be read.
    """
    connection = _connect()
    try:
        _require_one_select(connection, sql)
        for table in _named_in(sql):
            _register(connection, lakehouse, table)
        _lock(connection)
        return connection.sql(sql).to_arrow_table()
    except duckdb.CatalogException as error:
        raise QueryFailed(_first_line(error), remedy=_suggestion(str(error))) from error
    except duckdb.IOException as error:
        raise LakeUnavailable(_first_line(error), remedy="check LOGISTICS_LAKEHOUSE and run it again") from error
    except duckdb.PermissionException as error:
        raise QueryFailed(_first_line(error), remedy="a query reads the lakehouse's tables and nothing else") from error
    except duckdb.Error as error:
        raise QueryFailed(_first_line(error), remedy="correct the SQL") from error
    finally:
        connection.close()


def _connect() -> duckdb.DuckDBPyConnection:
    # Without this a name that is no table would be looked up among this process's Python variables.
    connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
    for layer in sorted({table.layer for table in contracts.ALL_TABLES}):
        connection.execute(f"CREATE SCHEMA {layer}")
    return connection


def _lock(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _require_one_select(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type not in _ALLOWED:
        raise QueryFailed(
            "the SQL is not one SELECT", remedy="ask one question at a time; the lakehouse is read-only here"
        )


def _named_in(sql: str) -> Iterable[Table]:
    """Return the tables whose names occur in ``sql``: opening all of them would read thirty logs."""
    if _CATALOGUE.search(sql):
        return contracts.ALL_TABLES
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    return [table for table in contracts.ALL_TABLES if table.name in words]


def _register(connection: duckdb.DuckDBPyConnection, lakehouse: str, table: Table) -> None:
    found = open_table(lakehouse, table)
    if found is None:
        dataset = ds.dataset(pa.schema(schema(table).to_arrow()).empty_table())
    else:
        dataset = scan(lakehouse, table, found)
    handle = _HANDLE.format(table.layer, table.name)
    connection.register(handle, dataset)
    connection.execute(f"CREATE VIEW {table.full_name} AS FROM {handle}")


def _first_line(error: Exception) -> str:
    """Return DuckDB's message as one line, without the drawing that points into the SQL."""
    return " ".join(str(error).split("\n\nLINE ")[0].split())


def _suggestion(message: str) -> str:
    named = re.search(r"(?:Table|View) with name \"?([^\s\"!]+)", message)
    if named is None:
        return "correct the SQL"
    bare = named.group(1).rsplit(".", 1)[-1].lower()
    names = sorted(contracts.BY_FULL_NAME)
    close = [n for n in names if difflib.get_close_matches(bare, [n.split(".")[1]], cutoff=0.6)]
    return f"perhaps {' or '.join(close)}" if close else f"the tables are {', '.join(names)}"
