"""What a job reads and writes, as Airflow's assets and as OpenLineage's datasets.

An asset's URI names the table and nothing of the machine: it stays the same wherever the lakehouse lies, and holds no
secret. OpenLineage joins what several systems say, so there a dataset has its real place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset

from smart_logistics.contracts import lineage
from smart_logistics.contracts.model import Table
from smart_logistics.contracts.source import SCHEMA
from smart_logistics.jobs.catalog import Job
from smart_logistics.orchestration import connections

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

_SCHEME = "x-logistics"
LANDING = Asset("landing.iot_telemetry", f"{_SCHEME}://landing/iot_telemetry", group="source")


def _asset(table: Table) -> Asset:
    return Asset(table.full_name, f"{_SCHEME}://lakehouse/{table.layer}/{table.name}", group=table.layer)


def _source_asset(name: str) -> Asset:
    return Asset(f"source.{name}", f"{_SCHEME}://source/{name}", group="source")


def inlets(job: Job) -> list[Asset]:
    """Return what a job reads."""
    outside = [_source_asset(name) for name in lineage.source_tables(job.name)]
    return [*outside, *([LANDING] if job.reads_landing else []), *(_asset(table) for table in lineage.reads(job.name))]


def outlets(job: Job) -> list[Asset]:
    """Return what a job writes."""
    return [_asset(table) for table in lineage.writes(job.name)]


def datasets(job: Job, counts: Mapping[str, Any]) -> OperatorLineage[Any, Any]:
    """Return both for OpenLineage: places, columns, and the rows of each table where the job has told them."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    root = connections.lakehouse()
    told = counts.get("tables")
    rows = told if isinstance(told, dict) else {}
    inputs: list[Any] = []
    if names := lineage.source_tables(job.name):
        source = connections.required(connections.POSTGRES)
        where = f"postgres://{source.host}:{source.port or 5432}"
        inputs += [InputDataset(where, f"{source.schema}.{SCHEMA}.{name}") for name in names]
    if job.reads_landing:
        inputs.append(InputDataset("file", str(connections.landing())))
    inputs += [InputDataset(*_place(root, table), facets=_facets(table)) for table in lineage.reads(job.name)]
    outputs = [
        OutputDataset(
            *_place(root, table),
            facets=_facets(table),
            outputFacets={"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=rows[table.name])}
            if table.name in rows
            else {},
        )
        for table in lineage.writes(job.name)
    ]
    return OperatorLineage(inputs=inputs, outputs=outputs)


def _place(root: str, table: Table) -> tuple[str, str]:
    """Return namespace and name as OpenLineage's rules for storage have them."""
    parts = urlsplit(root)
    path = f"{parts.path if parts.scheme else root}/{table.layer}/{table.name}"
    if not parts.scheme:
        return "file", path
    return f"{'s3' if parts.scheme == 's3a' else parts.scheme}://{parts.netloc}", path.lstrip("/")


def _facets(table: Table) -> dict[str, Any]:
    from openlineage.client.facet_v2 import schema_dataset

    fields = [
        schema_dataset.SchemaDatasetFacetFields(column.name, column.type, column.meaning or None)
        for column in table.columns
    ]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)}
