"""The one instant of an erasure, what is written before it, and deleted after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebt._version import __version__
from lakebt.lake.committing.sql import turn
from lakebt.lake.erasure.certificate import certificate_of
from lakebt.lake.erasure.certificate_edits import without_digests, without_values
from lakebt.lake.erasure.draft import Draft
from lakebt.lake.erasure.held_rows import TableFiles
from lakebt.lake.erasure.object_versions import kept_versions
from lakebt.lake.erasure.orphans import delete_orphans
from lakebt.lake.erasure.proof import prove
from lakebt.lake.erasure.proof_places import contents_of
from lakebt.lake.erasure.release_edits import ReleaseEdits
from lakebt.lake.keeping.maintenance import with_trials
from lakebt.lake.storage import erasure_note
from lakebt.lake.storage.erasure_files import note_name
from lakebt.lake.storage.failures import LostRaceError
from lakebt.lake.storage.fingerprint import (
    NOTHING,
    listed_at,
    read_listed,
    write_listed,
)
from lakebt.lake.storage.kept_files import forget
from lakebt.lake.storage.move_note import point
from lakebt.lake.tables.schemas import LEDGER, TRIALS

if TYPE_CHECKING:
    from pyiceberg.catalog.sql import SqlCatalog

    from lakebt.lake.erasure.certificate import Erasure
    from lakebt.lake.erasure.survey import Survey
    from lakebt.lake.storage.erasure_files import ErasureFiles


class Transaction:
    """Erases what a look at a lake found.

    Parameters
    ----------
    survey
    catalog
        Of the lake.
    files
        Where its note and its certificate go.
    """

    def __init__(
        self, survey: Survey, catalog: SqlCatalog, files: ErasureFiles
    ) -> None:
        self._survey, self._catalog, self._files = survey, catalog, files
        self._name = survey.subject.spec.name
        self._table = survey.files[self._name].table

    def run(self, about: Erasure) -> Erasure | None:
        """Write, commit and delete; None if others changed the lake meanwhile."""
        survey, catalog, files = self._survey, self._catalog, self._files
        draft = Draft(catalog.name, survey.tables, survey.words)
        note: erasure_note.Note | None = None
        is_done = False
        try:
            lists = self._write(draft, about)
            # Before the instant, so that none is forgotten if this is killed after it.
            files.certify_anew(
                lambda said: without_digests(without_values(said, survey.words))
            )
            draft.have()
            note = self._note(draft, lists, about)
            about = replace(
                about,
                before=tuple(draft.before),
                after=tuple(draft.after),
                n_files=len(note.doomed),
            )
            note = replace(note, certificate=self._certificate(about))
            try:
                is_done = self._commit(draft, note)
            except LostRaceError:
                is_done = False
        finally:
            if not is_done and not erasure_note.is_done(catalog, files.io, about.id):
                draft.undo()
                files.remove(note_name(about.id))
        if not is_done:
            return None
        forget()
        survey.storage.memory.clear()
        erasure_note.finish(catalog, files.io, note)
        contents = contents_of(survey.storage)
        words = survey.words
        about = replace(
            about,
            proof=prove(contents, words.values, kept=words.kept, step=survey.step),
            versions=kept_versions(survey.tables),
        )
        files.certify(self._certificate(about))
        files.remove(note_name(about.id))
        return about

    def _certificate(self, about: Erasure) -> dict[str, Any]:
        return certificate_of(about, words=self._survey.words, version=__version__)

    def _write(self, draft: Draft, about: Erasure) -> set[str]:
        """Write all tables anew; return the lists of digests that are in use."""
        survey = self._survey
        draft.facts(survey.search, survey.told[self._name])
        if TRIALS in survey.tables and survey.words:
            draft.trials(survey.tables[TRIALS])
        lists = {
            listed: self._list_anew(draft, listed)
            for listed in survey.lists(self._name)
        }
        edits = ReleaseEdits(survey.search, survey.words, lists, about)
        draft.ledger(survey.tables[LEDGER], edits.edited, about.id)
        draft.others({self._name, LEDGER, TRIALS})
        return set(lists.values())

    def _list_anew(self, draft: Draft, listed: str) -> str:
        """Write a list of digests without the files that go, and return its name."""
        before = read_listed(self._table, listed)
        left = {path: d for path, d in before.items() if path not in set(draft.doomed)}
        if left == dict(before):
            return listed
        if not left:
            return ""
        name = write_listed(self._table, left)
        draft.written.append(listed_at(self._table, name))
        return name

    def _note(self, draft: Draft, lists: set[str], about: Erasure) -> erasure_note.Note:
        old = self._survey.lists(self._name) - lists
        doomed = [*draft.doomed, *(listed_at(self._table, name) for name in old)]
        return erasure_note.Note(
            id=about.id,
            written=tuple(draft.written),
            doomed=tuple(dict.fromkeys(doomed)),
            tables=(str(self._table.metadata.table_uuid),),
            certificate={},
        )

    def _commit(self, draft: Draft, note: erasure_note.Note) -> bool:
        """Point all tables at what was written; False if one has moved."""
        survey = self._survey
        with turn(self._catalog) as connection:
            now = with_trials(survey.storage, survey.storage.tables())
            for pointer in draft.pointers:
                there = now.get(pointer.table)
                if there is None or there.metadata_location != pointer.before:
                    return False  # what nothing named then, something may name now
            # In catalogs with row locks, recorders of trials wait from here on, too.
            if not point(connection, draft.pointers):
                connection.rollback()
                return False
            self._delete_orphans(draft, note)
            erasure_note.leave(self._files, note)
        return True

    def _delete_orphans(self, draft: Draft, note: erasure_note.Note) -> None:
        """Delete unreferenced files; no publisher can be about to refer to them now."""
        survey = self._survey
        for name in draft.metadata:
            table = survey.tables[name]
            files = survey.files.get(name) or TableFiles(table, NOTHING)
            known = [*note.doomed, *note.written, *files.reached]
            known += [listed_at(table, each) for each in survey.lists(name)]
            delete_orphans(table, known, subject=survey.subject, words=survey.words)
