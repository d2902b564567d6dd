"""Files in a table's folder that nothing names, and that may hold what is erased."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakebt.lake.erasure.subject import file_rows
from lakebt.lake.keeping.reachable_files import Folders
from lakebt.lake.storage.failures import is_failure
from lakebt.lake.tables.arrow import pc

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyiceberg.table import Table

    from lakebt.lake.erasure.subject import Subject
    from lakebt.lake.erasure.substitution import Words
    from lakebt.lake.keeping.reachable_files import Found


_METADATA = (".avro", ".metadata.json")
"""How the names of files end that say what is in others: bounds of their values."""


def delete_orphans(
    table: Table, known: Iterable[str], *, subject: Subject, words: Words
) -> None:
    """Delete the files of a table that nothing names and that may hold the values.

    A file that cannot be read may hold them, so it goes too. A publisher that was about
    to refer to such a file finds it gone, and starts again.

    Parameters
    ----------
    table
        As it is now.
    known
        Paths of all files that are named, or will be.
    subject, words
        What they may not hold.

    Raises
    ------
    OSError
        If one cannot be deleted.
    """
    folders = Folders(table)
    for file in folders.others(known):
        name = file.path
        if name.endswith(_METADATA) or (
            name.endswith(".parquet")
            and _holds(folders, file, table, subject=subject, words=words)
        ):
            with contextlib.suppress(FileNotFoundError):
                folders.delete(file)


def _holds(
    folders: Folders, file: Found, table: Table, *, subject: Subject, words: Words
) -> bool:
    """Whether a data file has rows of the subject, or one of the values."""
    try:
        rows = file_rows(folders.content(file), table.schema())
        is_own = table.name()[-1] == subject.spec.name
        if is_own and subject.matches(rows, table.schema()).any():
            return True
        # Columns of columns, as the ledger has them, are looked at as texts too.
        return any(
            words.stand_in(str(value))
            for name in rows.column_names
            for value in _values(rows, name)
        )
    except Exception as error:
        if not is_failure(error):
            raise
        return True


def _values(rows: pa.Table, name: str) -> list[object]:
    values: Any = rows.column(name)
    is_nested = pa.types.is_nested(values.type)
    values_list: list[object] = (values if is_nested else pc.unique(values)).to_pylist()
    return values_list
