"""A subject leaves a lake: all its releases, branches, tags and files.

As a lake is moved (`lakebt.lake.keeping.move`): what is new is written beside what is
there, in one SQL transaction all tables point at it, and then what was there is
deleted. A note in the folder says what is left to do, to whoever opens it next.
"""

from __future__ import annotations

import getpass
import secrets
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyiceberg.table import Table

from lakebt._version import __version__
from lakebt.errors import InvalidArgumentError, LakeError
from lakebt.inputs.checks import is_text
from lakebt.inputs.where import where_texts
from lakebt.lake.committing.branches import BASE, check_main, ledgers
from lakebt.lake.committing.erasure_marks import Redaction
from lakebt.lake.committing.ledger import read_state
from lakebt.lake.committing.sql import turn
from lakebt.lake.erasure.certificate import (
    Elsewhere,
    Erasure,
    certificate_of,
    salted,
)
from lakebt.lake.erasure.draft import Draft, without_values
from lakebt.lake.erasure.held_rows import Search, TableFiles
from lakebt.lake.erasure.orphans import orphans
from lakebt.lake.erasure.proof import Proof, prove
from lakebt.lake.erasure.proof_places import contents_of
from lakebt.lake.erasure.subject import Subject
from lakebt.lake.erasure.substitution import Words
from lakebt.lake.keeping.maintenance import with_trials
from lakebt.lake.storage import erasure_note
from lakebt.lake.storage.failures import LostRaceError, translated
from lakebt.lake.storage.fingerprint import (
    NOTHING,
    listed_at,
    read_listed,
    write_listed,
)
from lakebt.lake.storage.kept_files import CONTENTS
from lakebt.lake.storage.move_note import point
from lakebt.lake.tables.schemas import LEDGER, TRIALS
from lakebt.lake.tables.specs import fact_tables
from lakebt.values.command_lines import located

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping

    from lakebt.lake.committing.ledger import Ledger, Release, TablePin
    from lakebt.lake.storage.catalog import Storage
    from lakebt.lake.storage.reach import Step
    from lakebt.lake.tables.schemas import TableSpec
    from lakebt.lake.tables.specs import Specs


_LOOKS = 8
"""How often to look again while others publish in between."""


def erase(
    storage: Storage,
    table: str,
    *,
    where: Mapping[str, Any] | None,
    reason: object,
    by: object,
    now: dt.datetime,
    zone: dt.tzinfo,
    dry_run: bool,
    step: Step | None,
) -> Erasure:
    """Erase the rows of a table that match: see `Lake.erase`.

    Raises
    ------
    InvalidArgumentError
        If an argument cannot be used, the lake is not on a disk, or nothing matches.
    LakeError
        If the lake cannot be read or written, or others publish too fast.
    UnknownNameError
        If there is no such table or column.
    """
    root = _root(storage)
    who = _who(by)
    storage.tables()
    subject = Subject(storage.specs.of(table), where, zone)
    if not (is_text(reason) and reason.strip()):
        msg = f"reason must say why rows of {table} are erased, was {reason!r}"
        raise InvalidArgumentError(msg)
    for _ in range(_LOOKS):
        with translated(storage.where):
            work = _Work(storage, subject, step)
            about = work.about(id=secrets.token_hex(8), at=now, reason=reason, by=who)
            if dry_run:
                return replace(about, is_dry_run=True)
            if not work.search.held:
                raise InvalidArgumentError(_nothing(root, subject, where or {}))
            done = work.carry_out(root, about)
        if done is not None:
            return done
    msg = f"{storage.where} changes faster than it can be erased from. Try again"
    raise LakeError(msg)


def _root(storage: Storage) -> Path:
    """Return the folder of a lake that something can be erased from.

    Raises
    ------
    InvalidArgumentError
        If it has none, or was opened as something else.
    """
    check_main(storage)
    if "path" not in storage.address:
        msg = (
            f"{storage.where} is not a lake in a folder, and nothing can be erased "
            f"from it as a whole: export it to a folder, erase there, and make the "
            f"catalog anew of that"
        )
        raise InvalidArgumentError(msg)
    if storage.spark is not None:
        msg = f"{storage.where} was opened with Spark: erase without"
        raise InvalidArgumentError(msg)
    return Path(storage.address["path"])


def _who(by: object) -> str:
    """Return who erases.

    Raises
    ------
    InvalidArgumentError
        If it is no name.
    """
    if by is None:
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # as in a container
            return "unknown"
    if not (is_text(by) and by.strip()):
        msg = f"by must say who erases, was {by!r}"
        raise InvalidArgumentError(msg)
    return by.strip()


def _nothing(root: Path, subject: Subject, where: Mapping[str, Any]) -> str:
    """Return that nothing matches, and whether it was erased before."""
    texts = subject.texts
    what = f"nothing of {subject.spec.name} matches {dict(where)!r}"
    for said in erasure_note.certificates(root):
        known = {each["digest"] for each in said["values"]}
        if texts and {salted(said["id"], text) for text in texts} <= known:
            return f"{what}: erased at {said['at']}, certificate {said['id']}"
    return f"{what}, in no release, branch or file: check how it is written"


