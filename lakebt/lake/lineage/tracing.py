"""Tracing a release or a trial back to its sources, and onward to trials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakebt.lake.committing.release_names import branch_in
from lakebt.lake.lineage.lineage import Lineage
from lakebt.lake.lineage.node import KINDS, Node
from lakebt.lake.storage.fingerprint import digest_in
from lakebt.lake.storage.scan_plan import manifests_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.committing.ledger import Release, TablePin
    from lakebt.lake.lineage.releases import Releases

TRIAL_COLUMNS = (
    *("trial_id", "kind", "study", "result_id", "entry", "exit", "strategy", "release"),
    *("as_of", "snapshots", "code_version", "engine", "run_at", "sharpe", "digest"),
)
"""What is read of a trial."""


class Tracing:
    """Gathers the nodes of one lineage, each once.

    Parameters
    ----------
    releases, tables
        Of the lake, as of one instant.
    with_files
        Whether each data file is a node, too.
    """

    def __init__(
        self, releases: Releases, tables: Mapping[str, Table], *, with_files: bool
    ) -> None:
        self._releases, self._tables = releases, tables
        self._with_files = with_files
        self._nodes: dict[str, Node] = {}
        self._arrows: dict[tuple[str, str], None] = {}

    def lineage(self, of: str) -> Lineage:
        """Return the traced lineage; `of` is the requested node."""
        order = {kind: place for place, kind in enumerate(KINDS)}
        nodes = sorted(self._nodes.values(), key=lambda node: order[node.kind])
        return Lineage(of, tuple(nodes), tuple(self._arrows))

    def release(self, release: Release) -> str:
        """Go back from a release to what its tables were read from; return its id."""
        details: dict[str, Any] = {"as_of": release.as_of.isoformat()}
        details |= {"note": release.note} if release.note else {}
        details |= {"labels": dict(release.labels)} if release.labels else {}
        if (branch := branch_in(release.name)) is not None:
            details["branch"] = branch
        if release.redactions:
            details |= {"redactions": [each.told() for each in release.redactions]}
        if release.ended_at is not None:
            details |= {"ended_at": release.ended_at.isoformat()}
            details |= {"ended_because": release.ended_because}
        node = Node(
            kind="release",
            id=f"release:{release.name}",
            name=release.name,
            at=release.committed_at,
            rows=sum(pin.rows for pin in release.tables),
            digest=release.digest,
            told=details,
        )
        if node.id not in self._nodes:
            self._nodes[node.id] = node
            for pin in release.tables:
                self._arrow(self._snapshot(release, pin), node.id)
        return node.id

    def trial(self, row: Mapping[str, Any]) -> str:
        """Go back from a trial to its release and its code; return its id.

        The release is as the ledger has it, ended or not.
        """
        details = {
            name: row[name]
            for name in ("kind", "study", "result_id", "entry", "exit", "strategy")
            if row[name] is not None
        }
        details |= {"engine": row["engine"], "as_of": row["as_of"].isoformat()}
        details |= {} if row["sharpe"] is None else {"sharpe": row["sharpe"]}
        trial = Node(
            kind="trial",
            id=f"trial:{row['trial_id']}",
            name=_called(row),
            at=row["run_at"],
            digest=row["digest"],
            told={**details, "snapshots": json.loads(row["snapshots"])},
        )
        self._nodes.setdefault(trial.id, trial)
        code = f"code:{row['code_version']}"
        self._nodes.setdefault(
            code, Node(kind="code", id=code, name=f"lakebt {row['code_version']}")
        )
        self._arrow(code, trial.id)
        release = self._releases.get(row["release"])
        if release is not None:
            self._arrow(self.release(release), trial.id)
        return trial.id

    def result(self, release: Release, name: str, called: str, code: str) -> str:
        """Go back from a result that may not be recorded; return its id."""
        node = Node(kind="trial", id=f"trial:{name}", name=called)
        of_code = Node(kind="code", id=f"code:{code}", name=f"lakebt {code}")
        self._nodes |= {node.id: node, of_code.id: of_code}
        self._arrow(of_code.id, node.id)
        self._arrow(self.release(release), node.id)
        return node.id

    def _arrow(self, start: str, end: str) -> None:
        self._arrows[start, end] = None

    def _snapshot(self, release: Release, pin: TablePin) -> str:
        """Go back from a table, as a release has it, to its publications."""
        name = f"snapshot:{pin.table}@{pin.snapshot_id}"
        if name in self._nodes:
            return name
        table = self._tables.get(pin.table)
        snapshot = None
        if table is not None and str(table.metadata.table_uuid) == pin.uuid:
            snapshot = table.metadata.snapshot_by_id(pin.snapshot_id)
        summary: Mapping[str, Any] = {}
        if snapshot is not None and snapshot.summary is not None:
            summary = snapshot.summary.additional_properties
        details: dict[str, Any] = {"table": pin.table, "snapshot_id": pin.snapshot_id}
        if table is not None:
            details["location"] = table.location()
            details["columns"] = {
                each.name: str(each.field_type) for each in table.schema().fields
            }
        self._nodes[name] = Node(
            kind="snapshot",
            id=name,
            name=pin.table,
            rows=pin.rows,
            n_bytes=_whole(summary.get("total-files-size")),
            n_files=_whole(summary.get("total-data-files")),
            digest=pin.digest,
            told=details,
        )
        for earlier in self._releases.behind(release):
            of_it = earlier.pin(pin.table)
            if of_it is None or of_it.published is None or of_it.uuid != pin.uuid:
                continue
            self._arrow(self._publication(earlier, of_it), name)
        if self._with_files and snapshot is not None and table is not None:
            for node in _files(table, snapshot.manifest_list):
                self._nodes.setdefault(node.id, node)
                self._arrow(node.id, name)
        return name

    def _publication(self, release: Release, pin: TablePin) -> str:
        """Go back from what a release brought to a table to the files it was in."""
        name = f"publication:{release.name}/{pin.table}"
        if name in self._nodes:
            return name
        self._nodes[name] = Node(
            kind="publication",
            id=name,
            name=f"{release.name}, {pin.table}",
            at=release.committed_at,
            rows=pin.published,
            told={
                "release": release.name,
                "table": pin.table,
                "snapshot_id": pin.snapshot_id,
                "total_rows": pin.rows,
            },
        )
        # What was adopted came from the files that its branch was published from.
        for origin in (release, *self._releases.adopted(release)):
            for file in origin.files:
                if file.get("table", pin.table) == pin.table:
                    self._arrow(self._source(file), name)
        return name

    def _source(self, file: Mapping[str, Any]) -> str:
        digest = str(file.get("sha256", "")) or None
        # One file may be read as rows of two tables.
        name = f"source:{digest or file.get('name')}/{file.get('table', '')}"
        details = {
            k: v for k, v in file.items() if k not in {"name", "sha256", "bytes"}
        }
        source = Node(
            kind="source",
            id=name,
            name=str(file.get("name", "a file")),
            rows=_whole(file.get("kept", file.get("rows"))),
            n_bytes=_whole(file.get("bytes")),
            n_files=_whole(file.get("n_files")),
            digest=digest,
            told=details,
        )
        self._nodes.setdefault(name, source)
        return name


def _called(row: Mapping[str, Any]) -> str:
    """Return what people call a trial: its rule, and the study it is of."""
    rule = " to ".join(row[name] for name in ("entry", "exit") if row[name] is not None)
    whose = row["strategy"] or row["study"]
    return f"{whose}, {rule}" if rule else f"{whose}, {row['kind']}"


def _whole(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def _files(table: Table, manifest_list: str) -> Iterable[Node]:
    """Return the data files of a snapshot, named from its table's folder on."""
    place = f"{urlsplit(table.location()).path}/"
    for manifest in manifests_in(table.io, manifest_list):
        for entry in manifest.fetch_manifest_entry(table.io):
            file = entry.data_file
            inner = urlsplit(file.file_path).path.removeprefix(place)
            yield Node(
                kind="file",
                id=f"file:{table.name()[-1]}/{inner}",
                name=inner,
                rows=file.record_count,
                n_bytes=file.file_size_in_bytes,
                n_files=1,
                digest=digest_in(file.file_path),
                told={"path": file.file_path},
            )
