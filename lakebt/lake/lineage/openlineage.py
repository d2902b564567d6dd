"""A lineage in the vocabulary of OpenLineage: runs of jobs, their inputs and outputs.

Names of data sets follow its naming rules: a table is its place in the store, as Spark
and Flink call it, with the name that its catalog has for it beside; a file is its name.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakebt._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lakebt.lake.lineage.node import Node

PRODUCER = f"urn:lakebt:{__version__}"

_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"


def events(
    nodes: Sequence[Node], arrows: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return a finished run for each publication and each trial, the earliest first."""
    by_id = {node.id: node for node in nodes}
    into: dict[str, list[Node]] = {node.id: [] for node in nodes}
    for start, end in arrows:
        into[end].append(by_id[start])
    runs = [node for node in nodes if node.kind in {"publication", "trial"}]
    tables = {n.told["table"]: n for n in nodes if n.kind == "snapshot"}
    events_made = [
        _published(node, into[node.id], tables)
        if node.kind == "publication"
        else _tried(node, into)
        for node in runs
    ]
    return sorted(
        events_made, key=lambda event: (event["eventTime"], event["run"]["runId"])
    )


def _published(
    node: Node, sources: Iterable[Node], tables: Mapping[str, Node]
) -> dict[str, Any]:
    """Return the run that published into a table."""
    details = node.told
    table = tables[details["table"]]
    place = str(table.told.get("location", details["table"]))
    statistics = _facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=node.rows)
    output = {
        **_table(table, details["snapshot_id"]),
        "outputFacets": {"outputStatistics": statistics},
    }
    return _run(
        node,
        run_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{place}#{details['snapshot_id']}")),
        job=f"publish.{details['table']}",
        job_type="PUBLISH",
        inputs=[_source(source) for source in sources],
        outputs=[output],
        facets={"lakebt_release": _facet(None, name=details["release"])},
    )


def _tried(node: Node, into: Mapping[str, Sequence[Node]]) -> dict[str, Any]:
    """Return the run of a trial: it read its release's tables."""
    details, before = node.told, into[node.id]
    read = [
        table
        for release in before
        if release.kind == "release"
        for table in into[release.id]
        if details["snapshots"].get(table.told["table"]) is not None
    ]
    inputs = [_table(t, details["snapshots"][t.told["table"]]) for t in read]
    code = [each.id.removeprefix("code:") for each in before if each.kind == "code"]
    names = [each.name for each in before if each.kind == "release"]
    engine = _facet(
        "1-1-1/ProcessingEngineRunFacet", name=details["engine"], version=code[0]
    )
    tried = {k: v for k, v in details.items() if k not in {"snapshots", "engine"}}
    what = _facet(None, **tried, digest=node.digest, releases=names)
    return _run(
        node,
        run_id=str(uuid.UUID(node.id.removeprefix("trial:"))),
        job=f"{details['kind']}.{details.get('strategy') or details['study']}",
        job_type=details["kind"].upper(),
        inputs=inputs,
        outputs=[],
        facets={"processing_engine": engine, "lakebt_trial": what},
    )


def _run(
    node: Node,
    *,
    run_id: str,
    job: str,
    job_type: str,
    inputs: list[dict[str, Any]],
    outputs: list[dict[str, Any]],
    facets: dict[str, Any],
) -> dict[str, Any]:
    assert node.at is not None  # noqa: S101 - both kinds have it
    kind = _facet(
        "2-0-4/JobTypeJobFacet",
        processingType="BATCH",
        integration="LAKEBT",
        jobType=job_type,
    )
    return {
        "eventType": "COMPLETE",
        "eventTime": node.at.isoformat(),
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": "lakebt", "name": job, "facets": {"jobType": kind}},
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": _EVENT,
    }


def _table(node: Node, snapshot_id: int) -> dict[str, Any]:
    """Return a table at a snapshot as a data set."""
    table = node.told["table"]
    namespace, path = _named(str(node.told.get("location", f"lakebt/{table}")))
    columns = node.told.get("columns", {})
    fields = [{"name": name, "type": kind} for name, kind in columns.items()]
    another = {"namespace": namespace, "name": f"quant.{table}", "type": "TABLE"}
    return {
        "namespace": namespace,
        "name": path,
        "facets": {
            "version": _facet(
                "1-0-1/DatasetVersionDatasetFacet", datasetVersion=str(snapshot_id)
            ),
            "storage": _facet(
                "1-0-1/StorageDatasetFacet",
                storageLayer="iceberg",
                fileFormat="parquet",
            ),
            "schema": _facet("1-2-0/SchemaDatasetFacet", fields=fields),
            "symlinks": _facet("1-0-1/SymlinksDatasetFacet", identifiers=[another]),
        },
    }


def _source(node: Node) -> dict[str, Any]:
    """Return a file that was read as a data set; its version is its digest."""
    details = dict(node.told)
    read = _facet(
        "1-0-0/InputStatisticsInputDatasetFacet",
        rowCount=details.get("read", node.rows),
        size=node.n_bytes,
        fileCount=node.n_files,
    )
    version = _facet(
        "1-0-1/DatasetVersionDatasetFacet", datasetVersion=f"sha256:{node.digest}"
    )
    facets = {"lakebt_source": _facet(None, **details)}
    if node.digest is not None:
        facets["version"] = version
    return {
        "namespace": "file",
        "name": node.name,
        "facets": facets,
        "inputFacets": {"inputStatistics": read},
    }


def _named(location: str) -> tuple[str, str]:
    """Return the namespace and the name of what lies at a place."""
    parts = urlsplit(location)
    if parts.scheme in {"", "file"}:
        return "file", parts.path
    return f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/")


def _facet(name: str | None, /, **values: Any) -> dict[str, Any]:
    """Return a facet; one of lakebt's own where it has no name in the standard."""
    kind = f"{_SPEC}/facets/{name}.json#" if name else f"{PRODUCER}:facet"
    if name:
        kind += f"/$defs/{name.partition('/')[2]}"
    there = {key: value for key, value in values.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": kind, **there}