@dataclass(frozen=True, slots=True)
class _Page:
    """A ledger, of main or of a branch."""

    storage: Storage
    ledger: Ledger


class _Work:
    """One look at a lake, and what is to be done to it."""

    def __init__(self, storage: Storage, subject: Subject, step: Step | None) -> None:
        self._storage, self._subject, self._step = storage, subject, step
        tables, main = read_state(storage)
        self._pages = [_Page(storage, main)]
        self._pages += [_Page(there, own) for there, own in ledgers(storage)]
        self._tables = dict(tables)
        trials = storage.trials()
        if trials is not None:
            self._tables[TRIALS] = trials
        specs, name = storage.specs, subject.spec.name
        self._told: dict[str, Mapping[str, str]] = {}
        files = {
            each: TableFiles(self._tables[each], self._digests(each))
            for each in fact_tables(tables)
        }
        if name not in files:
            files[name] = TableFiles(_empty(tables[LEDGER]), NOTHING)
        self._files = files
        self.search = Search(subject, files[name], step)
        if self.search.held:
            self.search.look_beside(
                [(_spec(specs, subject, each), its) for each, its in files.items()],
                step,
            )
        texts = self.search.texts
        gone = texts.gone - texts.left if self.search.held else set()
        self.words = Words(gone, _covering(texts.longer, gone))

    def _digests(self, name: str) -> Mapping[str, str]:
        """Return the digests of a table's files whose names do not tell them."""
        told: dict[str, str] = {}
        for listed in {pin.files for _, pin in self._pins(name) if pin.files}:
            told |= read_listed(self._tables[name], listed)
        self._told[name] = told
        return told

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
            If the reason, or who erases, holds what is erased.
        """
        name, search = self._subject.spec.name, self.search
        asked = Words({*self.words.values, *self._subject.texts})
        for what, text in (("reason", reason), ("by", by)):
            if asked.stand_in(text):
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
            columns=self._subject.columns,
            reason=reason.strip(),
            by=by,
            at=at,
            n_rows=len(search.rows),
            rows=rows,
            n_data_files=len(search.held),
            n_values=len(self.words.values),
            n_longer=len(self.words.kept),
            elsewhere=tuple(self._elsewhere()),
        )

    def _elsewhere(self) -> Iterator[Elsewhere]:
        for (table, column, text), n_rows in self.search.texts.elsewhere.items():
            (where,) = where_texts({column: text})
            words = ["lakebt", "erase", table, "--where", where, "--reason", "..."]
            command = located(shlex.join(words), self._storage.address)
            yield Elsewhere(table=table, column=column, n_rows=n_rows, command=command)

    def carry_out(self, root: Path, about: Erasure) -> Erasure | None:
        """Write, commit and delete; None if others changed the lake meanwhile."""
        catalog = self._storage.sql
        assert catalog is not None  # noqa: S101 - one in a folder is SQL
        draft = Draft(catalog.name, self._tables, self.words)
        note: erasure_note.Note | None = None
        is_done = False
        try:
            lists = self._write(draft, about)
            # Before the instant, so that none is forgotten if this is killed after it.
            erasure_note.certify_anew(root, self.words.deeply)
            draft.have()
            note = self._note(draft, lists, about)
            about = replace(
                about,
                before=tuple(draft.before),
                after=tuple(draft.after),
                n_files=len(note.doomed),
            )
            draft_certificate = self._certificate(about)
            note = replace(note, certificate=draft_certificate)
            try:
                is_done = self._commit(root, draft, note)
            except LostRaceError:
                is_done = False
        finally:
            if not is_done and not erasure_note.is_done(catalog, root, about.id):
                draft.undo()
                erasure_note.place_of(root, about.id).unlink(missing_ok=True)
        if not is_done:
            return None
        self._forget()
        erasure_note.finish(root, note)
        about = replace(about, proof=self._proof())
        erasure_note.certify(root, about.id, self._certificate(about))
        erasure_note.place_of(root, about.id).unlink(missing_ok=True)
        return about

    def _certificate(self, about: Erasure) -> dict[str, Any]:
        return certificate_of(about, values=self.words.values, version=__version__)

    def _write(self, draft: Draft, about: Erasure) -> set[str]:
        """Write all tables anew; return the lists of digests that are in use."""
        name = self._subject.spec.name
        draft.facts(self.search, self._told[name])
        if TRIALS in self._tables and self.words:
            draft.trials(self._tables[TRIALS])
        lists: dict[str, str] = {}
        for listed in {pin.files for _, pin in self._pins(name) if pin.files}:
            lists[listed] = self._list_anew(draft, listed)
        edits = _Edits(self.search, self.words, lists, about)
        draft.ledger(self._tables[LEDGER], edits.edited, about.id)
        draft.others({name, LEDGER, TRIALS})
        return set(lists.values())

    def _list_anew(self, draft: Draft, listed: str) -> str:
        """Write a list of digests without the files that go, and return its name."""
        table = self._tables[self._subject.spec.name]
        before = read_listed(table, listed)
        left = {path: d for path, d in before.items() if path not in set(draft.doomed)}
        if left == dict(before):
            return listed
        if not left:
            return ""
        name = write_listed(table, left)
        draft.written.append(listed_at(table, name))
        return name

    def _note(self, draft: Draft, lists: set[str], about: Erasure) -> erasure_note.Note:
        table = self._tables[self._subject.spec.name]
        old = {pin.files for _, pin in self._pins(self._subject.spec.name) if pin.files}
        doomed = [*draft.doomed, *(listed_at(table, name) for name in old - lists)]
        return erasure_note.Note(
            id=about.id,
            written=tuple(draft.written),
            doomed=tuple(dict.fromkeys(doomed)),
            tables=(str(table.metadata.table_uuid),),
            certificate={},
        )

    def _commit(self, root: Path, draft: Draft, note: erasure_note.Note) -> bool:
        """Point all tables at what was written; False if one has moved."""
        catalog = self._storage.sql
        assert catalog is not None  # noqa: S101 - one in a folder is SQL
        with turn(catalog) as session:
            now = with_trials(self._storage, self._storage.tables())
            for pointer in draft.pointers:
                there = now.get(pointer.table)
                if there is None or there.metadata_location != pointer.before:
                    return False  # what nothing named then, something may name now
            self._remove_orphans(draft, note)
            erasure_note.leave(root, note)
            if not point(session.connection(), draft.pointers):
                session.rollback()
                return False
        return True

    def _remove_orphans(self, draft: Draft, note: erasure_note.Note) -> None:
        """Delete what nothing names, now that nobody can be about to name it."""
        kept = {*note.doomed, *note.written}
        for name in draft.metadata:
            files = self._files.get(name)
            table = self._tables[name]
            reached = (files or TableFiles(table, NOTHING)).reached
            known = [*kept, *reached]
            lists = {pin.files for _, pin in self._pins(name) if pin.files}
            known += [listed_at(table, each) for each in lists]
            for path in list(
                orphans(table, known, subject=self._subject, words=self.words)
            ):
                path.unlink(missing_ok=True)

    def _proof(self) -> Proof:
        """Look for the values in every byte of the lake."""
        contents = contents_of(self._storage)
        return prove(contents, self.words.values, kept=self.words.kept, step=self._step)

    def _forget(self) -> None:
        """Forget what was read of the lake before."""
        CONTENTS.clear()
        self._storage.memory.clear()


def _spec(specs: Specs, subject: Subject, name: str) -> TableSpec:
    """Return what a table holds; of the subject's, what its own filter has."""
    return subject.spec if name == subject.spec.name else specs.of(name)


