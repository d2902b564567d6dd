"""The catalog of a lake: an embedded SQLite one, or any that pyiceberg has."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError, TableAlreadyExistsError
from sqlalchemy.exc import IntegrityError

from lakebt.errors import InvalidArgumentError, LakeError, listed
from lakebt.inputs.places import check_is_path, local_path
from lakebt.lake.storage.branch_refs import on_branch
from lakebt.lake.storage.code import confine
from lakebt.lake.storage.connections import local_catalog, make_ready
from lakebt.lake.storage.creation import create_all, create_table, home_of
from lakebt.lake.storage.directory import check_directory
from lakebt.lake.storage.erasure_files import ErasureFiles
from lakebt.lake.storage.erasure_note import settle
from lakebt.lake.storage.failures import first_line, translated
from lakebt.lake.storage.fingerprint import NOTHING, read_listed
from lakebt.lake.storage.home import check_place
from lakebt.lake.storage.layout import check_layout
from lakebt.lake.storage.table_loader import loader_of
from lakebt.lake.tables.schemas import (
    EXCHANGE,
    FROM_THE_START,
    LEDGER,
    NAMESPACE,
    OF_THIS_LAYOUT,
    PROPERTIES,
    ledger_schema,
)
from lakebt.lake.tables.specs import Specs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table
    from pyspark.sql import SparkSession


_LISTS = 32
"""How many lists of digests are remembered."""


class Storage:
    """The tables of one lake, in one catalog.

    Attributes
    ----------
    catalog : pyiceberg.catalog.Catalog
    name : str
        The lake's directory or the catalog's name; never a path or a credential.
    where : str
        Its name in errors.
    address : dict of str to str
        The arguments of `Lake.open` that open it again.
    memory : dict
        What was read last, by its kind.
    spark : pyspark.sql.SparkSession or None
        Where the lake was opened with Spark, a session that has its catalog.
    is_held : bool
        Whether a publisher of this process has its turn: no other writer, not even
        Spark, can commit to the catalog until it ends.
    branch : str or None
        Whose tables these are; None for main.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        name: str,
        where: str,
        address: dict[str, str],
        branch: str | None = None,
    ) -> None:
        self.catalog, self.name, self.where = catalog, name, where
        self.address, self.branch = address, branch
        self._loaded: dict[str, Table] = {}
        self._loader = loader_of(catalog)
        confine(catalog)
        self.memory: dict[str, Any] = {}
        self.spark: SparkSession | None = None
        self.is_held = False

    def __reduce__(self) -> tuple[object, tuple[dict[str, str]]]:
        """Travel to another process as an address, which is opened there.

        Raises
        ------
        InvalidArgumentError
            If it has a Spark session, which cannot travel.
        """
        if self.spark is not None:
            opened = ", ".join(f"{n}={value!r}" for n, value in self.address.items())
            msg = (
                f"{self.where} was opened with Spark, whose session cannot be pickled: "
                f"open it where it is needed, with Lake.open({opened})"
            )
            raise InvalidArgumentError(msg)
        return open_again, (self.address,)

    def on(self, branch: str | None) -> Storage:
        """Return the same lake on a branch, whether or not there is one; None: main."""
        if branch == self.branch:
            return self
        storages: dict[str | None, Storage] = self.memory.setdefault("branches", {})
        if branch not in storages:
            address = {k: v for k, v in self.address.items() if k != "branch"}
            address |= {} if branch is None else {"branch": branch}
            named: Any = {"name": self.name, "where": self.where, "branch": branch}
            storages[branch] = there = Storage(self.catalog, **named, address=address)
            there._loader, there.spark = self._loader, self.spark
        return storages[branch]

    @property
    def sql(self) -> SqlCatalog | None:
        """The catalog if it is SQL, which changes several tables at once; else None."""
        return self.catalog if isinstance(self.catalog, SqlCatalog) else None

    @property
    def erasures(self) -> ErasureFiles:
        """Where it says what was erased, also where nothing can be: see `sql`.

        Raises
        ------
        LakeError
            If its tables cannot be read.
        """
        if "path" in self.address:
            return ErasureFiles.in_folder(Path(self.address["path"]))
        return ErasureFiles.beside(self.loaded()[LEDGER])

    def tables(self) -> dict[str, Table]:
        """Return the lake's tables by name, all read at one instant if it is SQL.

        Raises
        ------
        LakeError
            If they cannot be read.
        """
        with translated(self.where):
            loaded = self._loader.load()
        self._loaded = {n: on_branch(t, self.branch) for n, t in loaded.items()}
        self._check(self._loaded.get(LEDGER))
        return self._loaded

    def ledger(self) -> Table:
        """Return the ledger's table as it is now, without asking for the others.

        Raises
        ------
        LakeError
            If it cannot be read.
        """
        with translated(self.where):
            loaded = self._loader.ledger()
        return on_branch(self._check(loaded), self.branch)

    def _check(self, ledger: Table | None) -> Table:
        """Check that there is a ledger, of a lake that this version can read.

        Raises
        ------
        LakeError
            If there is not.
        """
        if ledger is None:
            msg = f"{self.where} is not a lake: it has no ledger of releases"
            raise LakeError(msg)
        check_layout(ledger.metadata.properties, where=self.where)
        return ledger

    def loaded(self) -> dict[str, Table]:
        """Return the lake's tables as they were read last; read them if never.

        Raises
        ------
        LakeError
            If they cannot be read.
        """
        return self._loaded if LEDGER in self._loaded else self.tables()

    def table(self, name: str) -> Table:
        """Return one table of the lake as it is now, or raise what the catalog does."""
        return on_branch(self._loader.table(name), self.branch)

    def trials(self) -> Table | None:
        """Return the table of trials, None as long as nothing was recorded.

        Raises
        ------
        LakeError
            If it cannot be read.
        """
        with translated(self.where):
            return self._loader.trials()

    def told(self, table: Table, listed: str | None) -> Mapping[str, str]:
        """Return the digests of a table's files whose names do not contain them.

        Parameters
        ----------
        table
        listed
            What a release says of them: see `TablePin.files`.
        """
        if not listed:
            return NOTHING
        digests: dict[str, Mapping[str, str]] = self.memory.setdefault("digests", {})
        if listed not in digests:
            if len(digests) >= _LISTS:
                digests.clear()
            digests[listed] = read_listed(table, listed)
        return digests[listed]

    @property
    def specs(self) -> Specs:
        """The fact tables, built in and declared, as `tables` found them last."""
        return Specs(self._loaded)

    def create(self, *, exchange: str = "XNYS") -> None:
        """Make the tables that are missing. Several processes may do so at once.

        Parameters
        ----------
        exchange
            Whose sessions count in a lake that is made now; see `Sessions.name`.

        Raises
        ------
        LakeError
            If they cannot be made.
        """
        with translated(self.where):
            present = self._loader.names()
            if {LEDGER, *FROM_THE_START} <= present:
                return
            wanted = {n: (s.iceberg(), PROPERTIES) for n, s in FROM_THE_START.items()}
            of_ledger = {**PROPERTIES, EXCHANGE: exchange, **OF_THIS_LAYOUT}
            # The last, so that a lake with a ledger has all its tables.
            wanted[LEDGER] = (ledger_schema(), of_ledger)
            if not present and create_all(self.catalog, NAMESPACE, wanted):
                return
            with contextlib.suppress(NamespaceAlreadyExistsError, IntegrityError):
                self.catalog.create_namespace(NAMESPACE)
            home = home_of(self.catalog, NAMESPACE)
            for name, (schema, properties) in wanted.items():
                if name in present:
                    continue
                with contextlib.suppress(TableAlreadyExistsError):
                    create_table(
                        self.catalog, (NAMESPACE, name), schema, properties, home=home
                    )


