"""Where the rows of a subject are: files, snapshots, and texts that they alone have.

Every snapshot counts: of releases, branches and tags, lakebt's own and those of other
engines, and those that nothing names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.errors import LakeError
from lakebt.lake.erasure.subject import declared, file_rows, text_columns
from lakebt.lake.erasure.substitution import Parts
from lakebt.lake.storage.fingerprint import check
from lakebt.lake.storage.reach import (
    DATA,
    EQUALITY_DELETES,
    POSITION_DELETES,
    Walk,
)
from lakebt.lake.tables.arrow import column, keep, pc
from lakebt.lake.tables.rows import plain

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from pyiceberg.table import Table

    from lakebt.lake.erasure.subject import Subject
    from lakebt.lake.storage.reach import Step
    from lakebt.lake.tables.schemas import TableSpec


@dataclass(frozen=True, slots=True)
class Held:
    """What a data file has of a subject.

    Attributes
    ----------
    n_rows, n_gone : int
        Its rows, and those of them that go.
    left_from, gone_from : datetime or None
        The earliest `known_at` of those that stay, and of those that go.
    """

    n_rows: int
    n_gone: int
    left_from: dt.datetime | None
    gone_from: dt.datetime | None


@dataclass(slots=True)
class Texts:
    """Texts of a lake beside those of the rows that go.

    Attributes
    ----------
    gone : set of str
        Of rows that go.
    left : set of str
        Of those, the ones that rows have which stay.
    longer : set of str
        Of rows that stay, of which one that goes is a part.
    elsewhere : mapping of (str, str, str) to int
        By table, column and a text that the filter asks for: how many rows have it
        that stay, in all files.
    """

    gone: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    longer: set[str] = field(default_factory=set)
    elsewhere: dict[tuple[str, str, str], int] = field(default_factory=dict)


class TableFiles:
    """The data files of one table, of all snapshots.

    Parameters
    ----------
    table
    told
        The digests of files whose names do not tell them.
    step

    Attributes
    ----------
    walk : Walk
    data : list of str
        Their paths.
    by_snapshot : dict of int to list of str
        Those of each snapshot.

    Raises
    ------
    LakeError
        If a manifest cannot be read: what lies behind it is not known; or if rows were
        deleted by their places, or files are not Parquet.
    """

    def __init__(
        self, table: Table, told: Mapping[str, str], step: Step | None = None
    ) -> None:
        self.table, self._told = table, told
        self.walk = Walk(table.io, told)
        self.reached = self.walk.reach(table.metadata.snapshots, step)
        name = f"table {table.name()[-1]}"
        for path, why in self.walk.unreadable.items():
            msg = (
                f"{name}: the file {path.rsplit('/', maxsplit=1)[-1]} {why}, and what "
                f"it names is not known: `lake.doctor()` says what to do"
            )
            raise LakeError(msg)
        for path, file in self.reached.items():
            if file.kind in {POSITION_DELETES, EQUALITY_DELETES}:
                msg = (
                    f"{name}: rows of it were deleted by a {file.kind}, which names "
                    f"their places or values: undo that, as `lake.doctor()` says, or "
                    f"have Spark rewrite them (rewrite_position_delete_files)"
                )
                raise LakeError(msg)
            if file.kind == DATA and not path.endswith(".parquet"):
                msg = (
                    f"{name}: the file {file.name} is not Parquet, which alone is read"
                )
                raise LakeError(msg)
        self.data = [p for p, file in self.reached.items() if file.kind == DATA]
        self.by_snapshot = {
            snapshot.snapshot_id: [
                file.path
                for manifest in self.walk.below(self.walk.top(snapshot))
                for file in self.walk.below(manifest)
            ]
            for snapshot in table.metadata.snapshots
        }

    def content(self, path: str) -> bytes:
        """Return what a file holds, compared with its digest.

        Raises
        ------
        ChangedFileError
            If it is not what was written.
        FileNotFoundError
            If it is gone.
        """
        with self.table.io.new_input(path).open() as stream:
            content = stream.read()
        check(path, content, self._told)
        return content


class Search:
    """Looks for the rows of a subject in a table, and for what only they say.

    Parameters
    ----------
    subject
    files
        Of its table.
    step

    Attributes
    ----------
    held : dict of str to Held
        The data files with rows that go, by path.
    earliest : dict of str to datetime or None
        By path, the earliest `known_at` of the rows that stay.
    rows : set
        The key, `known_at` and `retracted` of each row that goes.
    texts : Texts
    """

    def __init__(
        self, subject: Subject, files: TableFiles, step: Step | None = None
    ) -> None:
        self.subject, self.files = subject, files
        self.held: dict[str, Held] = {}
        self.earliest: dict[str, dt.datetime | None] = {}
        self.rows: set[tuple[Any, ...]] = set()
        self.texts = Texts()
        schema = files.table.schema()
        spec = subject.spec
        needed = {*subject.columns, "known_at"}
        needed_names = [name for name in spec.names if name in needed]
        for number, path in enumerate(files.data):
            content = files.content(path)
            some = file_rows(content, schema, needed_names)
            gone = subject.matches(some, schema)
            known = declared(some, schema, spec, ["known_at"])
            n_gone = int(gone.sum())
            self.earliest[path] = _earliest(keep(known, ~gone))
            if n_gone:
                self.held[path] = Held(
                    len(some), n_gone, self.earliest[path], _earliest(keep(known, gone))
                )
                rows = keep(file_rows(content, schema), gone)
                self.texts.gone |= _distinct(rows, spec)
                names = [*spec.key, "known_at", "retracted"]
                told = declared(rows, schema, spec, names)
                columns = [each.to_pylist() for each in told.columns]
                self.rows.update(zip(*columns, strict=True))
            if step is not None:
                step(number + 1, len(files.data))
        self.texts.gone |= subject.texts

    def look_beside(
        self, others: Iterable[tuple[TableSpec, TableFiles]], step: Step | None = None
    ) -> None:
        """Find which texts of rows that go are in rows that stay, of any table."""
        parts, texts = Parts(self.texts.gone), self.texts
        work = [(spec, files, path) for spec, files in others for path in files.data]
        for number, (spec, files, path) in enumerate(work):
            schema = files.table.schema()
            rows = file_rows(files.content(path), schema)
            if spec is self.subject.spec and path in self.held:
                rows = keep(rows, ~self.subject.matches(rows, schema))
            for name in _texts_in(rows, spec):
                coded = column(rows, name).dictionary_encode()
                for code, text in enumerate(coded.dictionary.to_pylist()):
                    values = set(parts.in_text(text)) if text else set()
                    if text in values:
                        texts.left.add(text)
                    if values - {text}:
                        texts.longer.add(text)
                    if text in self.subject.texts:
                        of = spec.name, name, text
                        n_rows = pc.sum(pc.equal(coded.indices, code)).as_py() or 0
                        texts.elsewhere[of] = texts.elsewhere.get(of, 0) + n_rows
            if step is not None:
                step(number + 1, len(work))

    def n_gone(self, snapshot_id: int) -> int:
        """Return how many rows a snapshot loses."""
        paths = self.files.by_snapshot.get(snapshot_id, ())
        return sum(self.held[path].n_gone for path in paths if path in self.held)

    def left_from(self, snapshot_id: int) -> dt.datetime | None:
        """Return the earliest `known_at` of the rows that a snapshot keeps."""
        paths = self.files.by_snapshot.get(snapshot_id, ())
        instants = [at for path in paths if (at := self.earliest[path]) is not None]
        return min(instants, default=None)


def _earliest(rows: pa.Table) -> dt.datetime | None:
    earliest = pc.min(rows.column("known_at")).as_py()
    return None if earliest is None else plain(earliest)


def _texts_in(rows: pa.Table, spec: TableSpec) -> list[str]:
    """Return the columns of free text of a file, those that others added too."""
    own = set(text_columns(spec))
    return [
        field.name
        for field in rows.schema
        if (field.name in own or field.name not in spec.names) and _is_text(field.type)
    ]


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _distinct(rows: pa.Table, spec: TableSpec) -> set[str]:
    """Return all texts of some rows."""
    return {
        text
        for name in _texts_in(rows, spec)
        for text in pc.unique(column(rows, name)).to_pylist()
        if text
    }
