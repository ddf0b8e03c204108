"""The pages of docs/ that derive from declarations: ``python -m smart_logistics.cli.generated_docs docs``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from smart_logistics import contracts
from smart_logistics.cli import task_docs
from smart_logistics.contracts.model import Severity, Table
from smart_logistics.ops.measures import EVENTS, MEASURES, PREFIX
from smart_logistics.quality import declared
from smart_logistics.quality.checks import Check
from smart_logistics.settings import SETTINGS, Kind, Setting

_HEAD = "<!-- Written by `make docs` from the declarations in src/. Change those, not this page. -->\n"
_LAYERS = {
    "bronze": "Bronze: as received, every version kept, plus where it came from",
    "silver": "Silver: typed, judged, one row for each key; shipments as SCD2",
    "gold": "Gold: the answer for each shipment, and each excursion with its place",
    "ops": "Ops: what the pipeline says about itself",
}

_SEVERITIES = {Severity.ERROR: "Errors: the run fails", Severity.WARN: "Warnings: the run succeeds"}


def data_model() -> str:
    """Return the page of every table: grain, key, partitions and columns."""
    parts = [
        _HEAD,
        "# Data model",
        "Every table is a Delta table at `<lakehouse>/<layer>/<name>`; query them with `logistics query`. Times are "
        "UTC. Columns that begin with an underscore serve the pipeline: `_ingested_at` is the stamp of the batch that "
        "brought a row, `_changed_at` the stamp at which it last changed.",
    ]
    for layer, title in _LAYERS.items():
        parts.append(f"## {title}")
        parts += [_table(table) for table in contracts.ALL_TABLES if table.layer == layer]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    facts = [f"{table.grain[0].upper()}{table.grain[1:]}."]
    if table.key:
        facts.append(f"Key: {_names(table.key)}.")
    if table.partitions:
        facts.append(f"Partitioned by {_names(table.partitions)}.")
    if table.clustered_by:
        facts.append(f"Clustered by {_names(table.clustered_by)}.")
    if table.append_only:
        facts.append("Append-only: Delta refuses whatever changes or deletes a row.")
    rows = [
        f"| `{column.name}` | {_cell(column.type)} | {'yes' if column.nullable else 'no'} | {_cell(column.meaning)} |"
        for column in table.columns
    ]
    head = ["| column | type | null | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([f"### {table.full_name}", "", " ".join(facts), "", *head, *rows])


def configuration() -> str:
    """Return the page of every setting: its variable, default and meaning."""
    parts = [
        _HEAD,
        "# Configuration",
        "Each setting has an environment variable, read when a command starts; entries of a `.env` file in the working "
        "directory count as well. What the jobs use becomes an Airflow Variable at `logistics up` and can be changed "
        "in Airflow's UI: a value that the environment gives wins at the next `up`, a default never overwrites "
        "an edit. Which connections and Variables there are, and which value goes where, is in "
        "`config/connections.yaml` and `config/variables.yaml`: see "
        "[running](running.md#connections-variables-and-secrets).",
    ]
    for kind in Kind:
        chosen = [setting for setting in SETTINGS if setting.kind is kind]
        head = ["| variable | default | meaning |", "| --- | --- | --- |"]
        if kind is Kind.JOB:
            head = ["| variable | Airflow Variable | default | meaning |", "| --- | --- | --- | --- |"]
        title = f"## {kind.name.capitalize() if kind is not Kind.DAG else 'DAG'}: {kind.value}"
        parts.append("\n".join([title, "", *head, *(_setting(setting) for setting in chosen)]))
    return "\n\n".join(parts) + "\n"


def _setting(setting: Setting) -> str:
    default = "none" if setting.default is None else f"`{setting.default}`"
    airflow = f" `{setting.airflow_variable}` |" if setting.kind is Kind.JOB else ""
    return f"| `{setting.variable}` |{airflow} {default} | {_cell(setting.meaning)} |"


def metrics() -> str:
    """Return the page of every metric: name, meaning, labels."""
    gauges = [f"| `{one.full_name}` | {_names(one.labels)} | {_cell(one.meaning)} |" for one in MEASURES]
    events = [f"| `{PREFIX}.{one.name}` | {one.kind} | {_names(one.tags)} | {_cell(one.meaning)} |" for one in EVENTS]
    parts = [
        _HEAD,
        "# Metrics",
        "How to read them, and what to do when one alarms: [monitoring](monitoring.md). A name ends in its unit; a "
        "moment is seconds since 1970. There is no sample where there is nothing to measure.",
        "## Gauges",
        f"At `/logistics/metrics`, read from the tables and from Airflow's database at each scrape. At the end of a "
        f"run those of the tables also go through Airflow's own metrics, as `{PREFIX}.<name>` behind Airflow's prefix.",
        "\n".join(["| name | labels | meaning |", "| --- | --- | --- |", *gauges]),
        "## Events",
        "Through Airflow's own metrics only, where they happen; a timer is in milliseconds.",
        "\n".join(["| name | kind | tags | meaning |", "| --- | --- | --- | --- |", *events]),
    ]
    return "\n\n".join(parts) + "\n"


def quality() -> str:
    """Return the page of every check: its tables, severity, threshold, meaning and remedy, and the constraints."""
    parts = [
        _HEAD,
        "# Quality",
        "**The gate**, the task `data_quality_check`, looks at what is new since the last check that did not fail, and "
        "at what the tables' logs say of the rest. Everything is recorded in `ops.dq_metrics` first; then a check of "
        "severity *error* fails the task at once and without retries, one mail names the check, its value and what is "
        "allowed, and the next run asks again. Warnings let the run succeed and are mailed as one digest (see "
        "[alerts](alerts.md)). A check that has nothing to measure passes without a value.",
        "**The audit**, `logistics audit` and weekly a task, asks the same of all rows, and makes Silver from Bronze "
        "and Gold from Silver again to compare every row. It also checks the chain of decisions "
        "([reports](reports.md#the-chain)). It finds what changed behind the gate's back. Its results "
        "are in `ops.dq_metrics` too, under a `run_id` that begins with `audit__`. It keeps the pipeline waiting only "
        "while it opens the tables' logs.",
        "**The tables** themselves refuse a row that breaks a constraint or holds null where it may not, whoever "
        "writes; the task fails at once (exit code 41) and nothing of its commit is visible.",
    ]
    for severity in Severity:
        chosen = [check for check in declared.ALL if check.severity is severity]
        head = ["| check | counts | at most | by | tables | what to do |", "| --- | --- | --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {_SEVERITIES[severity]}", "", *head, *map(_check, chosen)]))
    rows = [
        f"| `{table.full_name}` | `{one.name}` | `{_cell(one.expression)}` |"
        for table in contracts.ALL_TABLES
        for one in table.constraints
    ]
    head = ["| table | constraint | every row |", "| --- | --- | --- |"]
    parts.append("\n".join(["## Constraints", "", *head, *rows]))
    return "\n\n".join(parts) + "\n"


def _check(check: Check) -> str:
    by = [name for name, made in (("gate", declared.GATE), ("audit", declared.AUDIT)) if check in made]
    tables = declared.GATE.get(check) or declared.AUDIT[check]
    limit = "recorded" if check.threshold is None else f"{check.threshold:g}"
    cells = (check.counts, limit, ", ".join(by), _of_tables(tables), check.remedy)
    return " | ".join([f"| `{check.name}`", *map(_cell, cells)]) + " |"


def _of_tables(tables: tuple[Table, ...]) -> str:
    """Name tables, whole layers by one word."""
    named = []
    for layer in _LAYERS:
        every = {table for table in contracts.ALL_TABLES if table.layer == layer}
        these = [table for table in tables if table.layer == layer]
        named += [f"all of {layer.capitalize()}"] if every == {*these} else [f"`{table.full_name}`" for table in these]
    return ", ".join(named)


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


PAGES: Mapping[str, Callable[[], str]] = {
    "data-model.md": data_model,
    "configuration.md": configuration,
    "metrics.md": metrics,
    "quality.md": quality,
    "tasks.md": lambda: task_docs.page(_HEAD),
}


def main() -> None:
    """Write every page into the folder given as argument."""
    folder = Path(sys.argv[1])
    for name, render in PAGES.items():
        (folder / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