def _empty(table: Table) -> Table:
    """Return a table without any snapshot."""
    told: dict[str, Any] = {"snapshots": [], "current_snapshot_id": None, "refs": {}}
    metadata = table.metadata.model_copy(update=told)
    place = table.metadata_location
    return Table(table.name(), metadata, place, table.io, table.catalog)


def _covering(longer: set[str], gone: set[str]) -> set[str]:
    """Return the texts that stay of which one that is gone is a part."""
    return {text for text in longer if any(value in text for value in gone)}


class _Edits:
    """What releases say once rows of theirs are gone."""

    def __init__(
        self, search: Search, words: Words, lists: Mapping[str, str], about: Erasure
    ) -> None:
        self._search, self._words, self._lists = search, words, lists
        self._about = about

    def edited(self, release: Release, before: dict[str, Release]) -> Release:
        """Return what a release says now, given those before it on its page."""
        name = self._search.subject.spec.name
        told = without_values(release, self._words)
        pin = release.pin(name)
        metadata = self._search.files.table.metadata
        if pin is None or metadata.snapshot_by_id(pin.snapshot_id) is None:
            return told
        last = next(reversed(before.values()), None)
        now = self._pinned(release, pin, last)
        pins = tuple(now if each is pin else each for each in release.tables)
        told = replace(told, tables=pins)
        if n_gone := self._search.n_gone(pin.snapshot_id):
            about = self._about
            mark = Redaction(
                erased_at=about.at,
                because=about.reason,
                certificate=about.id,
                rows={name: n_gone},
            )
            told = replace(told, redactions=(*told.redactions, mark))
        return told

    def _pinned(
        self, release: Release, pin: TablePin, last: Release | None
    ) -> TablePin:
        search = self._search
        n_gone = search.n_gone(pin.snapshot_id)
        files = self._lists.get(pin.files, pin.files) if pin.files else pin.files
        if not n_gone:
            return replace(pin, files=files)
        n_rows = pin.rows - n_gone
        earliest = search.left_from(pin.snapshot_id) or release.as_of
        published = pin.published
        if published is not None:
            held = None if last is None else last.pin(pin.table)
            came = n_gone - (0 if held is None else search.n_gone(held.snapshot_id))
            if BASE in release.labels:
                came = 0
            published = max(0, min(published - max(came, 0), n_rows))
        return replace(
            pin, rows=n_rows, published=published, earliest=earliest, files=files
        )