def open_path(
    path: Any, *, create: bool, check: bool = True, exchange: str = "XNYS"
) -> Storage:
    """Open the embedded lake in directory `path`; without `check` even a broken one.

    Raises
    ------
    InvalidArgumentError
        If it is a URL and no path, or one that cannot be written as a file URL.
    LakeError
        If it is not a directory, not a lake, or cannot be read or made.
    """
    root = lake_root(path)
    where = f"lake {root}"
    with translated(where):
        check_directory(root, create=create, where=where)
    with translated(where):
        catalog = local_catalog(root, create=create)
        check_place(catalog, root, where=where)
        settle(catalog, ErasureFiles.in_folder(root))
    address = {"path": str(root)}
    storage = Storage(catalog, name=root.name, where=where, address=address)
    if create:
        storage.create(exchange=exchange)
    if check:
        storage.tables()
    return storage


def lake_root(path: Any) -> Path:
    """Return the directory that the path of a lake names, there or not.

    Raises
    ------
    InvalidArgumentError
        If it is a URL and no path, or one that cannot be written as a file URL.
    """
    if not isinstance(path, (str, os.PathLike)) or not str(path).strip():
        msg = f"the path of a lake must name a directory, was {path!r}"
        raise InvalidArgumentError(msg)
    cure = "configure it as a catalog of pyiceberg's, and pass catalog= with its name"
    root = local_path(path, what="lake", cure=cure).absolute()
    check_is_path(str(root), what="lake path", cure=cure)
    if strange := set("?#%\0") & set(str(root)):
        named = listed(sorted(strange), is_quoted=True)
        msg = f"lake path {str(root)!r} contains {named}: choose another directory"
        raise InvalidArgumentError(msg)
    return root


