"""One look at a lake: where a subject is in it, and which texts only it has."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table

from lakebt.errors import InvalidArgumentError
from lakebt.inputs.where import where_texts
from lakebt.lake.committing.branches import ledgers
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.erasure.certificate import Elsewhere, Erasure
from lakebt.lake.erasure.held_rows import Search, TableFiles
from lakebt.lake.erasure.kept_names import kept_names
from lakebt.lake.erasure.substitution import Words
from lakebt.lake.storage.fingerprint import NOTHING, read_listed
from lakebt.lake.tables.schemas import LEDGER, TRIALS
from lakebt.lake.tables.specs import fact_tables
from lakebt.values.command_lines import located

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from lakebt.lake.committing.ledger import Ledger, Release, TablePin
    from lakebt.lake.erasure.subject import Subject
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import Step
    from lakebt.lake.tables.schemas import TableSpec
    from lakebt.lake.tables.specs import Specs


@dataclass(frozen=True, slots=True)
class _Page:
    """A ledger, of main or of a branch."""

    storage: Storage
    ledger: Ledger


class Survey:
    """What there is to erase.

    Parameters
    ----------
    storage
    subject
    step
    is_gone
        Whether it may be gone already, and its texts are what is asked about.

    Attributes
    ----------
    storage, subject, step
    tables : dict of str to Table
        All of the lake, the ledger and trials among them.
    files : dict of str to TableFiles
        Those of facts.
    told : dict of str to mapping
        By table, the digests of files whose names do not tell them.
    search : Search
    words : Words
        Texts that no row will have any more.
    """

    def __init__(
        self,
        storage: Storage,
        subject: Subject,
        step: Step | None,
        *,
        is_gone: bool = False,
    ) -> None:
        self.storage, self.subject, self.step = storage, subject, step
        tables, main = read_state(storage)
        self._pages = [_Page(storage, main)]
        self._pages += [_Page(there, own) for there, own in ledgers(storage)]
        self.tables = dict(tables)
        trials = storage.trials()
        if trials is not None:
            self.tables[TRIALS] = trials
        specs, name = storage.specs, subject.spec.name
        self.told: dict[str, Mapping[str, str]] = {}
        files = {
            each: TableFiles(self.tables[each], self._digests(each))
            for each in fact_tables(tables)
        }
        if name not in files:
            files[name] = TableFiles(_empty(tables[LEDGER]), NOTHING)
        self.files = files
        self.search = Search(subject, files[name], step)
        is_sought = bool(self.search.held) or is_gone
        if is_sought:
            self.search.look_beside(
                [(_spec(specs, subject, each), its) for each, its in files.items()],
                step,
            )
        texts = self.search.texts
        gone = texts.gone - texts.left if is_sought else set()
        self.words = Words(gone, _covering(texts.longer, gone))

    def _digests(self, name: str) -> Mapping[str, str]:
        """Return the digests of a table's files whose names do not tell them."""
        digests: dict[str, str] = {}
        for listed in self.lists(name):
            digests |= read_listed(self.tables[name], listed)
        self.told[name] = digests
        return digests

    def lists(self, name: str) -> set[str]:
        """Return the lists of digests that releases name, of a table."""
        return {pin.files for _, pin in self._pins(name) if pin.files}

    def _pins(self, name: str) -> Iterator[tuple[Release, TablePin]]:
        for page in self._pages:
            for release in page.ledger.releases:
                if not release.is_ended and (pin := release.pin(name)) is not None:
                    yield release, pin

    def about(self, *, id: str, at: dt.datetime, reason: str, by: str) -> Erasure:  # noqa: A002 - as a certificate has it
        """Return what is to be erased.

        Raises
        ------
        InvalidArgumentError
            If `reason` or `by` holds what is erased.
        """
        name, search = self.subject.spec.name, self.search
        words = Words({*self.words.values, *self.subject.texts})
        for what, text in (("reason", reason), ("by", by)):
            if words.stand_in(text):
                msg = (
                    f"{what} holds what is to be erased, and the certificate keeps it: "
                    f"say it in other words"
                )
                raise InvalidArgumentError(msg)
        rows = {}
        for release, pin in self._pins(name):
            if (n_gone := search.n_gone(pin.snapshot_id)) > 0:
                rows[release.name] = n_gone
        return Erasure(
            id=id,
            table=name,
            columns=self.subject.columns,
            reason=reason.strip(),
            by=by,
            at=at,
            n_rows=len(search.rows),
            rows=rows,
            n_data_files=len(search.held),
            n_values=len(self.words.values),
            n_longer=len(self.words.kept),
            elsewhere=tuple(self._elsewhere()),
            names=kept_names(
                self.tables,
                [each for page in self._pages for each in page.ledger.releases],
                self.words,
                self.storage.address,
            ),
        )

    def _elsewhere(self) -> Iterator[Elsewhere]:
        for (table, column, text), n_rows in self.search.texts.elsewhere.items():
            (where,) = where_texts({column: text})
            words = ["lakebt", "erase", table, "--where", where, "--reason", "..."]
            command = located(shlex.join(words), self.storage.address)
            yield Elsewhere(table=table, column=column, n_rows=n_rows, command=command)


def _spec(specs: Specs, subject: Subject, name: str) -> TableSpec:
    """Return what a table holds; of the subject's, what its own filter has."""
    return subject.spec if name == subject.spec.name else specs.of(name)


def _empty(table: Table) -> Table:
    """Return a table without any snapshot."""
    updates: dict[str, Any] = {"snapshots": [], "current_snapshot_id": None, "refs": {}}
    metadata = table.metadata.model_copy(update=updates)
    place = table.metadata_location
    return Table(table.name(), metadata, place, table.io, table.catalog)


def _covering(longer: set[str], gone: set[str]) -> set[str]:
    """Return the texts that stay of which one that is gone is a part."""
    return {text for text in longer if any(value in text for value in gone)}
