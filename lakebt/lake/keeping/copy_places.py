"""Where a lake is copied to or from: a folder, or a bucket that speaks S3."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs
from pyiceberg.io.pyarrow import PyArrowFileIO

from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.inputs.places import scheme_of
from lakebt.lake.storage.catalog import Storage, lake_root, open_path
from lakebt.lake.storage.connections import LocalCatalog
from lakebt.lake.storage.creation import insert
from lakebt.lake.storage.directory import DATABASE, UNFINISHED, WAREHOUSE
from lakebt.lake.storage.durability import write_whole
from lakebt.lake.storage.failures import translated
from lakebt.lake.storage.object_store import ObjectStoreIO, defaults
from lakebt.lake.tables.schemas import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyiceberg.catalog.sql import SqlCatalog


_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,62}(?:/[\w.,=+ -]+)+")
"""A folder in a bucket; never all of it, and no key."""


_PIECE_BYTES = 2**20


class Place:
    """A folder, or what is like one in a bucket, by the paths of the files in it.

    What cannot be written in it is a `LakeError` which says that it is there.

    Attributes
    ----------
    url : str
        Without a slash at its end.
    where : str
        Its name in errors.
    """

    def __init__(self, url: str, *, where: str, io: PyArrowFileIO) -> None:
        self.url, self.where, self.io = url, where, io
        self.root = Path(url.removeprefix("file://")) if "file://" in url else None
        scheme, netloc, self._path = PyArrowFileIO.parse_location(url, io.properties)
        self._system = io.fs_by_scheme(scheme, netloc)

    def files(self) -> dict[str, int]:
        """Return what lies in it, by path below it, with sizes."""
        selector = pafs.FileSelector(self._path, recursive=True, allow_not_found=True)
        return {
            info.path.removeprefix(f"{self._path}/"): info.size
            for info in self._system.get_file_info(selector)
            if info.type is not pafs.FileType.Directory
        }

    def read(self, name: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        with self._system.open_input_file(f"{self._path}/{name}") as stream:
            return stream.read()

    def write(self, name: str, content: bytes) -> None:
        """Write a file; on a disk, in folders that are made for it."""
        with translated(self.where):
            if self.root is not None:
                file = self.root / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                return
            place = f"{self.url}/{name}"
            with self.io.new_output(place).create(overwrite=True) as stream:
                stream.write(content)

    def take(self, path: Path, name: str) -> int:
        """Copy a file of a disk to this one, and return how many bytes it has.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        """
        assert self.root is not None  # noqa: S101 - the caller asked
        # What is not there is no fault of this place; opened, it may be deleted.
        with path.open("rb") as source_file, translated(self.where):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            with (self.root / name).open("wb") as file:
                shutil.copyfileobj(source_file, file, _PIECE_BYTES)
                return file.tell()

    def write_last(self, name: str, content: bytes) -> None:
        """Write a file that says of the others that they are there."""
        if self.root is None:
            self.write(name, content)
            return
        with translated(self.where):
            os.sync()
            write_whole(self.root / name, content)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with translated(self.where), contextlib.suppress(FileNotFoundError):
            self._system.delete_file(f"{self._path}/{name}")


def place_of(to: object, properties: Mapping[str, Any]) -> Place:
    """Return the place that somebody named.

    Parameters
    ----------
    to
        A path, or ``s3://bucket/folder``.
    properties
        Those of a catalog: how a store is reached, where that says so.

    Raises
    ------
    InvalidArgumentError
        If it is neither.
    """
    if isinstance(to, str) and scheme_of(to) == "s3":
        if not _BUCKET.fullmatch(to) or "/." in to:
            msg = (
                "a lake in a bucket is named as s3://bucket/folder: in the folder's "
                "name letters, digits and ._-+=, and no key in it"
            )
            raise InvalidArgumentError(msg)
        store = {k: v for k, v in properties.items() if str(k).startswith(_STORE)}
        store |= defaults({**store, "warehouse": to}, os.environ)
        own = map(os.environ.get, ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
        if endpoint := next(filter(None, own), None):
            store.setdefault("s3.endpoint", endpoint)
        return Place(to, where=f"lake {to}", io=ObjectStoreIO(store))
    root = lake_root(to)
    return Place(f"file://{root}", where=f"lake {root}", io=PyArrowFileIO({}))


_STORE = ("s3.", "client.")


@contextlib.contextmanager
def copied_lake(place: Place) -> Iterator[Storage]:
    """Open the lake that was copied to a place, to be read.

    Raises
    ------
    LakeError
        If there is none, or its copy is unfinished.
    """
    if place.root is not None:
        yield open_path(str(place.root), create=False)
        return
    with translated(place.where), tempfile.TemporaryDirectory() as folder:
        there = place.files()
        if UNFINISHED in there or DATABASE not in there:
            why = "its copy is unfinished" if UNFINISHED in there else "it is no lake"
            msg = f"{place.where} cannot be read: {why}. Copy it again"
            raise LakeError(msg)
        database = Path(folder) / DATABASE
        database.write_bytes(place.read(DATABASE))
        properties = {**place.io.properties, "uri": f"sqlite:///{database}"}
        catalog = LocalCatalog(
            "lake", **properties, warehouse=f"{place.url}/{WAREHOUSE}", **_AS_IT_IS
        )
        name = place.url.rpartition("/")[2]
        storage = Storage(catalog, name=name, where=place.where, address={})
        storage.tables()
        yield storage


_AS_IT_IS = {"init_catalog_tables": "false"}


def catalog_of(tables: Mapping[str, str], warehouse: str) -> bytes:
    """Return a database in which a catalog has some tables, by their metadata."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / DATABASE
        file.touch()
        catalog: SqlCatalog = LocalCatalog(
            "lake", uri=f"sqlite:///{file}", warehouse=warehouse
        )
        catalog.create_namespace(NAMESPACE)
        with catalog.engine.begin() as connection:
            for name, location in tables.items():
                insert(connection, catalog, (NAMESPACE, name), location)
        with contextlib.closing(sqlite3.connect(file)) as database:
            database.execute("vacuum")
        return file.read_bytes()
