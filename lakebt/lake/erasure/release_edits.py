"""What releases say once rows of theirs are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakebt.lake.committing.branches import BASE
from lakebt.lake.committing.erasure_marks import Redaction
from lakebt.lake.tables.schemas import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakebt.lake.committing.ledger import Release, TablePin
    from lakebt.lake.erasure.certificate import Erasure
    from lakebt.lake.erasure.held_rows import Search
    from lakebt.lake.erasure.substitution import Words


class ReleaseEdits:
    """Edits releases, one after the other.

    Parameters
    ----------
    search
        What is erased.
    words
        What no text may hold any more.
    lists
        The lists of digests that are written anew, by what they were called.
    about
        The erasure.
    """

    def __init__(
        self, search: Search, words: Words, lists: Mapping[str, str], about: Erasure
    ) -> None:
        self._search, self._words, self._lists = search, words, lists
        self._about = about

    def edited(self, release: Release, before: dict[str, Release]) -> Release:
        """Return what a release says now, given those before it on its page."""
        name = self._search.subject.spec.name
        edited = _without_values(release, self._words)
        pin = release.pin(name)
        metadata = self._search.files.table.metadata
        if pin is None or metadata.snapshot_by_id(pin.snapshot_id) is None:
            return edited
        last = next(reversed(before.values()), None)
        now = self._pinned(release, pin, last)
        pins = tuple(now if each is pin else each for each in release.tables)
        edited = replace(edited, tables=pins)
        if n_gone := self._search.n_gone(pin.snapshot_id):
            about = self._about
            mark = Redaction(
                erased_at=about.at,
                because=about.reason,
                certificate=about.id,
                rows={name: n_gone},
            )
            edited = replace(edited, redactions=(*edited.redactions, mark))
        return edited

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
            last_pin = None if last is None else last.pin(pin.table)
            came = n_gone - (
                0 if last_pin is None else search.n_gone(last_pin.snapshot_id)
            )
            if BASE in release.labels:
                came = 0
            published = max(0, min(published - max(came, 0), n_rows))
        return replace(
            pin, rows=n_rows, published=published, earliest=earliest, files=files
        )


def _without_values(release: Release, words: Words) -> Release:
    """Return what a release says of itself, without the values."""
    return replace(
        release,
        note=words.without(release.note),
        labels=_labels(release.labels, words),
        files=tuple(_file(file, words) for file in release.files),
        ended_because=words.without(release.ended_because),
        redactions=tuple(
            replace(mark, because=words.without(mark.because))
            for mark in release.redactions
        ),
    )


def _labels(labels: Mapping[str, str], words: Words) -> dict[str, str]:
    """Return labels without the values; lakebt's own are names, which stay."""
    return {
        key if key.startswith(OURS) else words.without(key): text
        if key.startswith(OURS)
        else words.without(text)
        for key, text in labels.items()
    }


def _file(file: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """Return what is said of a file without the values."""
    return {
        key if key in _OF_FILES else words.without(key): value
        if key in _NOT_WRITTEN
        else words.deeply(value)
        for key, value in file.items()
    }


_NOT_WRITTEN = frozenset({"table", "sha256", "bytes", "n_files", "format", "read"})

_OF_FILES = frozenset({*_NOT_WRITTEN, "name", "kept", "dropped"})
"""What lakebt itself says of each file that a release was read from."""