def open_again(address: Mapping[str, str]) -> Storage:
    """Open the lake at an address once more; it must be there.

    Raises
    ------
    LakeError
        If it is not.
    """
    if "path" in address:
        storage = open_path(address["path"], create=False)
    else:
        storage = open_catalog(address["catalog"], create=False)
    return storage.on(address.get("branch"))


def check_clock(clock: Callable[[], Any]) -> None:
    """Check that a clock can be sent to another process.

    Raises
    ------
    InvalidArgumentError
        If it cannot: it is not a function of a module.
    """
    try:
        pickle.dumps(clock)
    except (pickle.PicklingError, AttributeError, TypeError):
        msg = (
            f"the lake was opened with the clock {clock!r}, which cannot be pickled: "
            f"give Lake.open a function of a module as its clock, or open the lake "
            f"where it is needed"
        )
        raise InvalidArgumentError(msg) from None


_NAME_OF_CATALOG = re.compile(r"\w[\w .-]*")


def open_catalog(
    name: str, *, create: bool, check: bool = True, exchange: str = "XNYS"
) -> Storage:
    """Open the lake in the catalog `name` of pyiceberg's own configuration.

    Raises
    ------
    InvalidArgumentError
        If it is no name.
    LakeError
        If there is no such catalog, or it cannot be reached.
    """
    from lakebt.lake.storage.remote import load  # noqa: PLC0415 - brings requests along

    if not _NAME_OF_CATALOG.fullmatch(name):  # which is not shown: it has a password
        msg = (
            "a catalog is named by letters, digits, blanks, _, - and dots, and not by "
            "its address: give that as its uri in .pyiceberg.yaml, or as "
            "PYICEBERG_CATALOG__NAME__URI"
        )
        raise InvalidArgumentError(msg)
    where = f"catalog {name!r}"
    with translated(where):
        try:
            catalog = load(name)
        except (ValueError, TypeError) as error:
            why = "" if "URI missing" in str(error) else f": {first_line(error)}"
            msg = (
                f"{where} is not configured{why.removesuffix('.')}. Give its uri in "
                f".pyiceberg.yaml, or as PYICEBERG_CATALOG__{name.upper()}__URI"
            )
            raise LakeError(msg) from None
        except ImportError as error:
            msg = f"{where} needs the module {error.name!r}, which is not installed"
            raise LakeError(msg) from None
    if isinstance(catalog, SqlCatalog):
        with translated(where):
            make_ready(catalog, create=create, where=where)
    storage = Storage(catalog, name=name, where=where, address={"catalog": name})
    if create:
        storage.create(exchange=exchange)
    if check:
        storage.tables()
        if storage.sql is not None:
            places = [table.location() for table in storage.loaded().values()]
            settle(storage.sql, storage.erasures, places=places)
    return storage
