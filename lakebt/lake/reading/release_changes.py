"""Changes of a release after a view of it was opened, for error messages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lakebt.errors import LakebtError, LakeError, ReleaseEndedError
from lakebt.lake.committing.ledger import read_ledger
from lakebt.lake.tables.schemas import LEDGER

if TYPE_CHECKING:
    from lakebt.lake.committing.ledger import Release
    from lakebt.lake.storage.catalog import Storage


def change_since(storage: Storage, release: Release, table: str) -> LakebtError | None:
    """Return the change of a release since it was opened; None if none is known.

    Parameters
    ----------
    storage
    release
        As it was when it was opened.
    table
        The one that cannot be read.
    """
    try:
        now = read_ledger(storage, storage.tables()[LEDGER]).get(release.name)
    except ReleaseEndedError as ended:
        return ended
    except LakebtError as error:
        folder = storage.address.get("path")
        is_moved = folder is not None and not Path(folder).exists()
        return error if is_moved else None
    for redaction in now.redactions[len(release.redactions) :]:
        if table in redaction.rows:
            msg = (
                f"release {release.name!r} is not what it was when this view of it was "
                f"opened: {redaction.words(table)}. Open it anew"
            )
            return LakeError(msg)
    return None
